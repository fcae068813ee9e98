"""The trade that goes well: the first step that fails is told once, what follows is not reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.checks import flow
from conformance.runner import joined
from conformance.verdicts import Breach, NotReached, Outcome
from tests.conformance import traders
from tests.conformance.targets import Silent, Target, breach_on, outcomes_on, pointed_at
from tests.conformance.traders import Gossip, Open, Trader

STEPS = (flow.selected, flow.initialised, flow.consented, flow.confirmed, flow.told, flow.cancelled)


async def outcomes(kind: type[Target], folder: Path) -> list[Outcome]:
    """What comes of each step, in order."""
    came: list[Outcome] = []
    async with pointed_at(kind, folder) as options, joined(options) as bench:
        for step in STEPS:
            try:
                await step(bench)
            except Breach:
                came.append(Outcome.FAILED)
            except NotReached:
                came.append(Outcome.SKIPPED)
            else:
                came.append(Outcome.PASSED)
    return came


@pytest.mark.parametrize("kind", [Trader, Gossip])
async def test_a_trade_without_mistakes_passes_step_by_step(kind: type[Target], tmp_path: Path) -> None:
    assert await outcomes(kind, tmp_path) == [Outcome.PASSED] * len(STEPS)


@pytest.mark.parametrize(
    ("kind", "failing"),
    [
        (traders.WrongSum, 0),
        (traders.NoTerms, 1),
        (traders.NoForm, 2),
        (traders.DeafForm, 2),
        (traders.Inactive, 3),
    ],
)
async def test_the_first_mistake_fails_its_step_and_the_rest_is_not_reached(
    kind: type[Target], failing: int, tmp_path: Path
) -> None:
    later = len(STEPS) - failing - 1

    assert await outcomes(kind, tmp_path) == [Outcome.PASSED] * failing + [Outcome.FAILED] + [Outcome.SKIPPED] * later


async def test_a_status_of_another_order_fails_and_the_order_is_cancelled_all_the_same(tmp_path: Path) -> None:
    assert (await outcomes(traders.OtherOrder, tmp_path))[-2:] == [Outcome.FAILED, Outcome.PASSED]


async def test_a_cancelled_order_that_goes_on_fails(tmp_path: Path) -> None:
    breach = await breach_on(traders.NotCancelled, tmp_path, flow.cancelled)

    assert breach is not None
    assert breach.got == "status ACTIVE"


async def test_answers_that_tell_more_than_the_storage_schemas_know_fail_those_alone(tmp_path: Path) -> None:
    async with pointed_at(Open, tmp_path) as options, joined(options) as bench:
        await flow.cancelled(bench)
        with pytest.raises(Breach, match="weather"):
            await flow.fits_storage(bench)


async def test_answers_of_a_storage_trade_fit_its_schemas(tmp_path: Path) -> None:
    async with pointed_at(Trader, tmp_path) as options, joined(options) as bench:
        await flow.cancelled(bench)
        await flow.fits_storage(bench)

        told = [step.verified.action for step in bench.trade.answers()]

    assert told == ["on_select", "on_init", "on_confirm", "on_cancel"]


def test_without_a_catalog_there_is_no_trade_to_judge() -> None:
    assert outcomes_on(Silent, "flow-") == {Outcome.SKIPPED}
