"""Whose energy it was: shares by planned power, which add up to the meter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpp.capacity import Booking
from bpp.shares import share_of
from energy.intervals import Interval
from energy.metering import MeterInterval, ReadingQuality
from tests.energy.examples import hours

SLOT = hours(1, 1.25)


def booking(name: str, charge_w: int, discharge_w: int = 1_000, charge: Interval | None = None) -> Booking:
    return Booking(name, charge or hours(0, 4), hours(10, 12), charge_w, discharge_w, 1_000)


def counted(in_wh: int, out_wh: int = 0, slot: Interval = SLOT) -> MeterInterval:
    return MeterInterval(slot, in_wh, out_wh, ReadingQuality.DERIVED)


def test_a_contract_alone_has_all_that_was_counted() -> None:
    assert share_of("a", [booking("a", 10)], counted(500)) == counted(500)


def test_two_contracts_share_by_their_planned_power() -> None:
    both = [booking("a", 30_000), booking("b", 10_000)]
    assert share_of("a", both, counted(1_000)).energy_in_wh == 750
    assert share_of("b", both, counted(1_000)).energy_in_wh == 250


def test_who_does_not_charge_in_a_slot_has_none_of_it() -> None:
    both = [booking("a", 30_000), booking("b", 10_000, charge=hours(2, 4))]
    assert share_of("a", both, counted(1_000)).energy_in_wh == 1_000
    assert share_of("b", both, counted(1_000)).energy_in_wh == 0


def test_what_comes_out_while_charging_is_nobodys() -> None:
    assert share_of("a", [booking("a", 10)], counted(0, 700)).energy_out_wh == 0


def test_what_is_returned_is_shared_by_discharge_power() -> None:
    both = [booking("a", 1, discharge_w=2_000), booking("b", 1, discharge_w=1_000)]
    part = share_of("a", both, counted(0, 900, hours(10, 10.25)))
    assert (part.energy_in_wh, part.energy_out_wh) == (0, 600)


def test_a_contract_with_nothing_to_return_gets_nothing() -> None:
    lossy = [booking("a", 1, discharge_w=0)]
    assert share_of("a", lossy, counted(0, 900, hours(10, 10.25))).energy_out_wh == 0


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.integers(0, 10**9))
def test_the_shares_of_all_contracts_add_up_to_the_meter(powers_w: list[int], energy_wh: int) -> None:
    bookings = [booking(f"c{index}", power_w) for index, power_w in enumerate(powers_w)]
    shares = [share_of(each.booking_id, bookings, counted(energy_wh)).energy_in_wh for each in bookings]
    assert sum(shares) == energy_wh
    reverse = [share_of(each.booking_id, bookings[::-1], counted(energy_wh)).energy_in_wh for each in bookings]
    assert reverse == shares
