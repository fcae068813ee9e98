"""What a search has said is kept for its transaction, for a day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bpp.store import spoken
from energy.offers import DispatchMode
from energy.searches import SearchIntent
from energy.wire.v1.tolerances.rules import Known
from tests.bpp.platform import TRADE, WIRE, running, use
from tests.messages import BAP_ID

USE = use()
WHOLE = SearchIntent(USE.energy_wh, USE.charge, USE.giveback, mode=DispatchMode.MANUAL)


async def test_a_search_is_recalled_by_its_own_transaction_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as platform:
        await platform.database.write(lambda tx: spoken.remember(tx, BAP_ID, TRADE, WHOLE, WIRE))
        recalled = await platform.database.read(lambda tx: spoken.recall(tx, BAP_ID, TRADE))
        another = await platform.database.read(lambda tx: spoken.recall(tx, "bap.other", TRADE))
    assert (recalled, another) == (Known.of(USE, DispatchMode.MANUAL), Known())


async def test_a_later_search_takes_the_earlier_ones_place(tmp_path: Path) -> None:
    async with running(tmp_path) as platform:
        for intent in (WHOLE, SearchIntent(40_000)):
            await platform.database.write(lambda tx, intent=intent: spoken.remember(tx, BAP_ID, TRADE, intent, WIRE))
        recalled = await platform.database.read(lambda tx: spoken.recall(tx, BAP_ID, TRADE))
    assert recalled == Known(energy_wh=40_000)


async def test_what_was_said_yesterday_is_dropped(tmp_path: Path) -> None:
    later = WIRE + timedelta(days=1, seconds=1)
    async with running(tmp_path) as platform:
        await platform.database.write(lambda tx: spoken.remember(tx, BAP_ID, TRADE, WHOLE, WIRE))
        await platform.database.write(lambda tx: spoken.remember(tx, BAP_ID, "another", WHOLE, later))
        recalled = await platform.database.read(lambda tx: spoken.recall(tx, BAP_ID, TRADE))
    assert recalled == Known()
