"""The trade's refusals: an ACK, then one signed callback with the right code."""

from __future__ import annotations

import pytest

from conformance.verdicts import Outcome
from tests.conformance.targets import Failing, Silent, Talkative, Target, WrongKey, results_on

CALLED_BACK = ("select-unknown-item", "status-unknown-order", "confirm-first")


def test_signed_errors_pass_and_acting_twice_on_one_message_fails() -> None:
    results = results_on(Talkative)

    assert {results[id_].outcome for id_ in CALLED_BACK} == {Outcome.PASSED}
    assert (results["same-bytes"].outcome, results["same-bytes"].got) == (Outcome.FAILED, "2 of them")
    assert results["same-id"].outcome is Outcome.FAILED
    assert results["select-no-order"].outcome is Outcome.FAILED


@pytest.mark.parametrize("kind", [Target, Failing, Silent, WrongKey])
def test_errors_that_do_not_come_or_do_not_verify_fail(kind: type[Target]) -> None:
    results = results_on(kind)

    assert {results[id_].outcome for id_ in ("status-unknown-order", "confirm-first")} == {Outcome.FAILED}


def test_a_select_without_order_is_refused_by_a_target_that_checks_it() -> None:
    assert results_on(Silent)["select-no-order"].outcome is Outcome.PASSED
