from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.catalog import ListedBattery
from bpp.quotes import quote_for, use_problems
from energy.intervals import Interval
from energy.offers import CancellationTerms, DispatchMode, StorageUse
from energy.tariffs import LineTitle, Rate, RateUnit, Tariff, lines_total
from tests.energy.examples import BATTERY, TARIFF, USE, at, hours, tariffs, uses

LISTED = ListedBattery(
    battery=BATTERY,
    tariff=TARIFF,
    modes=(DispatchMode.AUTOMATIC,),
    cancellation=CancellationTerms(Decimal(10)),
    min_energy_wh=10_000,
)


def problems(use: StorageUse, now_hours: float = -1) -> list[tuple[str, str]]:
    return [tuple(problem) for problem in use_problems(use, at(now_hours), LISTED)]


def test_a_quote_for_three_hundred_kwh_over_five_days_costs_5610_90() -> None:
    quote = quote_for(LISTED, USE, "quote-1", 300)
    assert [(line.title, line.amount.text) for line in quote.lines] == [
        (LineTitle.CAPACITY, "4500.00"),
        (LineTitle.THROUGHPUT, "255.00"),
        (LineTitle.CGST, "427.95"),
        (LineTitle.SGST, "427.95"),
    ]
    assert (quote.quote_id, quote.total.text, quote.total.currency, quote.ttl_s) == ("quote-1", "5610.90", "INR", 300)


def test_power_and_returned_energy_are_charged_as_the_battery_would_move_them() -> None:
    # 300 kWh in four hours need 75 kW; 263.845 kWh come back after 112 hours, at 65.962 kW.
    rates = (Rate(RateUnit.KW_MONTH, Decimal(60)), Rate(RateUnit.KWH_DISCHARGED, Decimal(1)))
    by_power = replace(LISTED, tariff=replace(TARIFF, rates=rates))
    power, throughput, *_ = quote_for(by_power, USE, "quote-1", 300).lines
    assert (power.amount.text, throughput.amount.text) == ("750.00", "263.85")


@given(tariff=tariffs(), use=uses())
def test_the_total_of_a_quote_is_the_sum_of_its_lines(tariff: Tariff, use: StorageUse) -> None:
    quote = quote_for(replace(LISTED, tariff=tariff), use, "quote-1", 300)
    assert quote.total == lines_total(quote.lines, tariff.currency)
    assert quote.total.amount_minor >= 0


def test_a_use_that_begins_at_this_instant_has_no_problem() -> None:
    assert problems(USE, now_hours=0) == []


def test_a_use_that_began_a_moment_ago_is_refused() -> None:
    now = at(0) + timedelta(milliseconds=1)
    assert use_problems(USE, now, LISTED) == [
        ("charge", "Charging would begin in the past: name a time from 2026-11-01T00:00:00.001Z on.")
    ]


@pytest.mark.parametrize("field", ["charge", "giveback"])
def test_windows_off_the_quarter_hour_are_refused(field: str) -> None:
    window: Interval = getattr(USE, field)
    shifted = Interval(window.start + timedelta(minutes=5), window.end)
    ((path, sentence),) = problems(replace(USE, **{field: shifted}))  # type: ignore[arg-type]
    assert path == field
    assert "full quarters of an hour" in sentence


def test_a_return_before_the_end_of_charging_is_refused_and_told_from_when() -> None:
    assert problems(replace(USE, giveback=hours(3, 6))) == [
        (
            "giveback",
            "Energy can be returned only once it is charged: begin the return at 2026-11-01T04:00:00.000Z or later.",
        )
    ]
    assert problems(replace(USE, giveback=hours(4, 6))) == []


def test_a_return_before_charging_at_all_is_refused_too() -> None:
    backwards = StorageUse(300_000, hours(10, 14), hours(0, 4))
    assert [path for path, _ in problems(backwards)] == ["giveback"]


def test_too_little_energy_is_refused_with_the_least_that_is_taken() -> None:
    assert problems(replace(USE, energy_wh=10_000)) == []
    assert problems(replace(USE, energy_wh=9_999)) == [
        ("energy_wh", "9.999 kWh is too little for this battery: store 10 kWh or more.")
    ]


def test_no_energy_is_refused_even_where_no_least_amount_is_set() -> None:
    nothing = use_problems(replace(USE, energy_wh=0), at(0), replace(LISTED, min_energy_wh=0))
    assert [problem.path for problem in nothing] == ["energy_wh"]


def test_a_return_later_than_366_days_from_now_is_refused() -> None:
    last = hours(366 * 24 - 4, 366 * 24)
    assert problems(replace(USE, giveback=last), now_hours=0) == []
    assert [path for path, _ in problems(replace(USE, giveback=last), now_hours=-0.25)] == ["giveback"]


def test_every_problem_of_a_use_is_told_at_once() -> None:
    wrong = StorageUse(1, Interval(at(0.1), at(4)), hours(3, 6))
    assert [path for path, _ in problems(wrong, now_hours=1)] == ["charge", "charge", "giveback", "energy_wh"]


@given(use=uses(), now_hours=st.integers(-100, 100))
def test_a_use_without_problems_can_always_be_quoted(use: StorageUse, now_hours: int) -> None:
    if not use_problems(use, at(now_hours), LISTED):
        assert quote_for(LISTED, use, "quote-1", 300).lines
    else:
        assert use.charge.start < at(now_hours) or use.energy_wh < LISTED.min_energy_wh
