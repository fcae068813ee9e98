from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpp.availability import always_free_energy_wh, free_energy_wh, free_profile, occupancy_percent
from bpp.capacity import Book, Booking, refusals
from energy.battery import Battery, profile
from energy.intervals import Interval
from energy.limits import limits_of
from energy.offers import StorageUse
from energy.sites import Curtailment, Site
from tests.bpp.bookings import DAY_MINUTES, LIMITS, booking, random_bookings
from tests.energy.examples import BATTERY, at, batteries, hours


@pytest.mark.parametrize(("window", "free_wh"), [(hours(0, 5), 355_880), (hours(0, 50), 382_900)])
def test_free_energy_of_an_empty_battery_is_what_its_taper_takes_in_within_the_window(
    window: Interval, free_wh: int
) -> None:
    # E kWh at the meter need E ÷ hours of power, and 100 - 2.5 × (0.94 × E - 323) kW is taken in: equal at E.
    assert free_energy_wh(BATTERY, Book(), window, hours(50, 60)) == free_wh


@pytest.mark.parametrize(
    ("charge", "giveback", "free_wh"),
    [
        # While it is charged, 70 kW and less are taken in, the fuller the less; later only the energy is missing.
        (hours(-5, -4), hours(2, 3), 171_565),
        (hours(6, 7), hours(7, 9), 192_000 * 100 // 94),
        (hours(10, 11), hours(12, 13), 192_000 * 100 // 94),
    ],
)
def test_free_energy_is_what_others_leave_from_the_start_of_charging_to_the_end_of_the_return(
    charge: Interval, giveback: Interval, free_wh: int
) -> None:
    there = booking(charge=charge, giveback=giveback, charge_w=0, stored_wh=188_000)
    assert free_energy_wh(BATTERY, Book([there]), hours(0, 5), hours(8, 20)) == free_wh


def test_free_energy_is_limited_by_charge_power_times_the_length_of_the_window() -> None:
    assert free_energy_wh(BATTERY, Book(), hours(0, 1), hours(10, 15)) == 100_000
    assert free_energy_wh(BATTERY, Book([booking()]), hours(0, 1), hours(10, 15)) == 40_000


def test_free_energy_is_limited_by_what_can_be_returned_in_its_window() -> None:
    lossless = replace(
        BATTERY,
        efficiency_charge=Decimal(1),
        efficiency_discharge=Decimal(1),
        standing_loss_per_day=Decimal(0),
        discharge_power_w=20_000,
    )
    assert free_energy_wh(lossless, Book(), hours(0, 5), hours(10, 15)) == 100_000


def test_a_use_that_needs_exactly_the_free_discharge_power_can_have_what_it_takes_in() -> None:
    # 99 999 Wh come in within the hour; back within five hours they need 19 999.8 W, booked as 20 000 W.
    lossless = replace(
        BATTERY,
        efficiency_charge=Decimal(1),
        efficiency_discharge=Decimal(1),
        standing_loss_per_day=Decimal(0),
        charge_power_w=99_999,
        discharge_power_w=20_000,
    )
    assert free_energy_wh(lossless, Book(), hours(0, 1), hours(10, 15)) == 99_999


def test_nothing_is_free_on_a_battery_whose_health_fell_below_what_was_booked() -> None:
    worn = replace(BATTERY, energy_nominal_wh=300_000)
    assert free_energy_wh(worn, Book([booking()]), hours(0, 5), hours(10, 15)) == 0
    assert always_free_energy_wh(worn, Book([booking()])) == 0


def test_energy_that_is_always_free_is_the_least_over_all_bookings() -> None:
    # With 361 kWh in store for contracts nothing is taken in any more: 360 999 Wh ÷ 0.94.
    assert always_free_energy_wh(BATTERY, Book()) == 384_041
    apart = [booking(stored_wh=94_000), booking("second", charge=hours(20, 25), giveback=hours(30, 35))]
    # While 60 kW are charged, 339 kWh may be in store, and 280 kWh are.
    assert always_free_energy_wh(BATTERY, Book(apart)) == 62_765


def test_the_free_profile_tells_the_least_of_each_slot_and_ends_with_the_window() -> None:
    slots = free_profile(BATTERY, Book([booking()]), hours(4, 11.5), 3 * 3600)
    assert [(slot.interval, slot.energy_wh, slot.charge_power_w, slot.discharge_power_w) for slot in slots] == [
        (hours(4, 7), 62_765, 40_000, 80_000),
        (hours(7, 10), 86_169, 100_000, 80_000),
        (hours(10, 11.5), 86_169, 100_000, 40_000),
    ]


@st.composite
def loaded_batteries(draw: st.DrawFn) -> tuple[Battery, list[Booking]]:
    """Any battery with up to three bookings in the short day, each of at most a third of what it has."""
    store = draw(batteries())
    there = [
        replace(
            drawn,
            charge_w=store.charge_power_w * drawn.charge_w // 300_000,
            discharge_w=store.discharge_power_w * drawn.discharge_w // 300_000,
            stored_wh=store.usable_energy_wh * drawn.stored_wh // (3 * 380_000),
        )
        for drawn in draw(st.lists(random_bookings(), max_size=3))
    ]
    return store, there


@given(loaded=loaded_batteries(), drawn=random_bookings())
@settings(max_examples=150, deadline=None)
def test_free_energy_is_exactly_the_last_amount_that_is_not_refused(
    loaded: tuple[Battery, list[Booking]], drawn: Booking
) -> None:
    store, there = loaded
    free_wh = free_energy_wh(store, Book(there), drawn.charge, drawn.giveback)

    def accepted(energy_wh: int) -> bool:
        use = StorageUse(energy_wh, drawn.charge, drawn.giveback)
        return not refusals(limits_of(store), Book(there), Booking.of("wanted", use, profile(store, use)))

    assert free_wh == 0 or accepted(free_wh)
    assert not accepted(free_wh + 1)


@given(there=st.lists(random_bookings(), max_size=6))
@settings(max_examples=60, deadline=None)
def test_energy_that_is_always_free_is_free_in_every_slot_and_no_more_in_the_tightest(there: list[Booking]) -> None:
    slots = free_profile(BATTERY, Book(there), hours(0, DAY_MINUTES / 60), 60)
    assert always_free_energy_wh(BATTERY, Book(there)) == min(slot.energy_wh for slot in slots)


@given(there=st.lists(random_bookings(), max_size=6), step_s=st.sampled_from([60, 420, 900, 3600]))
@settings(max_examples=60, deadline=None)
def test_every_slot_of_the_free_profile_is_the_least_of_its_minutes(there: list[Booking], step_s: int) -> None:
    window = hours(0, DAY_MINUTES / 60)
    for slot in free_profile(BATTERY, Book(there), window, step_s):
        by_minute = [
            (
                LIMITS.stored_limit_wh(max(1, charged)) - stored,
                LIMITS.charge_limit_w(stored) - charged,
                80_000 - sum(b.discharge_w for b in there if b.giveback.contains(now)),
            )
            for now in (at(minute / 60) for minute in range(DAY_MINUTES))
            if slot.interval.contains(now)
            for stored in [sum(b.stored_wh for b in there if b.booked.contains(now))]
            for charged in [sum(b.charge_w for b in there if b.charge.contains(now))]
        ]
        stored, charge, discharge = (max(0, min(values)) for values in zip(*by_minute, strict=True))
        assert (slot.energy_wh, slot.charge_power_w, slot.discharge_power_w) == (
            stored * 100 // 94,
            charge,
            discharge,
        )


def test_a_sites_limit_and_its_curtailments_show_in_the_free_profile() -> None:
    site = Site("hill", 90_000, 70_000, (Curtailment(hours(4, 6), import_limit_w=30_000),))
    book = Book(site=site, neighbours=[booking("beside", charge=hours(0, 2), charge_w=20_000, discharge_w=0)])
    slots = free_profile(BATTERY, book, hours(0, 8), 2 * 3600)
    assert [slot.charge_power_w for slot in slots] == [70_000, 90_000, 30_000, 90_000]
    assert {slot.discharge_power_w for slot in slots} == {70_000}
    assert free_energy_wh(BATTERY, book, hours(4, 6), hours(10, 15)) == 60_000


def test_a_battery_whose_warranty_is_used_up_is_free_for_nothing() -> None:
    worn = replace(BATTERY, warranty_cycles_per_year=Decimal(1))
    sold = Book([booking(charge=hours(-100, -90), giveback=hours(-80, -70), stored_wh=380_000)])
    assert free_energy_wh(worn, sold, hours(0, 5), hours(10, 15)) == 0
    assert always_free_energy_wh(worn, sold) == 0
    assert free_energy_wh(worn, Book(), hours(0, 5), hours(10, 15)) > 0


def test_occupancy_is_the_share_of_usable_energy_that_is_sold_at_the_fullest_moment() -> None:
    there = [booking(stored_wh=95_000), booking("second", charge=hours(6, 8), giveback=hours(8, 12), stored_wh=95_000)]
    assert occupancy_percent(LIMITS, Book(there), hours(0, 5)) == 25
    assert occupancy_percent(LIMITS, Book(there), hours(0, 20)) == 50
    assert occupancy_percent(LIMITS, Book(), hours(0, 20)) == 0
