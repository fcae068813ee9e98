"""``update`` by its target: amount, windows and retrieval, who pays, and that it was paid; too late is too late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from energy.intervals import Interval
from energy.offers import (
    Billing,
    CancelRequest,
    ContractState,
    Order,
    Payment,
    PaymentType,
    StatusRequest,
    UpdateRequest,
)
from energy.quantities import Money
from tests.bpp.platform import OTHER_TRADE, Platform, order, use
from tests.bpp.test_operation import finished

OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}
HOUR = timedelta(hours=1)
PAID = Payment(PaymentType.POST_FULFILLMENT, Money(561_090, "INR"), paid=True, reference="UTR 4711")


async def bought(platform: Platform) -> str:
    return str((await platform.buy()).order.order_id)


async def updated(platform: Platform, order_id: str, target: str, **changes: Any) -> Order:
    return (await platform.answer("update", UpdateRequest(order_id, target, **changes))).order


async def refused(platform: Platform, order_id: str, target: str, **changes: Any) -> str | None:
    """The code of the refusal, after which the contract is what it was."""
    before = await platform.contract(order_id)
    answer = await platform.answer("update", UpdateRequest(order_id, target, **changes))
    assert await platform.contract(order_id) == before
    return answer.code


async def test_another_amount_is_quoted_booked_and_told(platform: Platform) -> None:
    told = await updated(platform, await bought(platform), "items", energy_wh=200_000)
    assert told.state is ContractState.UPDATED
    assert told.use.energy_wh == 200_000
    assert told.quote is not None
    # 200 × 90 × 5/30 + 200 × 0.85 = 3170, and 18 % tax.
    assert told.quote.total == Money(374_060, "INR")
    assert (await platform.answer("select", order(use=use(100_000)), **OTHER_BAP)).code is None


async def test_an_early_return_ends_the_booking_and_costs_less(platform: Platform) -> None:
    order_id = await bought(platform)
    early = Interval(use().charge.end + HOUR, use().charge.end + 9 * HOUR)
    told = await updated(platform, order_id, "fulfillments", giveback=early)
    assert told.use.giveback == early
    assert told.quote is not None
    assert told.quote.total < Money(561_090, "INR")
    assert (await platform.contract(order_id)).booking.giveback == early
    assert (await platform.answer("select", order(use=use(start_h=48)), **OTHER_BAP)).code is None


async def test_an_extension_is_refused_where_somebody_else_has_the_battery(platform: Platform) -> None:
    order_id = await bought(platform)
    after_us = use(start_h=130)
    assert (await platform.buy(order(use=after_us), **OTHER_BAP)).code is None
    later = Interval(use().giveback.start + 24 * HOUR, use().giveback.end + 24 * HOUR)
    assert await refused(platform, order_id, "fulfillments", giveback=later) == "40002"


async def test_an_extension_is_booked_and_costs_more(platform: Platform) -> None:
    later = Interval(use().giveback.start + 24 * HOUR, use().giveback.end + 24 * HOUR)
    told = await updated(platform, await bought(platform), "fulfillments", giveback=later)
    assert told.quote is not None
    assert told.quote.total > Money(561_090, "INR")


async def test_energy_in_store_is_asked_back_in_part_at_another_time(platform: Platform) -> None:
    order_id = await bought(platform)
    platform.go_to(use().charge.end + HOUR)
    early = Interval(use().charge.end + 4 * HOUR, use().charge.end + 6 * HOUR)
    told = await updated(platform, order_id, "fulfillments", giveback=early, return_wh=100_000)
    assert (told.use.giveback, told.use.return_wh) == (early, 100_000)
    contract = await platform.contract(order_id)
    assert (contract.profile.giveback_wh, contract.profile.discharge_w) == (100_000, 50_000)
    assert (await platform.answer("status", StatusRequest(order_id))).order.use == told.use


async def test_more_than_there_will_be_can_not_be_asked_back(platform: Platform) -> None:
    order_id = await bought(platform)
    most_wh = (await platform.contract(order_id)).profile.giveback_wh
    assert await refused(platform, order_id, "fulfillments", return_wh=most_wh + 1) == "40002"
    assert (await updated(platform, order_id, "fulfillments", return_wh=most_wh)).use.return_wh == most_wh


async def test_amount_and_windows_change_together_or_not_at_all(platform: Platform) -> None:
    order_id, later = await bought(platform), use(200_000, start_h=10)
    changes: dict[str, Any] = {"charge": later.charge, "giveback": later.giveback}
    assert await refused(platform, order_id, "items,fulfillments", energy_wh=900_000, **changes) == "40002"
    assert (await updated(platform, order_id, "items,fulfillments", energy_wh=200_000, **changes)).use == later


async def test_who_pays_changes_and_the_price_does_not(platform: Platform) -> None:
    order_id = await bought(platform)
    before = await platform.contract(order_id)
    told = await updated(platform, order_id, "billing", billing=Billing("Asha Rao", state_code="29"))
    assert told.billing == Billing("Asha Rao", state_code="29")
    assert (told.quote, told.state) == (before.quote, before.state)


async def test_a_payment_that_is_reported_is_kept_as_said_and_not_trusted(platform: Platform) -> None:
    await platform.buy()
    order_id = str((await finished(platform)).order.order_id)
    told = await updated(platform, order_id, "payments", payment=PAID)
    assert told.payment is not None
    assert (told.payment.paid, told.payment.reported) == (False, "UTR 4711")
    report = (await platform.contract(order_id)).payment_report
    assert report is not None
    assert (report.reference, report.amount, report.at) == ("UTR 4711", PAID.amount, platform.trade)


async def test_a_cancellation_fee_can_be_reported_as_paid_too(platform: Platform) -> None:
    order_id = await bought(platform)
    await platform.answer("cancel", CancelRequest(order_id, "1", ""))
    told = await updated(platform, order_id, "payments", payment=PAID)
    assert told.payment is not None
    assert told.payment.reported == "UTR 4711"
    assert await refused(platform, order_id, "billing", billing=Billing("Asha Rao")) == "50002"


@pytest.mark.parametrize(
    ("payment", "code"),
    [
        (Payment(PaymentType.POST_FULFILLMENT, Money(1, "INR"), paid=False, reference="UTR 1"), "30000"),
        (Payment(PaymentType.POST_FULFILLMENT, Money(1, "INR"), paid=True), "30000"),
        (Payment(PaymentType.POST_FULFILLMENT, Money(1, "EUR"), paid=True, reference="UTR 1"), "40004"),
    ],
)
async def test_a_payment_without_reference_or_in_another_currency_is_refused(
    platform: Platform, payment: Payment, code: str
) -> None:
    assert await refused(platform, await bought(platform), "payments", payment=payment) == code


@pytest.mark.parametrize(
    ("hours", "target", "changes", "code"),
    [
        (0, "items", {"energy_wh": 200_000}, "50002"),
        (0, "fulfillments", {"charge": use(start_h=3).charge}, "50002"),
        (
            9,
            "fulfillments",
            {"giveback": Interval(use().charge.start + 8 * HOUR, use().charge.start + 9 * HOUR)},
            "30000",
        ),
        (112, "fulfillments", {"giveback": Interval(use().giveback.start, use().giveback.end + HOUR)}, "50002"),
        (112, "fulfillments", {"return_wh": 1}, "50002"),
    ],
)
async def test_what_has_begun_is_not_changed_any_more(
    platform: Platform, hours: int, target: str, changes: dict[str, Any], code: str
) -> None:
    order_id = await bought(platform)
    platform.go_to(use().charge.start + hours * HOUR)
    assert await refused(platform, order_id, target, **changes) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"energy_wh": 500_000}, "40002"),
        ({"energy_wh": 500}, "40002"),
        ({"energy_wh": 200_000, "item_id": "another-battery"}, "30004"),
    ],
)
async def test_an_amount_that_does_not_fit_changes_nothing(
    platform: Platform, changes: dict[str, Any], code: str
) -> None:
    assert await refused(platform, await bought(platform), "items", **changes) == code


@pytest.mark.parametrize(
    ("target", "members", "code", "path"),
    [
        ("provider", {"billing": {"name": "Asha"}}, "30012", "/message/update_target"),
        ("items", {}, "30000", "/message/order/items"),
        ("billing", {}, "30000", "/message/order/billing"),
        (
            "billing",
            {
                "billing": {"name": "A"},
                "payments": [{"type": "POST-FULFILLMENT", "params": {"amount": "1", "currency": "INR"}}],
            },
            "30013",
            "/message/order/payments",
        ),
    ],
)
async def test_a_target_and_its_order_have_to_say_the_same(
    platform: Platform, target: str, members: dict[str, Any], code: str, path: str
) -> None:
    message = {"update_target": target, "order": {"id": await bought(platform), **members}}
    answer = await platform.answer("update", message)
    assert answer.error is not None
    assert (answer.code, answer.error["paths"]) == (code, path)
