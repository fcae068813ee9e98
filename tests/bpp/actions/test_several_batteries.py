"""One order for several batteries: selected, agreed to and booked as a whole, and then each goes its own way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpp.store import fleet, money, sites
from energy.battery import profile
from energy.offers import (
    CancelRequest,
    ConsentForm,
    ContractState,
    DispatchMode,
    Negotiation,
    Order,
    OrderStatus,
    Quote,
    StatusRequest,
    TrackRequest,
    UpdateRequest,
)
from energy.quantities import Money
from energy.sites import Site
from tests.bpp.platform import (
    BILLING,
    LISTED,
    OTHER_TRADE,
    Clock,
    Letter,
    Platform,
    order,
    payment,
    running,
    sample,
    use,
)
from tests.energy.examples import BATTERY

OTHER = replace(BATTERY, battery_id="battery-2", name="Hebbal 2", meter_address="der://meter/battery-2")
OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}
SMALL = use(100_000, start_h=4)


@pytest.fixture
async def two(tmp_path: Path, database_url: str) -> AsyncIterator[Platform]:
    """A platform with two batteries, on each kind of database."""
    async with running(tmp_path / "data", Clock(), database_url) as opened:
        await opened.put_battery()
        await opened.put_battery(replace(LISTED, battery=OTHER))
        yield opened


def both(second: Any = SMALL, **more: Any) -> Order:
    """What a producer selects of both batteries."""
    return replace(order(**more), others=(order(item_id="battery-2", use=second, **more),))


async def agreed(platform: Platform, wanted: Order) -> Order:
    """Select, init and consent; the order to confirm."""
    quoted = await platform.answer("select", wanted)
    initialised = await platform.answer("init", with_terms(wanted, quoted.order))
    form = initialised.order.form
    assert form is not None
    submission_id = form.submission_id or await platform.consent(str(form.url))
    return replace(with_terms(wanted, initialised.order), form=ConsentForm(None, submission_id))


def with_terms(wanted: Order, quoted: Order) -> Order:
    """The order with the quote of each battery, who pays, and how."""
    each = [
        replace(one, quote=told.quote, billing=BILLING, payment=payment(told.quote))
        for one, told in zip(wanted.each, quoted.each, strict=True)
    ]
    return replace(each[0], others=tuple(each[1:]))


async def bought(platform: Platform, wanted: Order | None = None) -> Order:
    return (await platform.answer("confirm", await agreed(platform, wanted or both()))).order


async def booked(platform: Platform) -> list[tuple[str, bool]]:
    """Which batteries are booked, and whether only until a time."""
    moment = platform.desk.moment()
    found = await platform.database.read(lambda tx: fleet.reservations(tx, moment))
    return sorted((one.battery_id, one.hold_until is not None) for one in found)


def quotes(told: Order) -> list[Quote]:
    return [one.quote for one in told.each if one.quote is not None]


async def test_two_batteries_are_quoted_in_one_answer_each_with_its_own_lines(two: Platform) -> None:
    told = (await two.answer("select", both())).order
    assert [(one.item_id, one.use) for one in told.each] == [("battery-1", use()), ("battery-2", SMALL)]
    first, second = quotes(told)
    assert first.total == Money(561_090, "INR")
    assert first.quote_id == second.quote_id
    assert 0 < second.total.amount_minor < first.total.amount_minor
    assert await booked(two) == [("battery-1", True), ("battery-2", True)]


async def test_one_form_and_one_confirm_make_one_order_of_two_contracts(two: Platform) -> None:
    told = await bought(two)
    assert {one.order_id for one in told.each} == {told.order_id}
    assert {one.state for one in told.each} == {ContractState.CONFIRMED}
    assert await booked(two) == [("battery-1", False), ("battery-2", False)]


async def test_when_the_second_does_not_fit_nothing_is_held(two: Platform) -> None:
    refused = await two.answer("select", both(second=use(600_000)))
    assert refused.error is not None
    assert (refused.code, refused.error["paths"]) == ("40002", "/message/order/items/1/quantity/selected/measure/value")
    assert await booked(two) == []


async def test_when_the_second_is_sold_after_its_hold_nothing_is_booked(tmp_path: Path) -> None:
    async with running(tmp_path, hold_s=60) as platform:
        await platform.put_battery()
        await platform.put_battery(replace(LISTED, battery=OTHER))
        accepted = await agreed(platform, both(second=use()))
        platform.clock.now += timedelta(seconds=60)
        assert (await platform.answer("select", order(item_id="battery-2"), **OTHER_BAP)).code is None
        refused = await platform.answer("confirm", accepted)
        assert refused.code == "40002"
        assert await booked(platform) == [("battery-2", True)]


async def test_two_batteries_of_one_connection_share_what_it_lets_through(two: Platform) -> None:
    one_w = profile(BATTERY, use()).charge_w
    await two.database.write(lambda tx: sites.save(tx, Site("site-1", import_limit_w=2 * one_w - 1)))
    for battery in (BATTERY, OTHER):
        await two.put_battery(replace(LISTED, battery=replace(battery, site_id="site-1")))
    refused = await two.answer("select", both(second=use()))
    assert refused.code == "40002"
    assert await booked(two) == []
    assert (await two.answer("select", order())).code is None


async def test_a_selection_of_one_takes_the_place_of_one_of_two(two: Platform) -> None:
    await two.answer("select", both())
    await two.answer("select", order(item_id="battery-2"))
    assert await booked(two) == [("battery-2", True)]
    told = await bought(two, order(item_id="battery-2"))
    assert [one.item_id for one in told.each] == ["battery-2"]


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"item_id": "battery-9"}, "30004", "/message/order/items/1/id"),
        ({"mode": DispatchMode.MANUAL}, "30000", "/message/order/fulfillments/1/type"),
        ({"use": use(10)}, "40002", "/message/order/items/1/quantity/selected/measure/value"),
        ({"use": use(start_h=-1)}, "30000", "/message/order/fulfillments/1/stops/0/time/range"),
    ],
)
async def test_what_is_wrong_with_the_second_battery_is_said_at_its_place(
    two: Platform, more: dict[str, Any], code: str, path: str
) -> None:
    second = order(**({"item_id": "battery-2"} | more))
    refused = await two.answer("select", replace(order(), others=(second,)))
    assert refused.error is not None
    assert (refused.code, refused.error["paths"]) == (code, path)
    assert await booked(two) == []


async def test_an_order_that_leaves_out_a_battery_is_not_what_was_quoted(two: Platform) -> None:
    accepted = await agreed(two, both())
    refused = await two.answer("confirm", replace(accepted, others=()))
    assert refused.code == "40003"
    assert await booked(two) == [("battery-1", True), ("battery-2", True)]


async def test_each_battery_is_bargained_for_by_itself(two: Platform) -> None:
    wanted = both()
    (second,) = wanted.others
    offered = replace(second, negotiation=Negotiation(Money(1, "INR")))
    first, countered = (await two.answer("select", replace(wanted, others=(offered,)))).order.each
    assert first.negotiation is None
    assert countered.quote is not None
    assert countered.negotiation == Negotiation(Money(1, "INR"), countered.quote.total, 2)


async def test_another_amount_for_the_second_leaves_the_first_as_it_is(two: Platform) -> None:
    before = await bought(two)
    request = UpdateRequest(str(before.order_id), "items", 50_000, "battery-2")
    after = (await two.answer("update", request)).order
    assert [one.use.energy_wh for one in after.each] == [300_000, 50_000]
    assert quotes(after)[0] == quotes(before)[0]
    assert quotes(after)[1].total < quotes(before)[1].total


async def test_other_windows_are_asked_for_by_the_fulfillment(two: Platform) -> None:
    order_id = str((await bought(two)).order_id)
    later = use(100_000, start_h=20)
    windows = {"charge": later.charge, "giveback": later.giveback}
    request = UpdateRequest(order_id, "fulfillments", **windows, fulfillment_id="automatic-dispatch-2")
    after = (await two.answer("update", request)).order
    assert [one.use.charge for one in after.each] == [use().charge, later.charge]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"target": "items", "energy_wh": 50_000}, "30000"),
        ({"target": "items", "energy_wh": 50_000, "item_id": "battery-9"}, "30004"),
        ({"target": "fulfillments", "return_wh": 0, "fulfillment_id": "manual-dispatch-2"}, "30008"),
    ],
)
async def test_an_update_that_does_not_say_which_battery_is_refused(
    two: Platform, more: dict[str, Any], code: str
) -> None:
    order_id = str((await bought(two)).order_id)
    assert (await two.answer("update", UpdateRequest(order_id, **more))).code == code


async def test_cancelling_ends_all_contracts_of_the_order_and_frees_both(two: Platform) -> None:
    order_id = str((await bought(two)).order_id)
    soft = (await two.answer("cancel", CancelRequest(order_id, "1", "rain", soft=True))).order
    told = (await two.answer("cancel", CancelRequest(order_id, "1", "rain"))).order
    assert {one.status for one in soft.each} == {OrderStatus.ACTIVE}
    assert {one.status for one in told.each} == {OrderStatus.CANCELLED}
    assert [quote.total for quote in quotes(told)] == [quote.total for quote in quotes(soft)]
    assert all(one.invoice is not None for one in told.each)
    assert await booked(two) == []


async def test_status_tells_each_battery_with_its_own_live_state(two: Platform) -> None:
    told = await bought(two)
    within = SMALL.charge.start + timedelta(hours=1)
    two.go_to(within)
    await two.add_samples(
        sample(within, 1_000_000, power_w=37_500), replace(sample(within, 5_000), battery_id="battery-2")
    )
    await two.bpp.operation.look()
    await two.sent()
    answer = (await two.answer("status", StatusRequest(str(told.order_id)))).order
    lives = [one.live for one in answer.each]
    assert [None if live is None else live.power_w for live in lives] == [37_500, 0]
    assert {one.state for one in answer.each} == {ContractState.IN_PROGRESS}
    assert (await two.answer("track", TrackRequest(str(told.order_id)))).code is None


async def test_each_battery_is_billed_when_its_return_is_over_and_the_order_is_complete_with_the_last(
    two: Platform,
) -> None:
    told = await bought(two)
    order_id = str(told.order_id)
    first = await finished(two, use().giveback.end)
    assert [one.state for one in first.each] == [ContractState.SETTLED, ContractState.RETURNING]
    assert [one.invoice is not None for one in first.each] == [True, False]
    assert {one.status for one in first.each} == {OrderStatus.ACTIVE}
    last = await finished(two, SMALL.giveback.end)
    assert [one.state for one in last.each] == [ContractState.SETTLED] * 2
    assert {one.status for one in last.each} == {OrderStatus.COMPLETE}
    numbers = [one.invoice.number for one in last.each if one.invoice is not None]
    assert len(set(numbers)) == 2
    assert await two.database.read(lambda tx: money.of_contract(tx, order_id)) is not None


async def finished(platform: Platform, at: Any) -> Order:
    """Let the operation look at that trade time, an hour after which nobody waits for a meter; what is told last."""
    platform.go_to(at + timedelta(hours=1))
    await platform.bpp.operation.look()
    letters: list[Letter] = await platform.sent()
    return letters[-1].order


@settings(max_examples=15, deadline=None)
@given(amounts_wh=st.lists(st.integers(50_000, 500_000), min_size=1, max_size=4))
async def test_an_order_of_any_amounts_is_held_whole_or_not_at_all(
    amounts_wh: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running(tmp_path_factory.mktemp("bpp"), Clock()) as platform:
        wanted = []
        for number, amount_wh in enumerate(amounts_wh):
            battery = replace(BATTERY, battery_id=f"battery-{number}", meter_address=f"der://meter/{number}")
            await platform.put_battery(replace(LISTED, battery=battery))
            wanted.append(order(item_id=battery.battery_id, use=use(amount_wh)))
        answer = await platform.answer("select", replace(wanted[0], others=tuple(wanted[1:])))
        held = [battery_id for battery_id, _ in await booked(platform)]
        assert held == ([] if answer.code is not None else [one.item_id for one in wanted])
        assert answer.code in {None, "40002"}
