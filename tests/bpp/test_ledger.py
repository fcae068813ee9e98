"""What the operator's decisions and meters do in its ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from bpp import ledger as books
from bpp.store import ledger as store
from bpp.store import money, trade
from energy.intervals import Interval
from energy.ledger import Event, Kind
from energy.offers import CancelRequest
from node import ledger
from tests.bpp.api.conftest import operator, stranger
from tests.bpp.platform import TRADE, Platform, use
from tests.bpp.test_operation import GIVEBACK_WH, any_platform, finished, look_at, readings

__all__ = ["any_platform", "operator", "stranger"]
USE = use()
PRODUCER = "bap.test"


async def on(platform: Platform, kind: Kind, detail: str | None = None) -> int:
    found = await platform.database.read(lambda tx: ledger.balances(tx, kind))
    return sum(each.amount for each in found if detail in {None, each.account.detail})


async def contract_of(platform: Platform, order_id: str) -> Any:
    found = await platform.database.read(lambda tx: trade.find(tx, order_id))
    assert found is not None
    return found


async def faults(platform: Platform) -> tuple[str, ...]:
    return (await platform.database.read(lambda tx: ledger.verify(tx, "bpp.test"))).faults


async def test_a_settled_contract_has_its_invoice_and_its_energy_in_the_ledger(any_platform: Platform) -> None:
    platform = any_platform
    order_id = str((await platform.buy()).order.order_id)
    await finished(platform)
    booked = await platform.database.read(lambda tx: ledger.of_contract(tx, order_id))
    assert {each.entry.event for each in booked} == {Event.DOCUMENT_ISSUED, Event.ENERGY_MOVED, Event.LOT_CLOSED}
    assert await on(platform, Kind.RECEIVABLE) == 561_090
    assert await on(platform, Kind.REVENUE) == -475_500
    assert [await on(platform, Kind.TAX_PAYABLE, tax) for tax in ("CGST", "SGST")] == [-42_795, -42_795]
    assert (await on(platform, Kind.GENERATED), await on(platform, Kind.RETURNED)) == (-300_000, GIVEBACK_WH)
    assert (await on(platform, Kind.IN_STORE), await on(platform, Kind.SET_ASIDE)) == (0, 0)
    assert await on(platform, Kind.LOST, "charging") == 18_000
    assert (
        await on(platform, Kind.GENERATED) + GIVEBACK_WH + await on(platform, Kind.LOST) + await on(platform, Kind.OWN)
        == 0
    )
    assert await faults(platform) == ()


# -- while it runs --------------------------------------------------------------------------------------------


async def kept_up(platform: Platform, until_h: float, taken: Any, at: Any = None) -> None:
    """Let so many hours of November pass, and keep the books."""
    await look_at(platform, at or use(start_h=0).charge.start + timedelta(hours=until_h), taken)
    await platform.bpp.bookkeeping.look()


async def test_energy_is_in_a_lot_while_it_is_stored_and_the_forecast_is_set_aside(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    taken = readings(USE)
    await kept_up(platform, 6.6, taken)
    assert (await on(platform, Kind.GENERATED), await on(platform, Kind.IN_STORE)) == (-150_000, 141_000)
    await kept_up(platform, 58.6, taken)
    position = await platform.database.read(lambda tx: store.position_of(tx, order_id))
    assert position is not None
    assert position.until == USE.charge.end + timedelta(days=2)
    # 282 kWh × (1 − 0.999²), set aside by hour, and by day to the watt-hour.
    assert (position.in_store_wh, position.set_aside_wh) == (281_436, 564)
    assert [lot.lot_id for lot in position.lots] == [f"{order_id}/battery-1/2026-11-01"]
    assert await faults(platform) == ()


async def test_the_books_are_the_same_whether_they_were_kept_by_the_hour_or_at_the_end(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    taken = readings(USE)
    for hour in (5, 6, 9, 20, 40, 80, 118, 121):
        await kept_up(platform, hour, taken)
    await look_at(platform, USE.giveback.end, taken)
    booked = await platform.database.read(lambda tx: ledger.of_contract(tx, order_id))
    assert not [each for each in booked if each.entry.event is Event.REVERSAL]
    assert (await on(platform, Kind.GENERATED), await on(platform, Kind.RETURNED)) == (-300_000, GIVEBACK_WH)
    assert await on(platform, Kind.LOST, "charging") == 18_000
    assert await faults(platform) == ()


async def test_samples_that_came_late_are_booked_by_reversal_when_the_contract_ends(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    taken = readings(USE)
    early = [each for each in taken if each.measured_at <= USE.charge.start + timedelta(hours=2)]
    missing = [replace(early[-1], measured_at=USE.charge.end + timedelta(minutes=1))]
    await kept_up(platform, 12, early + missing)
    assert await on(platform, Kind.GENERATED) == -75_000
    await platform.add_samples(*taken)
    await look_at(platform, USE.giveback.end, taken)
    booked = await platform.database.read(lambda tx: ledger.of_contract(tx, order_id))
    reversed_ = [each.entry for each in booked if each.entry.event is Event.REVERSAL]
    assert [entry.reverses for entry in reversed_] == [each.entry.reference for each in booked[:2]]
    assert await on(platform, Kind.GENERATED) == -300_000
    assert await faults(platform) == ()


async def test_the_measured_state_proves_the_standing_loss(platform: Platform) -> None:
    await platform.buy()
    # 100 kWh of the operator's, then 282 kWh more, which lose half a percent in five days.
    soc = {USE.charge.start: Decimal(100_000) / 475_000, USE.charge.end: Decimal(382_000) / 475_000}
    soc |= {USE.giveback.start: Decimal(380_000) / 475_000, USE.giveback.end: Decimal(100_000) / 475_000}
    taken = [replace(each, soc=soc.get(each.measured_at)) for each in readings(USE)]
    await kept_up(platform, 12, taken)
    for at in (USE.giveback.start, USE.giveback.end):
        await look_at(platform, at, taken)
    booked = await platform.database.read(lambda tx: ledger.after(tx, 0, 100))
    assert Event.LOSS_PROVEN in {each.entry.event for each in booked}
    assert 0 < await on(platform, Kind.LOST, "standing") <= 1_407
    assert await platform.database.read(lambda tx: store.store_of(tx, "battery-1")) is None


async def test_lots_that_are_not_in_the_battery_raise_an_alarm_that_clears_again(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    await platform.buy()
    empty, full = Decimal("0.1"), Decimal("0.7")
    taken = [replace(each, soc=empty) for each in readings(USE) if each.measured_at <= USE.charge.end]
    await kept_up(platform, 11, taken)
    [raised] = await platform.database.read(store.alarms)
    assert raised.alarm is not None
    assert raised.alarm.startswith("The contracts have 282 kWh in store in battery battery-1")
    assert raised.alarm in caplog.text
    held = replace(taken[-1], measured_at=USE.charge.end + timedelta(hours=2), soc=full)
    await kept_up(platform, 12.6, [held])
    assert await platform.database.read(store.alarms) == []


async def test_a_day_that_is_over_is_signed_with_the_participants_key(platform: Platform) -> None:
    await platform.buy()
    await kept_up(platform, 12, readings(USE))
    await kept_up(platform, 30, readings(USE))
    [root] = await platform.database.read(ledger.roots)
    own = platform.bpp.participant.keyring.own
    assert (root.day.isoformat(), root.key_id) == ("2026-11-01", own.key_id)
    assert root.holds(own.subscriber_id)


# -- other ends -----------------------------------------------------------------------------------------------


async def test_a_contract_that_is_cancelled_while_charging_is_billed_and_closed(any_platform: Platform) -> None:
    platform = any_platform
    order_id = str((await platform.buy()).order.order_id)
    await look_at(platform, USE.charge.start + timedelta(hours=4), readings(USE))
    await platform.answer("cancel", CancelRequest(order_id, "1", ""))
    contract = await contract_of(platform, order_id)
    assert await on(platform, Kind.RECEIVABLE) == contract.quote.total.amount_minor > 0
    assert await on(platform, Kind.GENERATED) == -150_000
    assert (await on(platform, Kind.IN_STORE), await on(platform, Kind.OWN)) == (0, 141_000)
    assert await on(platform, Kind.FEES) < 0
    assert await faults(platform) == ()


async def test_a_document_is_booked_once_and_each_of_its_lines_has_an_account(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    await finished(platform)
    issued = await platform.database.read(lambda tx: money.of_contract(tx, order_id))
    assert issued is not None
    await platform.database.write(lambda tx: books.book_document(tx, issued))
    booked = await platform.database.read(lambda tx: ledger.of_contract(tx, order_id))
    [entry] = [each.entry for each in booked if each.entry.event is Event.DOCUMENT_ISSUED]
    lines = orjson.loads(issued.document)["lines"]
    assert {posting.account.detail for posting in entry.postings} == {"", *(line["title"] for line in lines)}


async def test_a_credit_note_takes_back_what_was_owed(platform: Platform, operator: Any) -> None:
    await platform.buy()
    await finished(platform)
    lines = [{"title": "STORAGE_CAPACITY_CHARGE", "amount": "1000.00"}]
    wanted = {"kind": "credit-note", "reason": "Half of it was not there.", "lines": lines}
    answer = await operator.post("/api/v1/invoices/BB/26-27/000001/notes", json=wanted)
    assert answer.status == 201, await answer.text()
    assert await on(platform, Kind.RECEIVABLE) == 561_090 - 118_000
    assert await faults(platform) == ()


async def test_a_span_that_is_not_next_is_not_booked(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    contract = await contract_of(platform, order_id)
    later = Interval(USE.charge.start + timedelta(hours=1), USE.charge.end)
    assert await platform.database.write(lambda tx: books.book_energy(tx, contract, (), later, USE.charge.end)) is None


async def test_the_contracts_of_a_transaction_are_found_for_its_trace(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    assert await platform.database.read(lambda tx: store.contracts_of(tx, TRADE)) == [order_id]
    assert await platform.database.read(lambda tx: store.contracts_of(tx, "another")) == []
