from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bpp.capacity import Booking, always_free_energy_wh, free_energy_wh, free_profile, refusals
from energy.battery import Battery, profile
from energy.intervals import Interval
from energy.offers import StorageUse
from tests.energy.examples import BATTERY, USE, at, batteries, hours

CHARGE, GIVEBACK = hours(0, 5), hours(10, 15)


def booking(
    booking_id: str = "first",
    *,
    charge: Interval = CHARGE,
    giveback: Interval = GIVEBACK,
    charge_w: int = 60_000,
    discharge_w: int = 40_000,
    stored_wh: int = 280_000,
) -> Booking:
    return Booking(booking_id, charge, giveback, charge_w, discharge_w, stored_wh)


def test_an_empty_battery_takes_a_use_that_fits_it() -> None:
    assert refusals(BATTERY, [], Booking.of("first", USE, profile(BATTERY, USE))) == []


def test_a_booking_fills_the_battery_to_the_last_watt_hour_and_one_more_is_refused() -> None:
    whole = BATTERY.usable_energy_wh
    assert refusals(BATTERY, [booking(stored_wh=whole - 100)], booking("second", charge_w=0, stored_wh=100)) == []
    sentences = refusals(BATTERY, [booking(stored_wh=whole - 100)], booking("second", charge_w=0, stored_wh=101))
    assert sentences == [
        "energy: 0.101 kWh wanted, 0.1 kWh free from 2026-11-01T00:00:00.000Z to 2026-11-01T15:00:00.000Z"
    ]


def test_a_refusal_names_every_limit_that_is_broken_with_its_tightest_time() -> None:
    there = [booking(), booking("later", charge=hours(4, 6), charge_w=30_000, discharge_w=30_000, stored_wh=50_000)]
    sentences = refusals(BATTERY, there, booking("wanted", charge_w=11_000, discharge_w=11_000, stored_wh=60_000))
    assert sentences == [
        "energy: 60 kWh wanted, 50 kWh free from 2026-11-01T04:00:00.000Z to 2026-11-01T15:00:00.000Z",
        "charge power: 11 kW wanted, 10 kW free from 2026-11-01T04:00:00.000Z to 2026-11-01T05:00:00.000Z",
        "discharge power: 11 kW wanted, 10 kW free from 2026-11-01T10:00:00.000Z to 2026-11-01T15:00:00.000Z",
    ]


def test_energy_is_kept_while_it_is_held_and_not_only_while_it_moves() -> None:
    holding = booking("second", charge=hours(6, 7), giveback=hours(8, 9), stored_wh=100_001)
    assert len(refusals(BATTERY, [booking()], holding)) == 1


def test_a_battery_is_free_again_at_the_instant_the_return_ends() -> None:
    next_one = booking("second", charge=hours(15, 20), giveback=hours(20, 25), stored_wh=380_000)
    assert refusals(BATTERY, [booking()], next_one) == []
    too_early = replace(next_one, charge=Interval(at(15) - timedelta(microseconds=1), at(20)))
    assert len(refusals(BATTERY, [booking()], too_early)) == 1


def test_two_bookings_may_share_a_peak_that_neither_reaches_alone_only_if_the_limit_allows_it() -> None:
    early, late = hours(0, 2), hours(1, 3)
    first = booking(charge=early, charge_w=60_000, stored_wh=1)
    assert refusals(BATTERY, [first], booking("second", charge=late, charge_w=40_000, stored_wh=1)) == []
    assert refusals(BATTERY, [first], booking("second", charge=late, charge_w=40_001, stored_wh=1)) == [
        "charge power: 40.001 kW wanted, 40 kW free from 2026-11-01T01:00:00.000Z to 2026-11-01T02:00:00.000Z"
    ]


def test_an_update_is_not_measured_against_the_booking_that_it_replaces() -> None:
    assert refusals(BATTERY, [booking(stored_wh=300_000)], booking(stored_wh=380_000)) == []


def test_a_booking_that_returns_before_it_has_charged_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="returns energy before it has been charged"):
        booking(charge=hours(0, 5), giveback=hours(4, 6))


def test_a_booking_with_negative_power_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="negative"):
        booking(charge_w=-1)


def test_free_energy_of_an_empty_battery_is_what_its_usable_energy_takes_at_the_meter() -> None:
    # 380 kWh in store ÷ 0.94 = 404 255.3 Wh at the meter.
    assert free_energy_wh(BATTERY, [], hours(0, 5), hours(10, 15)) == 404_255


@pytest.mark.parametrize(
    ("charge", "giveback"), [(hours(-5, -4), hours(2, 3)), (hours(6, 7), hours(7, 8)), (hours(10, 11), hours(12, 13))]
)
def test_free_energy_is_what_others_leave_from_the_start_of_charging_to_the_end_of_the_return(
    charge: Interval, giveback: Interval
) -> None:
    there = booking(charge=charge, giveback=giveback, charge_w=0, stored_wh=94_000)
    assert free_energy_wh(BATTERY, [there], hours(0, 5), hours(8, 20)) == 286_000 * 100 // 94


def test_free_energy_is_limited_by_charge_power_times_the_length_of_the_window() -> None:
    assert free_energy_wh(BATTERY, [], hours(0, 1), hours(10, 15)) == 100_000
    assert free_energy_wh(BATTERY, [booking()], hours(0, 1), hours(10, 15)) == 40_000


def test_free_energy_is_limited_by_what_can_be_returned_in_its_window() -> None:
    lossless = replace(
        BATTERY,
        efficiency_charge=Decimal(1),
        efficiency_discharge=Decimal(1),
        standing_loss_per_day=Decimal(0),
        discharge_power_w=20_000,
    )
    assert free_energy_wh(lossless, [], hours(0, 5), hours(10, 15)) == 100_000


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
    assert free_energy_wh(lossless, [], hours(0, 1), hours(10, 15)) == 99_999


def test_nothing_is_free_on_a_battery_whose_health_fell_below_what_was_booked() -> None:
    worn = replace(BATTERY, energy_nominal_wh=300_000)
    assert free_energy_wh(worn, [booking()], hours(0, 5), hours(10, 15)) == 0
    assert always_free_energy_wh(worn, [booking()]) == 0


def test_energy_that_is_always_free_is_the_least_over_all_bookings() -> None:
    assert always_free_energy_wh(BATTERY, []) == 404_255
    apart = [booking(stored_wh=94_000), booking("second", charge=hours(20, 25), giveback=hours(30, 35))]
    assert always_free_energy_wh(BATTERY, apart) == 106_382


def test_the_free_profile_tells_the_least_of_each_slot_and_ends_with_the_window() -> None:
    slots = free_profile(BATTERY, [booking()], hours(4, 11.5), 3 * 3600)
    assert [(slot.interval, slot.energy_wh, slot.charge_power_w, slot.discharge_power_w) for slot in slots] == [
        (hours(4, 7), 106_382, 40_000, 80_000),
        (hours(7, 10), 106_382, 100_000, 80_000),
        (hours(10, 11.5), 106_382, 100_000, 40_000),
    ]


# Times of the random bookings are in minutes of a short day, so that every minute of it can be looked at.
DAY_MINUTES = 120
minutes = st.integers(0, DAY_MINUTES)


@st.composite
def random_bookings(draw: st.DrawFn) -> Booking:
    start, end, back, done = sorted(draw(st.lists(minutes, min_size=4, max_size=4, unique=True)))
    if draw(st.booleans()):
        back = end
    return Booking(
        str(draw(st.integers(0, 10**9))),
        hours(start / 60, end / 60),
        hours(back / 60, done / 60),
        draw(st.integers(0, 100_000)),
        draw(st.integers(0, 100_000)),
        draw(st.integers(0, 380_000)),
    )


def fits_in_every_minute(bookings: list[Booking]) -> bool:
    """The three invariants, minute by minute: the slow and obvious way."""
    for minute in range(DAY_MINUTES):
        now = at(minute / 60)
        stored = sum(b.stored_wh for b in bookings if b.charge.start <= now < b.giveback.end)
        charge = sum(b.charge_w for b in bookings if b.charge.start <= now < b.charge.end)
        discharge = sum(b.discharge_w for b in bookings if b.giveback.start <= now < b.giveback.end)
        if stored > 380_000 or charge > 100_000 or discharge > 80_000:
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
        accepted = not refusals(BATTERY, self.book, wanted)
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
    free_wh = free_energy_wh(store, there, drawn.charge, drawn.giveback)

    def accepted(energy_wh: int) -> bool:
        use = StorageUse(energy_wh, drawn.charge, drawn.giveback)
        return not refusals(store, there, Booking.of("wanted", use, profile(store, use)))

    assert free_wh == 0 or accepted(free_wh)
    assert not accepted(free_wh + 1)


@given(there=st.lists(random_bookings(), max_size=6))
@settings(max_examples=60, deadline=None)
def test_energy_that_is_always_free_is_free_in_every_slot_and_no_more_in_the_tightest(there: list[Booking]) -> None:
    slots = free_profile(BATTERY, there, hours(0, DAY_MINUTES / 60), 60)
    assert always_free_energy_wh(BATTERY, there) == min(slot.energy_wh for slot in slots)


@given(there=st.lists(random_bookings(), max_size=6), step_s=st.sampled_from([60, 420, 900, 3600]))
@settings(max_examples=60, deadline=None)
def test_every_slot_of_the_free_profile_is_the_least_of_its_minutes(there: list[Booking], step_s: int) -> None:
    window = hours(0, DAY_MINUTES / 60)
    for slot in free_profile(BATTERY, there, window, step_s):
        by_minute = [
            (
                380_000 - sum(b.stored_wh for b in there if b.booked.contains(now)),
                100_000 - sum(b.charge_w for b in there if b.charge.contains(now)),
                80_000 - sum(b.discharge_w for b in there if b.giveback.contains(now)),
            )
            for now in (at(minute / 60) for minute in range(DAY_MINUTES))
            if slot.interval.contains(now)
        ]
        stored, charge, discharge = (max(0, min(values)) for values in zip(*by_minute, strict=True))
        assert (slot.energy_wh, slot.charge_power_w, slot.discharge_power_w) == (
            stored * 100 // 94,
            charge,
            discharge,
        )
