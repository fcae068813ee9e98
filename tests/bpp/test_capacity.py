from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bpp.capacity import Book, Booking, refusals
from energy.battery import profile
from energy.intervals import Interval
from energy.sites import Curtailment, Site
from tests.bpp.bookings import CHARGE, DAY_MINUTES, LIMITS, booking, random_bookings
from tests.energy.examples import BATTERY, USE, at, hours


def test_an_empty_battery_takes_a_use_that_fits_it() -> None:
    assert refusals(LIMITS, Book(), Booking.of("first", USE, profile(BATTERY, USE))) == []


def test_a_booking_fills_the_battery_to_the_last_watt_hour_and_one_more_is_refused() -> None:
    whole = BATTERY.usable_energy_wh
    there = Book([booking(charge_w=0, stored_wh=whole - 100)])
    assert refusals(LIMITS, there, booking("second", charge_w=0, stored_wh=100)) == []
    sentences = refusals(LIMITS, there, booking("second", charge_w=0, stored_wh=101))
    assert sentences == [
        "energy: 0.101 kWh wanted, 0.1 kWh free from 2026-11-01T00:00:00.000Z to 2026-11-01T15:00:00.000Z"
    ]


def test_a_refusal_names_every_limit_that_is_broken_with_its_tightest_time() -> None:
    there = [booking(), booking("later", charge=hours(4, 6), charge_w=30_000, discharge_w=30_000, stored_wh=50_000)]
    sentences = refusals(LIMITS, Book(there), booking("wanted", charge_w=11_000, discharge_w=11_000, stored_wh=60_000))
    assert sentences == [
        "energy: 60 kWh wanted, 50 kWh free from 2026-11-01T04:00:00.000Z to 2026-11-01T15:00:00.000Z",
        "charge power: 11 kW wanted, 10 kW free from 2026-11-01T04:00:00.000Z to 2026-11-01T05:00:00.000Z",
        "charge power of a battery that is nearly full: 71 kW wanted, with what is booked, 57.5 kW taken in "
        "from 2026-11-01T00:00:00.000Z to 2026-11-01T04:00:00.000Z",
        "discharge power: 11 kW wanted, 10 kW free from 2026-11-01T10:00:00.000Z to 2026-11-01T15:00:00.000Z",
    ]


def test_energy_is_kept_while_it_is_held_and_not_only_while_it_moves() -> None:
    holding = booking("second", charge=hours(6, 7), giveback=hours(8, 9), stored_wh=100_001)
    assert len(refusals(LIMITS, Book([booking()]), holding)) == 1


def test_a_battery_is_free_again_at_the_instant_the_return_ends() -> None:
    next_one = booking("second", charge=hours(15, 20), giveback=hours(20, 25), stored_wh=300_000)
    assert refusals(LIMITS, Book([booking()]), next_one) == []
    too_early = replace(next_one, charge=Interval(at(15) - timedelta(microseconds=1), at(20)))
    assert len(refusals(LIMITS, Book([booking()]), too_early)) == 1


def test_two_bookings_may_share_a_peak_that_neither_reaches_alone_only_if_the_limit_allows_it() -> None:
    early, late = hours(0, 2), hours(1, 3)
    first = booking(charge=early, charge_w=60_000, stored_wh=1)
    assert refusals(LIMITS, Book([first]), booking("second", charge=late, charge_w=40_000, stored_wh=1)) == []
    assert refusals(LIMITS, Book([first]), booking("second", charge=late, charge_w=40_001, stored_wh=1)) == [
        "charge power: 40.001 kW wanted, 40 kW free from 2026-11-01T01:00:00.000Z to 2026-11-01T02:00:00.000Z"
    ]


def test_an_update_is_not_measured_against_the_booking_that_it_replaces() -> None:
    assert refusals(LIMITS, Book([booking(stored_wh=300_000)]), booking(stored_wh=310_000)) == []


def test_a_booking_that_returns_before_it_has_charged_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="returns energy before it has been charged"):
        booking(charge=hours(0, 5), giveback=hours(4, 6))


def test_a_booking_with_negative_power_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="negative"):
        booking(charge_w=-1)


def test_a_battery_that_is_sold_nearly_full_takes_in_less_power() -> None:
    # 353 kWh in store for contracts: half of the way from 323 kWh, where full power ends, would be 342 kWh.
    assert LIMITS.taper_from_wh == 323_000
    assert LIMITS.taper_to_wh == 361_000
    there = Book([booking(charge=hours(-5, -4), giveback=hours(20, 21), charge_w=0, stored_wh=300_000)])
    assert refusals(LIMITS, there, booking("second", charge_w=25_000, stored_wh=53_000)) == []
    assert refusals(LIMITS, there, booking("second", charge_w=25_001, stored_wh=53_000)) == [
        "charge power of a battery that is nearly full: 25.001 kW wanted, with what is booked, 25 kW taken in "
        "from 2026-11-01T00:00:00.000Z to 2026-11-01T05:00:00.000Z"
    ]


def test_energy_that_comes_before_may_not_slow_down_a_charge_that_was_sold_before() -> None:
    there = Book([booking(charge=hours(8, 10), charge_w=50_000, stored_wh=300_000)])
    early = booking("early", charge=hours(0, 2), giveback=hours(12, 14), charge_w=20_000, stored_wh=43_001)
    assert refusals(LIMITS, there, early) == [
        "charge power of a battery that is nearly full: 50 kW wanted, with what is booked, 49.997 kW taken in "
        "from 2026-11-01T08:00:00.000Z to 2026-11-01T10:00:00.000Z"
    ]
    assert refusals(LIMITS, there, replace(early, stored_wh=43_000)) == []


SITE = Site("hill", import_limit_w=90_000, export_limit_w=70_000)


def test_the_batteries_of_a_site_together_take_no_more_than_its_connection_lets_in() -> None:
    beside = Book(site=SITE, neighbours=[booking("beside", charge_w=40_000, discharge_w=30_000)])
    assert refusals(LIMITS, beside, booking(charge_w=50_000, discharge_w=40_000)) == []
    assert refusals(LIMITS, beside, booking(charge_w=50_001, discharge_w=40_001)) == [
        "power into the site: 50.001 kW wanted, 50 kW free from 2026-11-01T00:00:00.000Z to 2026-11-01T05:00:00.000Z",
        "power out of the site: 40.001 kW wanted, 40 kW free from 2026-11-01T10:00:00.000Z to 2026-11-01T15:00:00.000Z",
    ]


def test_a_return_from_one_battery_makes_no_room_for_charging_another() -> None:
    beside = Book(site=SITE, neighbours=[booking("beside", charge=hours(-9, -8), giveback=CHARGE, discharge_w=70_000)])
    assert refusals(LIMITS, beside, booking(charge_w=90_000, discharge_w=0)) == []
    assert len(refusals(LIMITS, beside, booking(charge_w=90_001, discharge_w=0))) == 1


def test_a_curtailment_binds_for_as_long_as_it_lasts() -> None:
    site = replace(SITE, curtailments=(Curtailment(hours(4, 6), import_limit_w=10_000),))
    assert refusals(LIMITS, Book(site=site), booking(charge_w=10_001)) == [
        "power into the site: 10.001 kW wanted, 10 kW free from 2026-11-01T04:00:00.000Z to 2026-11-01T05:00:00.000Z"
    ]
    assert refusals(LIMITS, Book(site=site), booking(charge=hours(0, 4), charge_w=60_000)) == []


def test_of_two_curtailments_at_once_the_lower_one_binds() -> None:
    lowered = (Curtailment(hours(0, 9), import_limit_w=20_000), Curtailment(hours(4, 6), 10_000, 5_000))
    site = Site("hill", curtailments=lowered)
    assert [site.import_limit_at(at(hour)) for hour in (3, 5, 6, 9)] == [20_000, 10_000, 20_000, None]
    assert [site.export_limit_at(at(hour)) for hour in (3, 5, 6)] == [None, 5_000, None]


def test_what_is_sold_in_a_year_counts_against_the_warranty_after_it_was_returned_too() -> None:
    limits = LIMITS._replace(yearly_energy_wh=500_000)
    over = Book([booking("over", charge=hours(-100, -90), giveback=hours(-80, -70), stored_wh=300_000)])
    assert refusals(limits, over, booking(stored_wh=200_000)) == []
    assert refusals(limits, over, booking(stored_wh=200_001)) == [
        "energy under the warranty: 200.001 kWh wanted, 200 kWh left in 2026"
    ]
    next_year = booking(
        charge=hours(24 * 61, 24 * 61 + 5), giveback=hours(24 * 61 + 6, 24 * 61 + 11), stored_wh=310_000
    )
    assert refusals(limits, over, next_year) == []


def fits_in_every_minute(bookings: list[Booking]) -> bool:
    """The rules of one battery, minute by minute: the slow and obvious way."""
    for minute in range(DAY_MINUTES):
        now = at(minute / 60)
        stored = sum(b.stored_wh for b in bookings if b.charge.start <= now < b.giveback.end)
        charge = sum(b.charge_w for b in bookings if b.charge.start <= now < b.charge.end)
        discharge = sum(b.discharge_w for b in bookings if b.giveback.start <= now < b.giveback.end)
        fall = Fraction(max(0, stored - 323_000), 38_000) * Fraction(95, 100)
        taken_in = 0 if stored >= 361_000 else 100_000 * (1 - fall)
        if stored > 380_000 or charge > min(100_000, taken_in) or discharge > 80_000:
            return False
    return True


class BookAndCancel(RuleBasedStateMachine):
    """Bookings come and go in any order; what the book accepts is what the slow check accepts."""

    def __init__(self) -> None:
        super().__init__()
        self.book: list[Booking] = []

    @rule(wanted=random_bookings(), share=st.integers(1, 8))
    def ask(self, wanted: Booking, share: int) -> None:
        wanted = replace(
            wanted,
            charge_w=wanted.charge_w // share,
            discharge_w=wanted.discharge_w // share,
            stored_wh=wanted.stored_wh // share,
        )
        others = [b for b in self.book if b.booking_id != wanted.booking_id]
        accepted = not refusals(LIMITS, Book(self.book), wanted)
        assert accepted == fits_in_every_minute([*others, wanted])
        if accepted:
            self.book = [*others, wanted]

    @rule(index=st.integers(0, 20))
    def cancel(self, index: int) -> None:
        if index < len(self.book):
            del self.book[index]

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        assert fits_in_every_minute(self.book)


BookAndCancel.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestBookAndCancel = BookAndCancel.TestCase
