"""A search: which rules see what is wrong with its acknowledgement and its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.checks import search
from conformance.verdicts import Check, Outcome
from tests.conformance.targets import (
    MESSAGE_ID,
    Echoing,
    Failing,
    Forgetful,
    Silent,
    Sloppy,
    Talkative,
    WrongKey,
    breach_on,
    outcomes_on,
    results_on,
)


def test_a_signed_catalog_to_the_search_passes_every_rule_of_a_search() -> None:
    assert outcomes_on(Talkative, "search-") == {Outcome.PASSED}


async def test_an_acknowledgement_with_202_and_the_echoed_context_is_one(tmp_path: Path) -> None:
    assert await breach_on(Echoing, tmp_path, search.is_acknowledged) is None


def test_a_target_that_answers_500_did_not_acknowledge_the_search() -> None:
    result = results_on(Failing)["search-ack"]

    assert (result.outcome, result.expected) == (Outcome.FAILED, "ACK")
    assert result.got.startswith("500 ")


def test_a_target_that_never_calls_back_did_not_answer_the_search_and_its_answer_is_not_judged() -> None:
    results = results_on(Silent)

    assert results["search-ack"].outcome is Outcome.PASSED
    assert results["search-answer"].outcome is Outcome.FAILED
    assert "10 kWh" in results["search-answer"].got
    assert {results[f"search-{rule}"].outcome for rule in ("signature", "context", "core", "storage")} == {
        Outcome.SKIPPED
    }


def test_a_callback_under_another_key_fails_the_signature_and_nothing_else_of_the_search() -> None:
    results = results_on(WrongKey)

    assert results["search-signature"].outcome is Outcome.FAILED
    assert "V6-signature" in results["search-signature"].got
    assert results["search-context"].outcome is Outcome.SKIPPED
    assert results["search-core"].outcome is Outcome.PASSED


async def test_a_callback_under_another_message_id_fails_the_context(tmp_path: Path) -> None:
    breach = await breach_on(Forgetful, tmp_path, search.names_the_search)

    assert breach is not None
    assert MESSAGE_ID in breach.got


@pytest.mark.parametrize("check", [search.fits_core, search.fits_storage])
async def test_a_catalog_that_core_refuses_fails_the_schemas_and_names_the_member(check: Check, tmp_path: Path) -> None:
    breach = await breach_on(Sloppy, tmp_path, check)

    assert breach is not None
    assert breach.expected.startswith("/message/catalog/providers")
