"""The context: what the rules spoil is a valid message, and who takes it spoilt fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.checks.envelope import valid_select
from conformance.runner import joined
from conformance.verdicts import Outcome
from tests.conformance.targets import Failing, Silent, Talkative, Target, outcomes_on, pointed_at


async def test_the_select_that_is_spoilt_would_be_acknowledged_as_it_is(tmp_path: Path) -> None:
    async with pointed_at(Silent, tmp_path) as options, joined(options) as bench:
        sent = await bench.send(valid_select(bench))

    assert sent.answer.status == 200
    assert sent.content == {"message": {"ack": {"status": "ACK"}}}


def test_a_target_that_checks_the_context_passes_every_rule_of_it() -> None:
    assert outcomes_on(Silent, "context-") == {Outcome.PASSED}


@pytest.mark.parametrize("kind", [Target, Failing, Talkative])
def test_a_target_that_does_not_look_at_the_context_fails_every_rule_of_it(kind: type[Target]) -> None:
    assert outcomes_on(kind, "context-") == {Outcome.FAILED}
