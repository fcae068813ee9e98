"""What can be asked of a running order is answered, and what nobody can mean is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.checks import service
from conformance.verdicts import Check
from tests.conformance.targets import breach_on
from tests.conformance.traders import Deaf, Obliging, Trader, Untracked

CHECKS: tuple[Check, ...] = (
    service.tracked,
    service.updated,
    service.other_target,
    service.rated,
    service.rated_beyond,
    service.supported,
)


@pytest.mark.parametrize("check", CHECKS)
async def test_a_target_that_answers_as_it_should_passes(check: Check, tmp_path: Path) -> None:
    assert await breach_on(Trader, tmp_path, check) is None


async def test_who_has_no_tracking_may_say_so(tmp_path: Path) -> None:
    assert await breach_on(Untracked, tmp_path, service.tracked) is None


@pytest.mark.parametrize("check", CHECKS)
async def test_a_target_that_refuses_everything_fails(check: Check, tmp_path: Path) -> None:
    breach = await breach_on(Deaf, tmp_path, check)
    assert breach is not None
    assert "50000" in breach.got


@pytest.mark.parametrize("check", [service.updated, service.other_target, service.rated_beyond, service.supported])
async def test_a_target_that_says_yes_to_everything_fails(check: Check, tmp_path: Path) -> None:
    assert await breach_on(Obliging, tmp_path, check) is not None
