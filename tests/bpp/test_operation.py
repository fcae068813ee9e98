"""How contracts go on: by the clock, by what the meters say, over restarts, until the invoice."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from bpp.store import money, trade
from energy.battery import profile
from energy.intervals import Interval
from energy.invoices import check
from energy.metering import Sample
from energy.offers import ContractState, LiveState, Negotiation, OrderStatus, StatusRequest, StorageUse
from energy.quantities import Money
from energy.tariffs import LineTitle
from tests.bpp.platform import OTHER_TRADE, Clock, Letter, Platform, order, running, sample, use
from tests.energy.examples import BATTERY

USE = use()
GIVEBACK_WH = profile(BATTERY, USE).giveback_wh
OPENING_WH = 7_000_000
OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def any_platform(tmp_path: Path, database_url: str) -> AsyncIterator[Platform]:
    """A platform on each kind of database."""
    async with running(tmp_path / "data", Clock(), database_url) as opened:
        await opened.put_battery()
        yield opened


def readings(wanted: StorageUse, **more: Any) -> list[Sample]:
    """The battery's meter at every quarter of an hour of both windows, while one contract is carried out as planned."""
    giveback_wh = profile(BATTERY, wanted).giveback_wh
    taken = [
        sample(at, OPENING_WH + wanted.energy_wh * number // count, **more)
        for number, count, at in _quarters(wanted.charge)
    ]
    closing_wh = OPENING_WH + wanted.energy_wh
    return taken + [
        sample(at, closing_wh, giveback_wh * number // count, **more)
        for number, count, at in _quarters(wanted.giveback)
    ]


def _quarters(window: Interval) -> list[tuple[int, int, datetime]]:
    """The boundaries of the window's quarters: which one, of how many, and when."""
    count = (window.end - window.start) // QUARTER
    return [(number, count, window.start + number * QUARTER) for number in range(count + 1)]


async def look_at(platform: Platform, at: datetime, taken: Sequence[Sample] = ()) -> list[Letter]:
    """Move the clock, hand in what was measured until then, and let the operation look."""
    platform.go_to(at)
    await platform.add_samples(*(each for each in taken if each.measured_at <= at))
    await platform.bpp.operation.look()
    return await platform.sent()


async def finished(platform: Platform, wanted: StorageUse = USE) -> Letter:
    """Carry one bought contract out to its end; the last thing that is told."""
    taken = readings(wanted)
    for at in (wanted.charge.start, wanted.charge.end, wanted.giveback.start):
        await look_at(platform, at, taken)
    return (await look_at(platform, wanted.giveback.end, taken))[-1]


def live(letter: Letter) -> LiveState:
    assert letter.order.live is not None
    return letter.order.live


async def test_a_contract_goes_from_confirmed_to_settled_and_each_state_is_told(any_platform: Platform) -> None:
    platform = any_platform
    await platform.buy()
    taken = readings(USE)
    moments = {
        USE.charge.start - QUARTER: None,
        USE.charge.start: ContractState.IN_PROGRESS,
        USE.charge.end: ContractState.HOLDING,
        USE.giveback.start: ContractState.RETURNING,
        USE.giveback.end: ContractState.SETTLED,
    }
    for at, state in moments.items():
        letters = await look_at(platform, at, taken)
        assert {letter.action for letter in letters} <= {"on_status"}
        assert [letter.order.state for letter in letters][-1:] == ([] if state is None else [state])


async def test_a_settled_contract_is_billed_what_the_meter_counted(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    told = (await finished(platform)).order
    assert told.status is OrderStatus.COMPLETE
    assert told.quote is not None
    assert told.quote.total == Money(561_090, "INR")
    assert told.live is not None
    assert (told.live.energy_in_wh, told.live.energy_out_wh, told.live.stored_for_order_wh) == (300_000, GIVEBACK_WH, 0)
    invoice = await platform.database.read(lambda tx: money.of_contract(tx, order_id))
    assert invoice is not None
    document = orjson.loads(invoice.document)
    assert check(document) == []
    assert document["number"] == "BB/26-27/000001"
    assert document["taxable_amount"] == "4755.00"
    assert document["meter"]["interval_count"] == 64
    assert document["meter"]["estimated_count"] == 0
    assert told.invoice is not None
    assert told.invoice.digest_sha256 == hashlib.sha256(invoice.document).hexdigest()
    assert told.payment is not None
    assert told.payment.reference == document["number"]


async def test_half_the_energy_is_billed_as_half_the_energy(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    half = [sample(each.measured_at, (each.energy_in_wh - OPENING_WH) // 2, 0) for each in readings(USE)]
    told = (await look_at(platform, USE.giveback.end, half))[-1].order
    assert told.quote is not None
    # 4500.00 for the capacity and 150 × 0.85 for what went in, and 18 % tax.
    assert told.quote.total == Money(546_046, "INR")
    invoice = await platform.database.read(lambda tx: money.of_contract(tx, order_id))
    assert invoice is not None
    assert check(orjson.loads(invoice.document)) == []


async def test_a_price_that_was_bargained_for_is_what_is_billed_when_all_goes_as_planned(tmp_path: Path) -> None:
    async with running(tmp_path, price_floor_percent=80) as platform:
        await platform.put_battery()
        await platform.buy(order(negotiation=Negotiation(Money(500_000, "INR"))))
        settled = (await finished(platform)).order
        assert settled.quote is not None
        assert settled.quote.total == Money(500_000, "INR")
        assert LineTitle.DISCOUNT in [line.title for line in settled.quote.lines]
        assert settled.order_id is not None
        issued = await platform.database.read(lambda tx: money.of_contract(tx, settled.order_id or ""))
        assert issued is not None
        assert check(orjson.loads(issued.document)) == []


async def test_live_values_follow_the_meter_while_energy_moves(platform: Platform) -> None:
    await platform.buy()
    taken = readings(USE, soc=Decimal("0.25"), power_w=37_500)
    await look_at(platform, USE.charge.start, taken)
    half_way = await look_at(platform, USE.charge.start + timedelta(hours=4), taken)
    assert live(half_way[-1]).energy_in_wh == 150_000
    assert live(half_way[-1]).power_w == 37_500
    assert live(half_way[-1]).soc == Decimal("0.25")
    # A reading within a slot counts as far as it goes.
    within = USE.charge.start + timedelta(hours=4, minutes=6)
    more = await look_at(platform, within, [sample(within, OPENING_WH + 153_750, power_w=1_000)])
    assert live(more[-1]).energy_in_wh == 153_750


async def test_live_energy_is_the_same_after_a_restart(tmp_path: Path) -> None:
    clock, taken = Clock(), readings(USE)
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        order_id = str((await platform.buy()).order.order_id)
        for hours in range(7):
            await look_at(platform, USE.charge.start + timedelta(hours=hours), taken)
        before = live(await platform.answer("status", StatusRequest(order_id)))
    async with running(tmp_path, clock) as platform:
        await platform.sent()
        after = live(await platform.answer("status", StatusRequest(order_id)))
    assert after == before
    assert before.energy_in_wh == 225_000


async def test_what_has_not_left_yet_is_replaced_by_what_is_newer(platform: Platform) -> None:
    await platform.buy()
    taken = readings(USE, power_w=1)
    for hours in range(4):
        platform.go_to(USE.charge.start + timedelta(hours=hours))
        await platform.add_samples(*(each for each in taken if each.measured_at <= platform.trade))
        await platform.bpp.operation.look()
    told = await platform.sent()
    assert [letter.action for letter in told] == ["on_status"]
    assert live(told[0]).energy_in_wh == 112_500


async def test_nothing_new_is_not_told_again(platform: Platform) -> None:
    await platform.buy()
    taken = readings(USE)
    assert len(await look_at(platform, USE.charge.start, taken)) == 1
    assert await look_at(platform, USE.charge.start + timedelta(minutes=1), taken) == []


async def test_a_silent_contract_is_told_again_after_a_minute_of_wall_time(platform: Platform) -> None:
    await platform.buy()
    taken = readings(USE)
    await look_at(platform, USE.charge.start, taken)
    assert len(await look_at(platform, USE.charge.start + timedelta(hours=1), taken[:1])) == 1


async def test_a_return_is_not_complete_before_it_is_metered(platform: Platform) -> None:
    await platform.buy()
    taken = readings(USE)
    await look_at(platform, USE.giveback.start, taken)
    early = await look_at(platform, USE.giveback.end + QUARTER, taken[:-1])
    assert {letter.order.state for letter in early} <= {ContractState.RETURNING}
    last = await look_at(platform, USE.giveback.end + 2 * QUARTER, taken)
    assert last[-1].order.state is ContractState.SETTLED


async def test_a_battery_that_fell_silent_is_settled_by_what_it_sent(platform: Platform) -> None:
    await platform.buy()
    taken = readings(USE)
    await look_at(platform, USE.charge.end, taken)
    told = (await look_at(platform, USE.giveback.end + timedelta(hours=1), taken[:10]))[-1].order
    assert told.state is ContractState.SETTLED
    assert told.live is not None
    assert (told.live.energy_in_wh, told.live.energy_out_wh) == (300_000, 0)


async def test_a_battery_that_never_sent_anything_is_settled_for_its_capacity(platform: Platform) -> None:
    await platform.buy()
    told = (await look_at(platform, USE.giveback.end + timedelta(hours=1)))[-1].order
    assert told.quote is not None
    assert told.quote.total == Money(531_000, "INR")
    assert told.live is None


async def test_a_platform_that_was_down_for_the_whole_contract_still_settles_it(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        await platform.buy()
    async with running(tmp_path, clock) as platform:
        await platform.sent()
        told = (await look_at(platform, USE.giveback.end + QUARTER, readings(USE)))[-1].order
    assert told.state is ContractState.SETTLED
    assert told.quote is not None
    assert told.quote.total == Money(561_090, "INR")


async def test_a_crash_before_the_settlement_was_written_is_made_up_for_once(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        order_id = str((await platform.buy()).order.order_id)
        platform.go_to(USE.giveback.end)
        await platform.add_samples(*readings(USE))
        # As it is on the disk between the two write functions of the last look.
        completed = replace(await platform.contract(order_id), state=ContractState.COMPLETED)
        await platform.database.write(lambda tx: trade.save(tx, completed))
    async with running(tmp_path, clock) as platform:
        await platform.bpp.operation.look()
        await platform.bpp.operation.look()
        issued = await platform.database.read(lambda tx: money.issued(tx, 10))
        assert [invoice.number for invoice in issued] == ["BB/26-27/000001"]
        assert (await platform.contract(order_id)).state is ContractState.SETTLED


async def test_two_contracts_of_one_battery_share_what_its_meter_counted(platform: Platform) -> None:
    small = use(20_000)
    ids = [
        str((await platform.buy()).order.order_id),
        str((await platform.buy(order(use=small), **OTHER_BAP)).order.order_id),
    ]
    both = zip(readings(USE), readings(small), strict=True)
    taken = [
        sample(one.measured_at, one.energy_in_wh + two.energy_in_wh, one.energy_out_wh + two.energy_out_wh)
        for one, two in both
    ]
    await look_at(platform, USE.giveback.end, taken)
    documents = [
        orjson.loads(invoice.document)
        for invoice in await platform.database.read(lambda tx: [money.of_contract(tx, each) for each in ids])
        if invoice is not None
    ]
    assert [document["meter"]["energy_in_wh"] for document in documents] == [300_000, 20_000]
    assert sum(document["meter"]["energy_out_wh"] for document in documents) == taken[-1].energy_out_wh
    assert sorted(document["number"] for document in documents) == ["BB/26-27/000001", "BB/26-27/000002"]
    assert [check(document) for document in documents] == [[], []]


async def test_the_next_look_is_due_when_a_window_begins_or_ends(platform: Platform) -> None:
    await platform.buy()
    assert await platform.bpp.operation.look() == USE.charge.start
    platform.go_to(USE.charge.start)
    assert await platform.bpp.operation.look() == USE.charge.end


async def test_with_nothing_to_do_there_is_no_next_look(platform: Platform) -> None:
    assert await platform.bpp.operation.look() is None


async def test_the_task_tells_a_change_by_itself_and_stops(platform: Platform) -> None:
    await platform.buy()
    platform.go_to(USE.charge.start)
    channel = platform.database.channel("outbox")
    channel.clear()
    await platform.bpp.operation.start()
    await platform.add_samples(*readings(USE)[:1])
    await channel.wait()
    await platform.bpp.operation.stop()
    told = await platform.sent()
    assert [letter.order.state for letter in told] == [ContractState.IN_PROGRESS]
