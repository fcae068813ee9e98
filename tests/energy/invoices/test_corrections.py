"""Notes take back or add what they say, with their taxes, and late fees count full days."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, profile
from energy.invoices import Kind, document_bytes
from energy.invoices.corrections import difference, late_fee, note_lines, read_lines, tax_parts, turned
from energy.offers import StorageUse
from energy.quantities import Money
from energy.settlement import planned_usage
from energy.tariffs import Line, LineTitle, Tariff, lines_total, price
from tests.energy.examples import at, batteries, tariffs, uses
from tests.energy.invoices.examples import INTERVALS, INVOICE


def inr(amount: str) -> Money:
    return Money.parse(amount, "INR")


def test_a_credit_of_a_hundred_rupees_takes_its_taxes_back_too() -> None:
    lines = note_lines([Line(LineTitle.THROUGHPUT, inr("100.00"))], tax_parts(INVOICE.lines), "INR")
    assert [(line.title, line.amount.text) for line in lines] == [
        (LineTitle.THROUGHPUT, "100.00"),
        (LineTitle.CGST, "9.00"),
        (LineTitle.SGST, "9.00"),
    ]


@given(batteries(), tariffs(), uses())
def test_turned_lines_explain_their_amounts_and_turned_twice_are_the_same(
    battery: Battery, tariff: Tariff, use: StorageUse
) -> None:
    lines = price(tariff, planned_usage(use, profile(battery, use)))
    assert lines_total(turned(lines), tariff.currency) == -lines_total(lines, tariff.currency)
    assert turned(turned(lines)) == lines


def test_less_energy_than_billed_is_a_credit_of_the_difference_by_title() -> None:
    settled = [Line(LineTitle.CAPACITY, inr("4500.00")), Line(LineTitle.THROUGHPUT, inr("200.00"))]
    assert difference(INVOICE.lines, settled, "INR") == (
        Kind.CREDIT_NOTE,
        (Line(LineTitle.THROUGHPUT, inr("55.00")),),
    )


def test_a_penalty_that_came_later_is_a_debit() -> None:
    settled = [*INVOICE.lines, Line(LineTitle.IMBALANCE_PENALTY, inr("560.00"))]
    assert difference(INVOICE.lines, settled, "INR") == (
        Kind.DEBIT_NOTE,
        (Line(LineTitle.IMBALANCE_PENALTY, inr("560.00")),),
    )


def test_what_was_billed_right_needs_no_note() -> None:
    assert difference(INVOICE.lines, INVOICE.lines, "INR") is None


titles = st.sampled_from([LineTitle.CAPACITY, LineTitle.THROUGHPUT, LineTitle.DISCOUNT])
charges = st.lists(st.builds(Line, titles, st.integers(-(10**6), 10**6).map(lambda minor: Money(minor, "INR"))))


@given(charges, charges)
def test_a_note_makes_what_was_billed_into_what_was_settled(billed: list[Line], settled: list[Line]) -> None:
    found = difference(billed, settled, "INR")
    kind, lines = found or (Kind.DEBIT_NOTE, ())
    noted = lines_total(lines, "INR")
    net = -noted if kind is Kind.CREDIT_NOTE else noted
    assert noted.amount_minor >= 0
    assert lines_total(billed, "INR") + net == lines_total(settled, "INR")


@pytest.mark.parametrize(
    ("late", "percent", "fee"),
    [
        (timedelta(hours=23), 18, None),
        (timedelta(days=1), 18, "2.77"),  # 5610.90 x 18 % / 365 = 2.7670...
        (timedelta(days=30, hours=5), 18, "83.01"),  # thirty full days: 83.0105...
        (timedelta(days=365), 18, "1009.96"),  # 1009.962
        (timedelta(days=30), 0, None),
        (timedelta(days=-3), 18, None),
    ],
)
def test_a_late_fee_is_simple_interest_for_each_full_day(late: timedelta, percent: int, fee: str | None) -> None:
    line = late_fee(inr("5610.90"), at(0), at(0) + late, Decimal(percent))
    assert (None if line is None else line.amount.text) == fee


def test_nothing_owed_costs_no_late_fee() -> None:
    assert late_fee(Money(0, "INR"), at(0), at(999), Decimal(18)) is None


def test_the_lines_of_a_document_are_read_as_they_were() -> None:
    document = orjson.loads(document_bytes(INVOICE, INTERVALS))
    assert read_lines(document["lines"], "INR") == INVOICE.lines
