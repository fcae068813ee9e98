"""The contracts in memory: true to the database after every change, and read again only when they changed."""

from __future__ import annotations

from bpp.contracts import Told
from bpp.store import trade
from energy.offers import CancelRequest
from tests.bpp.platform import OTHER_TRADE, Platform, order, use
from tests.bpp.test_dispatch import STATE
from tests.energy.examples import BATTERY

OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}


async def test_the_index_follows_confirmations_changes_and_ends(platform: Platform) -> None:
    index = platform.bpp.running
    assert await index.refresh() == set()
    ids = [
        str((await platform.buy()).order.order_id),
        str((await platform.buy(order(use=use(20_000)), **OTHER_BAP)).order.order_id),
    ]
    assert await index.refresh() == {BATTERY.battery_id}
    assert sorted(each.contract_id for each in index.of_battery(BATTERY.battery_id)) == sorted(ids)
    assert await index.refresh() == set()
    await platform.answer("cancel", CancelRequest(ids[0], "1", ""))
    assert await index.refresh() == {BATTERY.battery_id}
    assert [each.contract_id for each in index] == ids[1:]
    assert index.get(ids[0]) is None
    await platform.answer("cancel", CancelRequest(ids[1], "1", ""), **OTHER_BAP)
    assert await index.refresh() == {BATTERY.battery_id}
    assert list(index.batteries) == []


async def test_what_was_told_is_no_change_of_the_contract(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    index = platform.bpp.running
    await index.refresh()
    told = Told(STATE, platform.clock.now)
    await platform.database.write(lambda tx: trade.note_told(tx, order_id, told))
    assert await index.refresh() == set()
    assert (await platform.contract(order_id)).told == told
