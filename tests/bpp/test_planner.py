from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import event, given, settings
from hypothesis import strategies as st

from bpp.capacity import Book, Booking, refusals
from bpp.planner import Placement, place, planned_profile
from energy.battery import Battery, profile
from energy.calendars import When
from energy.intervals import Interval, is_aligned
from energy.limits import limits_of
from energy.offers import StorageUse
from energy.sites import Cost, Curtailment, Site
from tests.bpp.bookings import booking
from tests.energy.examples import BATTERY, batteries, hours, uses, whens

USE = StorageUse(80_000, hours(0, 8), hours(10, 18))
NIGHT = Site("hill", import_costs=(Cost(Decimal(3)), Cost(Decimal("2.5"), When(from_minute=0, until_minute=300))))


def placed(book: Book, use: StorageUse = USE, battery: Battery = BATTERY) -> Placement:
    found = place(battery, book, use)
    assert found is not None
    return found


def booked(battery: Battery, use: StorageUse, found: Placement) -> Booking:
    planned = found.planned(use)
    return Booking.of("wanted", planned, planned_profile(battery, use, planned))


def test_where_nothing_speaks_against_it_a_use_takes_all_of_its_windows() -> None:
    assert place(BATTERY, Book(), USE) is None
    assert place(BATTERY, Book(site=Site("hill", 90_000, 90_000)), USE) is None


def test_charging_moves_to_where_a_kwh_costs_the_site_least_and_as_late_as_that_is() -> None:
    found = placed(Book(site=NIGHT))
    assert (found.charge, found.giveback) == (hours(5, 8), USE.giveback)
    assert found.reasons == (
        "It is charged from 2026-11-01T05:00:00.000Z to 2026-11-01T08:00:00.000Z and not all through the window "
        "from 2026-11-01T00:00:00.000Z to 2026-11-01T08:00:00.000Z.",
        "A kWh costs the site 3 then, and 4.5625 all through the window.",
    )


def test_costs_that_are_the_same_all_the_time_move_nothing() -> None:
    lossless = replace(BATTERY, standing_loss_per_day=Decimal(0))
    assert place(lossless, Book(site=Site("hill", import_costs=NIGHT.import_costs[:1])), USE) is None


def test_of_two_cheap_times_the_one_from_which_less_is_lost_in_store_is_taken() -> None:
    dear = (Cost(Decimal(9), When(from_minute=120, until_minute=360)),)
    losing = replace(BATTERY, standing_loss_per_day=Decimal("0.05"))
    site = Site("hill", import_costs=(Cost(Decimal(1)), *dear))
    assert placed(Book(site=site), battery=losing).charge == hours(6, 8)


def test_a_cheap_time_in_which_others_charge_is_passed_over() -> None:
    there = booking(charge=hours(5, 8), giveback=hours(9, 10), charge_w=95_000, discharge_w=1_000, stored_wh=1_000)
    found = placed(Book([there], site=NIGHT))
    assert found.charge == hours(0, 5)
    assert refusals(limits_of(BATTERY), Book([there], site=NIGHT), booked(BATTERY, USE, found)) == []


def test_a_curtailment_in_the_window_is_planned_around_and_named() -> None:
    site = Site("hill", curtailments=(Curtailment(hours(2, 3), import_limit_w=0), Curtailment(hours(16, 18), None, 0)))
    found = placed(Book(site=site))
    assert (found.charge, found.giveback) == (hours(3, 8), hours(10, 16))
    assert found.reasons[2:] == (
        "All through the windows it does not fit: power into the site: 10 kW wanted, 0 kW free "
        "from 2026-11-01T02:00:00.000Z to 2026-11-01T03:00:00.000Z.",
        "All through the windows it does not fit: power out of the site: 8.836 kW wanted, 0 kW free "
        "from 2026-11-01T16:00:00.000Z to 2026-11-01T18:00:00.000Z.",
    )


def test_what_fits_nowhere_is_not_planned() -> None:
    site = Site("hill", curtailments=(Curtailment(hours(0, 8), import_limit_w=0),))
    assert place(BATTERY, Book(site=site), USE) is None


def test_what_comes_back_is_what_was_sold_whenever_it_is_charged() -> None:
    found = placed(Book(site=NIGHT))
    assert planned_profile(BATTERY, USE, found.planned(USE)).giveback_wh == profile(BATTERY, USE).giveback_wh


def test_of_an_amended_use_the_window_that_stays_keeps_its_plan() -> None:
    found = placed(Book(site=NIGHT))
    later = replace(USE, giveback=hours(12, 20))
    assert found.planned(later) == replace(later, charge=hours(5, 8))
    assert found.planned(replace(USE, energy_wh=90_000)) == replace(USE, energy_wh=90_000)


@given(
    battery=batteries(),
    use=uses(),
    costs=st.lists(st.tuples(st.decimals("0", "20", places=2), whens() | st.none()), max_size=3),
    curtailed=st.lists(st.tuples(st.integers(0, 95), st.integers(1, 40)), max_size=2),
)
@settings(max_examples=80, deadline=None)
def test_every_plan_lies_in_its_windows_at_full_quarters_and_fits_the_book(
    battery: Battery,
    use: StorageUse,
    costs: list[tuple[Decimal, When | None]],
    curtailed: list[tuple[int, int]],
) -> None:
    at_most_wh = min(battery.usable_energy_wh, battery.charge_power_w, battery.discharge_power_w) // 8
    use = replace(use, energy_wh=1 + use.energy_wh % (at_most_wh + 1))
    quarter = timedelta(minutes=15)
    starts = [(use.charge.start + first * quarter, length * quarter) for first, length in curtailed]
    site = Site(
        "hill",
        None,
        None,
        tuple(Curtailment(Interval(start, start + length), 0, None) for start, length in starts),
        tuple(Cost(price, when) for price, when in costs),
        "Europe/Berlin",
    )
    book = Book(site=site)
    found = place(battery, book, use)
    event("planned" if found is not None else "not planned")
    if found is None:
        return
    assert inside(found.charge, use.charge)
    assert inside(found.giveback, use.giveback)
    assert is_aligned(found.charge)
    assert is_aligned(found.giveback)
    assert found.reasons
    assert refusals(limits_of(battery), book, booked(battery, use, found)) == []


def inside(piece: Interval, window: Interval) -> bool:
    return window.start <= piece.start and piece.end <= window.end
