"""Settlement: reserved capacity and metered throughput, each counted in its own window."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, profile
from energy.intervals import Interval, slots
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import StorageUse
from energy.settlement import cancellation_fee, metered, planned_usage, settle
from energy.tariffs import Line, LineTitle, Rate, RateUnit, Tariff, lines_total, price
from tests.energy.examples import BATTERY, TARIFF, USE, batteries, hours, tariffs, uses

PROFILE = profile(BATTERY, USE)


def steady(window: Interval, in_wh: int, out_wh: int) -> list[MeterInterval]:
    """The same energy in every quarter of an hour of the window."""
    return [MeterInterval(slot, in_wh, out_wh, ReadingQuality.VALID) for slot in slots(window)]


AS_PLANNED = (*steady(USE.charge, 18_750, 0), *steady(USE.giveback, 0, 16_484))


def amounts(lines: tuple[Line, ...]) -> list[tuple[LineTitle, str]]:
    return [(line.title, line.amount.text) for line in lines]


def test_a_contract_that_went_as_planned_costs_its_quote() -> None:
    settlement = settle(TARIFF, USE, PROFILE, AS_PLANNED)
    assert settlement.lines == price(TARIFF, planned_usage(USE, PROFILE))
    assert settlement.total.text == "5610.90"


def test_a_settlement_says_what_moved_and_what_was_lost() -> None:
    settlement = settle(TARIFF, USE, PROFILE, AS_PLANNED)
    assert (settlement.energy_in_wh, settlement.energy_out_wh) == (300_000, 263_744)
    assert (settlement.losses_wh, settlement.efficiency) == (36_256, Decimal("0.879147"))
    assert (settlement.interval_count, settlement.estimated_count) == (32, 0)


def test_capacity_is_paid_as_reserved_and_throughput_as_metered() -> None:
    """200 of 300 kWh came: 4500.00 for the room they had, 170.00 for what moved, 18 % on both."""
    settlement = settle(TARIFF, USE, PROFILE, tuple(steady(USE.charge, 12_500, 0)))
    assert amounts(settlement.lines) == [
        (LineTitle.CAPACITY, "4500.00"),
        (LineTitle.THROUGHPUT, "170.00"),
        (LineTitle.CGST, "420.30"),
        (LineTitle.SGST, "420.30"),
    ]
    assert settlement.total.text == "5510.60"


def test_power_is_paid_for_the_stronger_of_both_directions() -> None:
    tariff = replace(TARIFF, rates=(Rate(RateUnit.KW_MONTH, Decimal(120)),))
    brief_return = replace(USE, giveback=hours(118, 120))
    plan = profile(BATTERY, brief_return)
    assert plan.discharge_w > plan.charge_w
    [line, *_] = settle(tariff, brief_return, plan, ()).lines
    assert line.quantity is not None
    assert abs(line.quantity - Decimal(plan.discharge_w) / 6_000) <= Decimal("0.0000005")


def test_energy_outside_its_own_window_is_not_billed() -> None:
    astray = (
        *steady(USE.charge, 100, 7),
        *steady(hours(4, 116), 50, 50),
        *steady(USE.giveback, 9, 80),
        *steady(hours(120, 121), 1_000, 1_000),
    )
    settlement = settle(TARIFF, USE, PROFILE, astray)
    assert (settlement.energy_in_wh, settlement.energy_out_wh) == (1_600, 1_280)
    assert settlement.interval_count == 32


def test_intervals_that_were_not_simply_read_are_counted_as_estimated() -> None:
    qualities = [
        ReadingQuality.VALID,
        ReadingQuality.DERIVED,
        ReadingQuality.QUESTIONABLE,
        ReadingQuality.RAW,
    ]
    first_hour = steady(hours(0, 1), 10, 0)
    marked = tuple(replace(interval, quality=quality) for interval, quality in zip(first_hour, qualities, strict=True))
    settlement = settle(TARIFF, USE, PROFILE, marked)
    assert (settlement.interval_count, settlement.estimated_count) == (4, 2)


def test_a_contract_without_meter_readings_has_no_efficiency() -> None:
    settlement = settle(TARIFF, USE, PROFILE, ())
    assert settlement.efficiency is None
    assert (settlement.energy_in_wh, settlement.losses_wh, settlement.interval_count) == (0, 0, 0)


def test_an_interval_across_the_edge_of_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="lies only partly between"):
        metered(USE, [MeterInterval(hours(3.5, 4.5), 1, 0, ReadingQuality.VALID)])


def test_a_cancellation_of_ten_percent_is_taxed_like_the_service() -> None:
    quoted = price(TARIFF, planned_usage(USE, PROFILE))
    fee = cancellation_fee(TARIFF, quoted, Decimal(10))
    assert amounts(fee) == [
        (LineTitle.CANCELLATION_FEE, "475.50"),
        (LineTitle.CGST, "42.80"),
        (LineTitle.SGST, "42.80"),
    ]
    assert (fee[0].quantity, fee[0].unit, fee[0].rate) == (Decimal(4755), "%", Decimal(10))
    assert lines_total(fee, "INR").text == "561.10"


@pytest.mark.parametrize("percent", [Decimal("-0.01"), Decimal("100.01")])
def test_a_fee_below_nothing_or_above_everything_is_refused(percent: Decimal) -> None:
    with pytest.raises(ValueError, match="is no cancellation fee"):
        cancellation_fee(TARIFF, (), percent)


@given(batteries(), tariffs(), uses(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_settlement_adds_up(battery: Battery, tariff: Tariff, use: StorageUse, in_wh: int, out_wh: int) -> None:
    intervals = (*steady(use.charge, in_wh, 1), *steady(use.giveback, 1, out_wh))
    settlement = settle(tariff, use, profile(battery, use), intervals)
    assert settlement.energy_in_wh == in_wh * len(list(slots(use.charge)))
    assert settlement.energy_in_wh == settlement.energy_out_wh + settlement.losses_wh
    assert settlement.total == lines_total(settlement.lines, tariff.currency)
    assert settlement.interval_count == len(intervals)
