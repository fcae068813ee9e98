"""``select``: quotes, holds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from energy.offers import ContractState, DispatchMode, Order, Provider
from energy.quantities import Money
from tests.bpp.platform import LISTED, OTHER_TRADE, Platform, order, running, use
from tests.energy.examples import BATTERY, NOVEMBER

# The battery holds 380 kWh, which is 404 kWh at the meter: 300 and 100 fit, 300 and 200 do not.
OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}


async def test_a_selection_is_quoted_with_its_breakup_and_not_yet_an_order(platform: Platform) -> None:
    answer = await platform.answer("select", order())
    assert answer.order.quote is not None
    assert answer.order.quote.total == Money(561_090, "INR")
    assert [line.amount.text for line in answer.order.quote.lines] == ["4500.00", "255.00", "427.95", "427.95"]
    assert answer.order.state is ContractState.QUOTED
    assert answer.order.order_id is None
    assert answer.order.battery_meter_address == BATTERY.meter_address


async def test_a_quote_keeps_its_capacity_from_others(platform: Platform) -> None:
    await platform.answer("select", order())
    refused = await platform.answer("select", order(use=use(200_000)), **OTHER_BAP)
    assert refused.code == "40002"
    assert refused.error is not None
    assert "188 kWh wanted, 98 kWh free" in refused.error["message"]
    assert (await platform.answer("select", order(use=use(100_000)), **OTHER_BAP)).code is None


async def test_a_quote_that_was_not_taken_in_time_gives_its_capacity_back(platform: Platform) -> None:
    await platform.answer("select", order())
    platform.clock.now += timedelta(seconds=600)
    later = platform.trade.replace(minute=0, second=0) + timedelta(hours=2)
    window = use(200_000, start_h=(later - NOVEMBER) // timedelta(hours=1))
    assert (await platform.answer("select", order(use=window), **OTHER_BAP)).code is None


async def test_a_new_selection_takes_the_place_of_the_earlier_one(platform: Platform) -> None:
    await platform.answer("select", order())
    assert (await platform.answer("select", order(use=use(200_000)))).code is None
    assert (await platform.answer("select", order(use=use(200_000)), **OTHER_BAP)).code is None


async def test_without_a_hold_two_quotes_may_promise_the_same_energy(tmp_path: Path) -> None:
    async with running(tmp_path, hold_s=0) as platform:
        await platform.put_battery()
        assert (await platform.answer("select", order())).code is None
        assert (await platform.answer("select", order(), **OTHER_BAP)).code is None


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        (lambda: order(provider=Provider("stranger", "Stranger")), "30001", "/message/order/provider/id"),
        (lambda: order(item_id="no-battery"), "30004", "/message/order/items/0/id"),
        (lambda: order(use=use(500)), "40002", "/message/order/items/0/quantity/selected/measure/value"),
        (lambda: order(use=use(10**9)), "40002", "/message/order/items/0/quantity/selected/measure/value"),
        (lambda: order(use=use(start_h=-1)), "30000", "/message/order/fulfillments/0/stops/0/time/range"),
        (lambda: order(use=use(start_h=24 * 400)), "30000", "/message/order/fulfillments/0/stops/1/time/range"),
    ],
)
async def test_a_selection_that_can_not_be_served_is_refused_with_its_code_and_path(
    platform: Platform, wrong: Callable[[], Order], code: str, path: str
) -> None:
    refused = await platform.answer("select", wrong())
    assert refused.error is not None
    assert (refused.code, refused.error["paths"]) == (code, path)


async def test_a_way_of_dispatch_that_is_not_offered_is_refused(platform: Platform) -> None:
    await platform.put_battery(replace(LISTED, modes=(DispatchMode.MANUAL,)))
    assert (await platform.answer("select", order())).code == "30008"


async def test_a_battery_out_of_service_is_not_sold(platform: Platform) -> None:
    await platform.put_battery(replace(LISTED, in_service=False))
    assert (await platform.answer("select", order())).code == "30004"


async def test_a_confirmed_transaction_can_not_select_again(platform: Platform) -> None:
    await platform.buy()
    assert (await platform.answer("select", order())).code == "40001"
