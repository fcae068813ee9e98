"""The expected course of a battery's charge: the plan's powers, from a measured level on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bpp.capacity import Booking
from bpp.expected import Level, expected_course
from tests.bpp.bookings import booking, random_bookings
from tests.energy.examples import BATTERY, at, hours

LOSSLESS = replace(BATTERY, standing_loss_per_day=Decimal(0))
HALF = Decimal("0.5")


def test_sixty_kilowatt_for_five_hours_raise_a_battery_of_475_kwh_from_10_to_69_percent() -> None:
    course = expected_course(LOSSLESS, [booking(charge=hours(1, 6))], Level(at(0), Decimal("0.1")), at(6))
    assert [level.at for level in course] == [at(0), at(1), at(6)]
    # 60 kW x 5 h x 0.94 = 282 kWh of 475 kWh.
    assert [round(level.soc, 4) for level in course] == [Decimal("0.1"), Decimal("0.1"), Decimal("0.6937")]


def test_what_is_given_back_lowers_it_by_more_than_the_meter_shows() -> None:
    course = expected_course(LOSSLESS, [booking(giveback=hours(10, 15))], Level(at(10), Decimal("0.8")), at(15))
    # 40 kW x 5 h / 0.94 = 212.8 kWh.
    assert round(course[-1].soc, 4) == Decimal("0.3521")


def test_a_battery_that_does_nothing_only_loses_what_it_loses_standing() -> None:
    course = expected_course(BATTERY, [], Level(at(0), HALF), at(24))
    assert course[-1].soc == HALF * Decimal("0.999")


def test_nothing_is_expected_before_the_level_was_measured() -> None:
    assert expected_course(BATTERY, [booking()], Level(at(5), HALF), at(3)) == (Level(at(5), HALF),)


@given(st.lists(random_bookings(), max_size=4), st.decimals("0", "1", places=3))
def test_an_expected_level_is_always_between_empty_and_full(bookings: list[Booking], soc: Decimal) -> None:
    course = expected_course(BATTERY, bookings, Level(at(0), soc), at(4))
    assert all(0 <= level.soc <= 1 for level in course)
    assert [level.at for level in course] == sorted({level.at for level in course})
    assert (course[0].at, course[-1].at) == (at(0), at(4))
