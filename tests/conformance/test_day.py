"""Which day a run trades on, when nobody says: one on which the target has something to offer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from conformance.runner import DAYS_AHEAD, Options, joined
from node.clocks import wall_clock
from node.settings import TradeTimeSettings
from tests.conformance.network import network


async def test_a_target_whose_trade_clock_runs_a_week_ahead_is_asked_for_a_later_day(tmp_path: Path) -> None:
    now = wall_clock()
    week_ahead = TradeTimeSettings(epoch=now + timedelta(days=7), started=now)
    async with (
        network(tmp_path, week_ahead) as known,
        joined(Options(target=known.target, registry=known.registry)) as one,
    ):
        assert one.use.charge.start.date() == now.date() + timedelta(days=DAYS_AHEAD[1])
        assert (await one.trade.catalog()).item_id is not None


async def test_tomorrow_is_taken_when_the_target_offers_something_then(tmp_path: Path) -> None:
    async with network(tmp_path) as known, joined(Options(target=known.target, registry=known.registry)) as one:
        assert one.use.charge.start.date() == wall_clock().date() + timedelta(days=1)
