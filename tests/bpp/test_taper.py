"""What the capacity book sells, the simulated battery takes in: the book against the physics, over whole days."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bpp.availability import free_energy_wh
from bpp.capacity import Book, Booking
from energy.battery import Battery, profile
from energy.offers import StorageUse
from simulator.battery import Schedule, ScheduledPower, SimulatedBattery
from tests.energy.examples import BATTERY, NOVEMBER, at, batteries, hours

DAY_H = 24


@st.composite
def sold(draw: st.DrawFn, battery: Battery) -> list[Booking]:
    """Up to four bookings, each of as much as the book lets in, or of a share of that."""
    there: list[Booking] = []
    for number in range(draw(st.integers(1, 4))):
        start, charged, back, done = sorted(draw(st.sets(st.integers(0, DAY_H), min_size=4, max_size=4)))
        charge, giveback = hours(start, charged), hours(back, done)
        share = draw(st.sampled_from([1, 1, 2, 3]))
        energy_wh = free_energy_wh(battery, Book(there), charge, giveback) // share
        if energy_wh > 0:
            use = StorageUse(energy_wh, charge, giveback)
            there.append(Booking.of(str(number), use, profile(battery, use)))
    return there


def taken_in_wh(battery: Battery, there: list[Booking]) -> int:
    """What the battery's meter counts when it is ordered to do all that was sold."""
    powers = [ScheduledPower(each.charge, each.charge_w, 0) for each in there]
    powers += [ScheduledPower(each.giveback, 0, each.discharge_w) for each in there]
    simulated = SimulatedBattery.new(battery, NOVEMBER)
    simulated.advance(at(DAY_H), Schedule(at(DAY_H), tuple(powers)))
    return simulated.energy_in_wh


def ordered_wh(there: list[Booking]) -> int:
    return sum(each.charge_w * int((each.charge.end - each.charge.start).total_seconds()) for each in there) // 3_600


@given(data=st.data(), battery=batteries())
@settings(max_examples=60, deadline=None)
def test_a_battery_takes_in_all_that_the_book_sells_of_it(data: st.DataObject, battery: Battery) -> None:
    # What rounding leaves in store after a return is a watt-hour or two: more than one percent of less than this.
    assume(battery.usable_energy_wh >= 1_000)
    there = data.draw(sold(battery))
    assert taken_in_wh(battery, there) == ordered_wh(there)


def test_a_battery_sold_to_the_last_watt_hour_that_the_book_has_takes_in_every_one() -> None:
    use = StorageUse(free_energy_wh(BATTERY, Book(), hours(0, 5), hours(10, 20)), hours(0, 5), hours(10, 20))
    assert use.energy_wh > 350_000
    there = [Booking.of("all", use, profile(BATTERY, use))]
    assert taken_in_wh(BATTERY, there) == ordered_wh(there) >= use.energy_wh


def test_a_battery_sold_by_its_energy_alone_would_take_in_less_than_was_sold() -> None:
    use = StorageUse(404_255, hours(0, 5), hours(10, 20))
    there = [Booking.of("all", use, profile(BATTERY, use))]
    assert taken_in_wh(BATTERY, there) < use.energy_wh
