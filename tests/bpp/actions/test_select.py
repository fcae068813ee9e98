"""``select``: quotes, holds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from energy.offers import ConsentForm, ContractState, DispatchMode, Negotiation, Order, Provider
from energy.quantities import Money
from energy.tariffs import LineTitle
from tests.bpp.platform import BILLING, LISTED, OTHER_TRADE, Platform, order, payment, running, use
from tests.energy.examples import BATTERY, NOVEMBER

# The battery holds 380 kWh, of which the last tenth fills slowly: 300 and 60 kWh at the meter fit, 300 and 200 do not.
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
    assert (await platform.answer("select", order(use=use(60_000)), **OTHER_BAP)).code is None


async def test_a_quote_that_was_not_taken_in_time_gives_its_capacity_back(platform: Platform) -> None:
    await platform.answer("select", order())
    platform.clock.now += timedelta(seconds=600)
    later = platform.trade.replace(minute=0, second=0) + timedelta(hours=2)
    window = use(200_000, start_h=(later - NOVEMBER) // timedelta(hours=1))
    assert (await platform.answer("select", order(use=window), **OTHER_BAP)).code is None


async def test_a_new_selection_takes_the_place_of_the_earlier_one(platform: Platform) -> None:
    await platform.answer("select", order())
    assert (await platform.answer("select", order(use=use(180_000)))).code is None
    assert (await platform.answer("select", order(use=use(180_000)), **OTHER_BAP)).code is None


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


async def test_a_price_that_is_good_enough_is_accepted_and_is_what_init_confirm_and_the_contract_use(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, price_floor_percent=90) as platform:
        await platform.put_battery()
        wanted = order(negotiation=Negotiation(inr("5200.00")))
        quoted = (await platform.answer("select", wanted)).order
        assert quoted.negotiation == Negotiation(inr("5200.00"), inr("5610.90"), 3)
        assert quoted.quote is not None
        assert quoted.quote.total == inr("5200.00")
        assert LineTitle.DISCOUNT in [line.title for line in quoted.quote.lines]
        confirmed = await platform.confirm(await terms_of(platform, order(), quoted))
        assert confirmed.order.quote is not None
        assert confirmed.order.quote.total == inr("5200.00")
        assert confirmed.order.negotiation is None


async def test_a_price_below_the_floor_is_countered_until_the_rounds_are_over(tmp_path: Path) -> None:
    async with running(tmp_path, price_floor_percent=90, bargaining_rounds=2) as platform:
        await platform.put_battery()
        told = []
        for _ in range(4):
            found = (await platform.answer("select", order(negotiation=Negotiation(inr("4000.00"))))).order
            assert found.quote is not None
            assert found.negotiation is not None
            told.append((found.quote.total.text, found.negotiation.rounds_left))
        assert told == [("5330.36", 1), ("5049.82", 0), ("5049.82", 0), ("5049.82", 0)]
        plain = (await platform.answer("select", order())).order
        assert (plain.quote.total if plain.quote else None, plain.negotiation) == (inr("5610.90"), None)


async def test_who_does_not_bargain_pays_the_list_price_and_so_does_who_meets_an_operator_without_room(
    platform: Platform,
) -> None:
    found = (await platform.answer("select", order(negotiation=Negotiation(inr("1.00"))))).order
    assert found.quote is not None
    assert found.quote.total == inr("5610.90")


async def test_an_offer_in_another_currency_is_refused_at_its_place(platform: Platform) -> None:
    refused = await platform.answer("select", order(negotiation=Negotiation(Money(500_000, "EUR"))))
    assert refused.error is not None
    assert (refused.code, refused.error["paths"]) == ("30000", "/message/order/items/0/price/currency")


def inr(text: str) -> Money:
    return Money.parse(text, "INR")


async def terms_of(platform: Platform, wanted: Order, quoted: Order) -> Order:
    """Init and consent for what was quoted; the order to confirm."""
    offered = (await platform.answer("init", replace(wanted, billing=BILLING, payment=payment(quoted.quote)))).order
    assert offered.quote is not None
    assert quoted.quote is not None
    assert offered.quote.total == quoted.quote.total
    assert offered.form is not None
    assert offered.form.url is not None
    submission_id = await platform.consent(offered.form.url)
    form = ConsentForm(None, submission_id)
    return replace(wanted, quote=offered.quote, billing=BILLING, payment=payment(offered.quote), form=form)
