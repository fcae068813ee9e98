from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from energy.battery import profile
from energy.discounts import agreed_discount, discounted, percent_at_least, percent_at_most
from energy.quantities import Money
from energy.settlement import planned_usage, settle
from energy.tariffs import Line, LineTitle, Rate, RateUnit, Tariff, TaxClass, TaxPart, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE

LINES = price(TARIFF, planned_usage(USE, profile(BATTERY, USE)))  # 5 610.90 INR, of which 4 755.00 are charges.


def inr(text: str) -> Money:
    return Money.parse(text, "INR")


def test_a_discount_is_taken_off_before_taxes() -> None:
    lines = discounted(TARIFF, LINES, Decimal(10))
    assert [(line.title.value, line.amount.text) for line in lines] == [
        ("STORAGE_CAPACITY_CHARGE", "4500.00"),
        ("STORAGE_THROUGHPUT_CHARGE", "255.00"),
        ("DISCOUNT", "-475.50"),
        ("CGST", "385.16"),
        ("SGST", "385.16"),
    ]
    assert (lines[2].quantity, lines[2].unit, lines[2].rate) == (Decimal("4755.00"), "%", Decimal(-10))


def test_no_discount_leaves_the_price_as_it_is() -> None:
    assert discounted(TARIFF, LINES, None) == discounted(TARIFF, LINES, Decimal(0)) == LINES


def test_a_price_of_five_thousand_is_reached_to_the_paisa() -> None:
    percent = percent_at_most(TARIFF, LINES, inr("5000.00"))
    assert lines_total(discounted(TARIFF, LINES, percent), "INR") == inr("5000.00")


def test_a_limit_above_the_price_needs_no_discount() -> None:
    assert percent_at_most(TARIFF, LINES, inr("6000.00")) == 0
    assert percent_at_least(TARIFF, LINES, inr("6000.00")) == 0


def test_nothing_is_cheaper_than_free() -> None:
    assert percent_at_most(TARIFF, LINES, inr("-1.00")) == 100
    assert percent_at_least(TARIFF, LINES, inr("-1.00")) == 100


def test_what_was_agreed_on_is_told_by_the_lines_of_the_quote() -> None:
    assert agreed_discount(LINES, discounted(TARIFF, LINES, Decimal("7.5"))) == Decimal("7.5")
    assert agreed_discount(LINES, LINES) is None
    listed = discounted(TARIFF, LINES, Decimal(5))
    assert agreed_discount(listed, listed) is None
    assert agreed_discount(listed, discounted(TARIFF, listed, Decimal(3))) == Decimal(3)
    flat = (Line(LineTitle.DISCOUNT, inr("-10.00")), *LINES)
    assert agreed_discount(LINES, flat) is None


def test_a_contract_that_moved_nothing_still_has_its_discount_on_what_it_reserved() -> None:
    settlement = settle(TARIFF, USE, profile(BATTERY, USE), (), Decimal(10))
    amounts = {line.title.value: line.amount.text for line in settlement.lines}
    assert amounts["STORAGE_CAPACITY_CHARGE"] == "4500.00"
    assert amounts["DISCOUNT"] == "-450.00"
    assert settlement.total == inr("4779.00")


@st.composite
def prices(draw: st.DrawFn) -> tuple[Tariff, tuple[Line, ...]]:
    """A tariff of one flat price in a currency, with up to three taxes, and its lines."""
    currency = draw(st.sampled_from(["INR", "JPY", "KWD"]))
    parts = draw(st.lists(st.integers(0, 3_000).map(lambda parts: Decimal(parts).scaleb(-2)), max_size=3))
    taxes = tuple(TaxPart(LineTitle.VAT, percent) for percent in parts)
    amount = draw(st.integers(0, 10**9))
    flat = Rate(RateUnit.FLAT, Decimal(amount).scaleb(-3))
    tariff = replace(TARIFF, currency=currency, rates=(flat,), tax=TaxClass("code", taxes))
    return tariff, price(tariff, planned_usage(USE, profile(BATTERY, USE)))


@given(prices(), st.integers(0, 10**9))
def test_the_prices_on_both_sides_of_a_limit_are_next_to_each_other(
    priced: tuple[Tariff, tuple[Line, ...]], limit_minor: int
) -> None:
    tariff, lines = priced
    listed = lines_total(lines, tariff.currency)
    limit = Money(min(limit_minor, listed.amount_minor), tariff.currency)
    below = lines_total(discounted(tariff, lines, percent_at_most(tariff, lines, limit)), tariff.currency)
    above = lines_total(discounted(tariff, lines, percent_at_least(tariff, lines, limit)), tariff.currency)
    assert below <= limit <= above
    # One minor unit of charges moves each tax by at most one.
    assert above.amount_minor - below.amount_minor <= 1 + len(tariff.tax.parts)
