"""The trade that goes well: from select to cancel, each step answered by a callback that verifies."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.checks.search import fits
from conformance.verdicts import NotReached
from schemas.loader import storage


async def selected(bench: Bench) -> None:
    """A quote."""
    await bench.trade.selected()


async def initialised(bench: Bench) -> None:
    """Terms of payment."""
    await bench.trade.initialised()


async def consented(bench: Bench) -> None:
    """The form of ``on_init`` can be read and submitted."""
    if await bench.trade.consented() is None:
        raise NotReached("it needs an xinput in on_init")


async def confirmed(bench: Bench) -> None:
    """An active order."""
    await bench.trade.confirmed()


async def told(bench: Bench) -> None:
    """The order's status."""
    await bench.trade.asked()


async def cancelled(bench: Bench) -> None:
    """A cancelled order."""
    await bench.trade.cancelled()


async def fits_storage(bench: Bench) -> None:
    """All callbacks of the trade are valid by the closed schemas of the storage trade."""
    steps = bench.trade.answers()
    if not steps:
        raise NotReached("it needs a callback of the trade")
    for step in steps:
        fits(storage(step.verified.action), step.verified.content, step.sent)
