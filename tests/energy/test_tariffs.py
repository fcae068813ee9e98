"""Tariffs: ENERGY 2.3's vector to the paisa, calendar months, one rounding a line, totals that are sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.calendars import When
from energy.intervals import Interval
from energy.offers import StorageUse
from energy.quantities import Money, QuantityError
from energy.tariffs import (
    Discount,
    Line,
    LineTitle,
    OccupancyStep,
    Rate,
    RateUnit,
    Tariff,
    Usage,
    at_occupancy,
    charges,
    india_gst,
    lines_total,
    months,
    price,
    taxes,
)
from tests.energy.examples import TARIFF, hours, tariffs, uses

FIVE_DAYS = Usage(hours(0, 120), 300_000, 75_000, 300_000, 263_757)


def amounts(lines: tuple[Line, ...]) -> list[tuple[LineTitle, str]]:
    return [(line.title, line.amount.text) for line in lines]


def one_rate(unit: RateUnit, price: str) -> Tariff:
    return replace(TARIFF, rates=(Rate(unit, Decimal(price)),))


def month(year: int, number: int, following_year: int, following: int) -> Interval:
    return Interval(datetime(year, number, 1, tzinfo=UTC), datetime(following_year, following, 1, tzinfo=UTC))


def test_a_quote_for_three_hundred_kwh_over_five_days_costs_5610_90() -> None:
    lines = price(TARIFF, FIVE_DAYS)
    assert amounts(lines) == [
        (LineTitle.CAPACITY, "4500.00"),
        (LineTitle.THROUGHPUT, "255.00"),
        (LineTitle.CGST, "427.95"),
        (LineTitle.SGST, "427.95"),
    ]
    assert lines_total(lines, "INR").text == "5610.90"


def test_the_quote_shows_what_a_person_needs_to_check_it() -> None:
    explained = [(line.quantity, line.unit, line.rate) for line in price(TARIFF, FIVE_DAYS)]
    assert explained == [
        (Decimal(50), "kWh-month", Decimal(90)),
        (Decimal(300), "kWh", Decimal("0.85")),
        (Decimal(4755), "%", Decimal(9)),
        (Decimal(4755), "%", Decimal(9)),
    ]


def test_across_states_one_integrated_tax_replaces_the_two_halves() -> None:
    lines = price(replace(TARIFF, tax=india_gst(same_state=False)), FIVE_DAYS)
    assert amounts(lines)[2:] == [(LineTitle.IGST, "855.90")]
    assert lines_total(lines, "INR").text == "5610.90"


@pytest.mark.parametrize(
    ("unit", "rate", "title", "amount", "quantity"),
    [
        (RateUnit.KWH_DISCHARGED, "2", LineTitle.THROUGHPUT, "527.51", "263.757"),
        (RateUnit.KW_MONTH, "120", LineTitle.POWER, "1500.00", "12.5"),
        (RateUnit.KWH_STORED, "0", LineTitle.THROUGHPUT, "0.00", "300"),
    ],
)
def test_each_rate_is_paid_for_its_own_quantity(
    unit: RateUnit, rate: str, title: LineTitle, amount: str, quantity: str
) -> None:
    [line] = charges(one_rate(unit, rate), FIVE_DAYS)
    assert (line.title, line.amount.text, line.quantity) == (title, amount, Decimal(quantity))


def test_a_flat_price_is_paid_once_and_explains_itself() -> None:
    [line] = charges(one_rate(RateUnit.FLAT, "49.995"), FIVE_DAYS)
    assert line == Line(LineTitle.PLATFORM, Money(5_000, "INR"))


def test_a_quantity_without_end_is_shown_with_six_decimals_and_paid_exactly() -> None:
    """100 kWh for one day of November are 3.333333... kWh-months; at 300 each that is 1000.00, not 999.9999."""
    usage = Usage(hours(0, 24), 100_000, 0, 0, 0)
    [line] = charges(one_rate(RateUnit.KWH_MONTH, "300"), usage)
    assert (line.quantity, line.amount.text) == (Decimal("3.333333"), "1000.00")


@pytest.mark.parametrize(
    ("booked", "expected"),
    [
        (month(2026, 2, 2026, 3), Fraction(1)),
        (month(2026, 12, 2027, 1), Fraction(1)),
        (month(2026, 1, 2027, 1), Fraction(12)),
        (Interval(datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)), Fraction(1, 29)),
        (
            Interval(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)),
            Fraction(1, 31) + Fraction(1, 28),
        ),
        (hours(0, 0.25), Fraction(1, 2880)),
    ],
    ids=["February", "December", "a year", "leap day", "across months", "a quarter of an hour"],
)
def test_time_is_paid_in_shares_of_each_calendar_month(booked: Interval, expected: Fraction) -> None:
    assert months(booked) == expected


def test_taxes_are_not_taxed_again() -> None:
    lines = price(TARIFF, FIVE_DAYS)
    assert taxes(TARIFF, lines) == taxes(TARIFF, lines[:2])


def test_lines_of_two_currencies_have_no_total() -> None:
    with pytest.raises(QuantityError, match="do not add up"):
        lines_total([Line(LineTitle.PLATFORM, Money(1, "EUR"))], "INR")


@given(tariffs(), uses(), st.integers(0, 10**7))
def test_every_line_is_rounded_once_and_the_total_is_their_sum(tariff: Tariff, use: StorageUse, power_w: int) -> None:
    usage = Usage(use.booked, use.energy_wh, power_w, use.energy_wh, use.energy_wh)
    lines = price(tariff, usage)
    assert len([line for line in lines if line.is_tax]) == len(tariff.tax.parts)
    timeless = [rate for rate in tariff.rates if rate.when is None]
    assert len(lines) >= len(timeless) + len(tariff.tax.parts)
    assert lines_total(lines, tariff.currency).amount_minor == sum(line.amount.amount_minor for line in lines)
    taxable = sum(line.amount.amount_minor for line in lines if not line.is_tax)
    for line in lines:
        if line.is_tax:
            assert line.rate is not None
            assert abs(taxable * line.rate / 100 - line.amount.amount_minor) <= Decimal("0.5")


@given(uses(), st.integers(0, 10**6), st.sampled_from(list(RateUnit)))
def test_using_more_never_costs_less(use: StorageUse, more_wh: int, unit: RateUnit) -> None:
    def cost(energy_wh: int) -> int:
        usage = Usage(use.booked, energy_wh, energy_wh, energy_wh, energy_wh)
        return lines_total(price(one_rate(unit, "3.21"), usage), "INR").amount_minor

    assert cost(use.energy_wh) <= cost(use.energy_wh + more_wh)


@given(uses())
def test_the_months_of_two_neighbours_are_the_months_of_both(use: StorageUse) -> None:
    held = Interval(use.charge.end, use.giveback.end)
    assert months(use.charge) + months(held) == months(use.booked)


def charged(tariff: Tariff, usage: Usage) -> dict[str, str]:
    return {line.title.value: line.amount.text for line in charges(tariff, usage)}


def test_energy_is_paid_by_the_time_when_it_moves() -> None:
    night = Rate(RateUnit.KWH_STORED, Decimal(2), When(from_minute=0, until_minute=60))
    day = Rate(RateUnit.KWH_DISCHARGED, Decimal(5), When(from_minute=720, until_minute=1440))
    flows = ((hours(0, 4), 300_000),), ((hours(10, 14), 200_000),)
    usage = Usage(hours(0, 14), 300_000, 75_000, 300_000, 200_000, *flows)
    lines = charges(replace(TARIFF, rates=(night, day)), usage)
    assert [(line.quantity, line.amount.text) for line in lines] == [(Decimal(75), "150.00"), (Decimal(100), "500.00")]


def test_a_rate_whose_times_the_use_does_not_touch_has_no_line() -> None:
    summer = Rate(RateUnit.KWH_MONTH, Decimal(10), When(months=(4, 5, 6)))
    lines = charges(replace(TARIFF, rates=(TARIFF.rates[0], summer)), FIVE_DAYS)
    assert [line.title for line in lines] == [LineTitle.CAPACITY]


def test_a_season_is_paid_for_the_part_of_the_time_that_lies_in_it() -> None:
    winter = replace(TARIFF, rates=(Rate(RateUnit.KWH_MONTH, Decimal(90), When(months=(12,))),))
    usage = Usage(Interval(datetime(2026, 11, 16, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)), 100_000, 0, 0, 0)
    assert charged(winter, usage) == {"STORAGE_CAPACITY_CHARGE": "9000.00"}


def test_power_can_be_paid_once() -> None:
    assert charged(one_rate(RateUnit.KW, "12"), FIVE_DAYS) == {"POWER_CHARGE": "900.00"}


@pytest.mark.parametrize(
    ("occupancy", "change"), [(0, None), (49, None), (50, "950.00"), (79, "950.00"), (80, "1900.00"), (100, "1900.00")]
)
def test_the_highest_step_that_occupancy_reaches_changes_the_price(occupancy: int, change: str | None) -> None:
    steps = (OccupancyStep(80, Decimal(40)), OccupancyStep(50, Decimal(20)))
    tariff = at_occupancy(replace(TARIFF, occupancy=steps), occupancy)
    usage = replace(FIVE_DAYS, energy_in_wh=294_117)  # 4 500.00 + 250.00
    assert charged(tariff, usage).get("OCCUPANCY_ADJUSTMENT") == change


def test_a_price_that_occupancy_has_fixed_stays_as_it_is() -> None:
    tariff = replace(TARIFF, occupancy=(OccupancyStep(50, Decimal(20)),))
    fixed = at_occupancy(tariff, 60)
    assert at_occupancy(fixed, 0) == fixed
    assert price(at_occupancy(tariff, 10), FIVE_DAYS) == price(TARIFF, FIVE_DAYS)


def test_the_greatest_discount_whose_conditions_are_met_is_given() -> None:
    offers = (
        Discount("small", Decimal(5)),
        Discount("large", Decimal(10), min_energy_wh=300_000),
        Discount("long", Decimal(15), min_days=6),
    )
    tariff = replace(TARIFF, discounts=offers)
    assert charged(tariff, FIVE_DAYS)["DISCOUNT"] == "-475.50"
    assert charged(tariff, replace(FIVE_DAYS, reserved_wh=299_999))["DISCOUNT"].startswith("-237.")
    assert charged(tariff, replace(FIVE_DAYS, booked=hours(0, 144)))["DISCOUNT"].startswith("-8")


def test_a_use_below_the_minimum_is_charged_the_minimum_before_tax() -> None:
    tariff = replace(TARIFF, minimum=Decimal(5_000))
    assert charged(tariff, FIVE_DAYS)["MINIMUM_CHARGE"] == "245.00"
    assert lines_total(price(tariff, FIVE_DAYS), "INR").text == "5900.00"
    assert "MINIMUM_CHARGE" not in charged(replace(TARIFF, minimum=Decimal(4_755)), FIVE_DAYS)


def test_no_discount_goes_below_the_price_floor_of_a_kwh() -> None:
    tariff = replace(TARIFF, discounts=(Discount("half", Decimal(50)),), floor_per_kwh=Decimal(10), minimum=Decimal(1))
    assert charged(tariff, FIVE_DAYS)["MINIMUM_CHARGE"] == "622.50"
    assert lines_total(charges(tariff, FIVE_DAYS), "INR").text == "3000.00"
