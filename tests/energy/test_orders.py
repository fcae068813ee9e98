"""What an order of several batteries has only once, and what of it is each battery's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.offers import Order, OrderStatus, Payment, PaymentType, Quote
from energy.orders import PARTS_MAX, part_quotes, together, whole_payment, whole_quote, whole_status
from energy.quantities import Money
from energy.tariffs import Line, LineTitle
from tests.energy.wire.v1.examples import SELECTED

amounts = st.integers(-(10**9), 10**9).map(lambda minor: Money(minor, "INR"))
quotes = st.lists(amounts, min_size=1, max_size=4).map(
    lambda each: Quote("quote-1", tuple(Line(LineTitle.PLATFORM, one) for one in each), sum_of(each), 900)
)


def sum_of(each: list[Money]) -> Money:
    return Money(sum(one.amount_minor for one in each), "INR")


def orders_of(each: list[Quote]) -> list[Order]:
    return [replace(SELECTED, item_id=f"battery-{number}", quote=quote) for number, quote in enumerate(each)]


def paid(minor: int, **more: object) -> Order:
    payment = Payment(PaymentType.POST_FULFILLMENT, Money(minor, "INR"), **more)  # type: ignore[arg-type]
    return replace(SELECTED, payment=payment)


@given(st.lists(quotes, min_size=1, max_size=5))
def test_a_quote_of_several_batteries_is_their_sum_and_each_gets_its_own_again(each: list[Quote]) -> None:
    orders = orders_of(each)
    whole = whole_quote(orders)
    assert whole is not None
    assert whole.total == sum_of([quote.total for quote in each])
    assert part_quotes(whole, [order.item_id for order in orders]) == each


def test_there_is_no_quote_for_all_while_one_has_none() -> None:
    first, second = orders_of([Quote("q", (), Money(0, "INR"), 900)] * 2)
    assert whole_quote([first, replace(second, quote=None)]) is None


def test_several_payments_are_paid_together_and_keep_only_a_reference_that_all_have() -> None:
    whole = whole_payment([paid(100, paid=True, reference="A"), paid(50, reference="B")])
    assert whole == Payment(PaymentType.POST_FULFILLMENT, Money(150, "INR"))
    same = whole_payment([paid(100, paid=True, reference="A"), paid(50, paid=True, reference="A")])
    assert same == Payment(PaymentType.POST_FULFILLMENT, Money(150, "INR"), paid=True, reference="A")


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ("ACTIVE COMPLETE", "ACTIVE"),
        ("COMPLETE COMPLETE", "COMPLETE"),
        ("COMPLETE CANCELLED", "CANCELLED"),
        ("ACTIVE CANCELLED", "ACTIVE"),
        ("", None),
    ],
)
def test_an_order_goes_on_while_one_of_its_batteries_does(parts: str, whole: str | None) -> None:
    assert whole_status([OrderStatus(part) for part in parts.split()]) == whole


def test_an_order_has_one_battery_or_some_each_once() -> None:
    orders = orders_of([Quote("q", (), Money(0, "INR"), 900)] * (PARTS_MAX + 1))
    assert together(orders[:-1]).each == tuple(orders[:-1])
    assert together(orders[:1]) == orders[0]
    for wrong in ([], orders, orders[:1] * 2):
        with pytest.raises(ValueError, match="each once"):
            together(wrong)
