"""Capacity has one owner: whether one more booking fits a battery, and what is still free (ENERGY 2.2).

A booking is a fixed plan: constant charge power in its charge window, constant discharge power in its return
window, and its energy in store from the start of the first to the end of the second. For every battery, at
every instant:

    (i)   the sum of ``stored_wh`` over [charge start, return end)  <=  usable energy
    (ii)  the sum of ``charge_w`` over the charge windows           <=  charge power,
          and of ``discharge_w`` over the return windows            <=  discharge power
    (iii) a booking never changes its plan, so what was promised for its return window can be returned.

Loads change only where a window begins or ends, so looking at every piece between two such moments is exact:
nothing is sampled. Call `refusals` and write the booking in the same ``write(fn)``: then two confirmations at
once can not sell the same kWh.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise

from energy.battery import Battery, PowerProfile, profile
from energy.intervals import Interval
from energy.offers import FreeSlot, StorageUse
from energy.quantities import kilo_text
from protocol.moments import timestamp_text

_HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)

_Load = tuple[Interval, int]


@dataclass(frozen=True, slots=True)
class Booking:
    """What one quote or contract keeps free of one battery; powers are AC, ``stored_wh`` is in the battery.

    Raises:
        ValueError: the return begins before charging ends, or a value is negative.
    """

    booking_id: str
    charge: Interval
    giveback: Interval
    charge_w: int
    discharge_w: int
    stored_wh: int

    def __post_init__(self) -> None:
        if self.giveback.start < self.charge.end:
            raise ValueError(f"booking {self.booking_id} returns energy before it has been charged")
        if min(self.charge_w, self.discharge_w, self.stored_wh) < 0:
            raise ValueError(f"booking {self.booking_id} has a negative power or energy")

    @classmethod
    def of(cls, booking_id: str, use: StorageUse, plan: PowerProfile) -> Booking:
        """The booking of a use by its power profile."""
        return cls(booking_id, use.charge, use.giveback, plan.charge_w, plan.discharge_w, plan.stored_wh)

    @property
    def booked(self) -> Interval:
        """As long as its energy occupies the battery."""
        return Interval(self.charge.start, self.giveback.end)


def refusals(battery: Battery, existing: Sequence[Booking], wanted: Booking) -> list[str]:
    """Why ``wanted`` does not fit beside ``existing``: one sentence for each limit it breaks; empty: it fits.

    A booking of the same id is left out of ``existing``, so that an update is not measured against itself.
    """
    others = [booking for booking in existing if booking.booking_id != wanted.booking_id]
    checks = (
        _refusal("energy", "kWh", battery.usable_energy_wh, _stored(others), wanted.booked, wanted.stored_wh),
        _refusal("charge power", "kW", battery.charge_power_w, _charge(others), wanted.charge, wanted.charge_w),
        _refusal(
            "discharge power", "kW", battery.discharge_power_w, _giveback(others), wanted.giveback, wanted.discharge_w
        ),
    )
    return [sentence for sentence in checks if sentence is not None]


def free_energy_wh(battery: Battery, existing: Sequence[Booking], charge: Interval, giveback: Interval) -> int:
    """The most AC energy that one more use of these windows can have: `refusals` lets it in, and not 1 Wh more.

    Limited by the free energy in store, by what the free charge power takes in during ``charge``, and by what
    the free discharge power gives back during ``giveback``.
    """
    booked = Interval(charge.start, giveback.end)
    stored_wh = _free(battery.usable_energy_wh, _stored(existing), booked)
    charge_w = _free(battery.charge_power_w, _charge(existing), charge)
    discharge_w = _free(battery.discharge_power_w, _giveback(existing), giveback)
    most_wh = min(_energy_for_wh(battery, stored_wh), _moved_wh(charge_w, charge))

    def plan(energy_wh: int) -> PowerProfile:
        return profile(battery, StorageUse(energy_wh, charge, giveback))

    if most_wh == 0 or (whole := plan(most_wh)).discharge_w <= discharge_w:
        return most_wh
    # Energy comes back in proportion to what went in, but for rounding: only the last few watt-hours are tried.
    back_wh = _moved_wh(discharge_w, giveback)
    fits_wh = most_wh * back_wh // whole.giveback_wh
    tried_wh = range(fits_wh + 1, most_wh * (back_wh + 1) // whole.giveback_wh + 1)
    return fits_wh + bisect_right(tried_wh, discharge_w, key=lambda energy_wh: plan(energy_wh).discharge_w)


def always_free_energy_wh(battery: Battery, existing: Sequence[Booking]) -> int:
    """The AC energy that is free whatever window is named later: least over the whole of ``existing``."""
    if not existing:
        return _energy_for_wh(battery, battery.usable_energy_wh)
    start = min(booking.charge.start for booking in existing)
    end = max(booking.giveback.end for booking in existing)
    free_wh = _free(battery.usable_energy_wh, _stored(existing), Interval(start, end))
    return _energy_for_wh(battery, free_wh)


def free_profile(battery: Battery, existing: Sequence[Booking], window: Interval, step_s: int) -> tuple[FreeSlot, ...]:
    """What is free in each slot of ``step_s`` seconds from the start of the window; the last slot may be shorter.

    A slot tells the least that is free at any instant of it, and never less than zero.
    """
    edges = _slot_edges(window, step_s)
    stored_wh = _free_by_slot(battery.usable_energy_wh, _stored(existing), edges)
    charge_w = _free_by_slot(battery.charge_power_w, _charge(existing), edges)
    discharge_w = _free_by_slot(battery.discharge_power_w, _giveback(existing), edges)
    return tuple(
        FreeSlot(Interval(start, end), _energy_for_wh(battery, energy), power_in, power_out)
        for (start, end), energy, power_in, power_out in zip(
            pairwise(edges), stored_wh, charge_w, discharge_w, strict=True
        )
    )


def _stored(bookings: Sequence[Booking]) -> list[_Load]:
    return [(booking.booked, booking.stored_wh) for booking in bookings]


def _charge(bookings: Sequence[Booking]) -> list[_Load]:
    return [(booking.charge, booking.charge_w) for booking in bookings]


def _giveback(bookings: Sequence[Booking]) -> list[_Load]:
    return [(booking.giveback, booking.discharge_w) for booking in bookings]


@dataclass(frozen=True, slots=True)
class _Occupancy:
    """How much of one limit is used in a window: from each moment on (the window's start first) this sum of loads."""

    window: Interval
    moments: tuple[datetime, ...]
    sums: tuple[int, ...]

    @classmethod
    def of(cls, loads: Sequence[_Load], window: Interval) -> _Occupancy:
        changes = {window.start: 0}
        for interval, amount in loads:
            if interval.overlaps(window):
                begins = max(interval.start, window.start)
                changes[begins] = changes.get(begins, 0) + amount
                changes[interval.end] = changes.get(interval.end, 0) - amount
        moments = tuple(sorted(moment for moment in changes if moment < window.end))
        return cls(window, moments, tuple(accumulate(changes[moment] for moment in moments)))

    def most(self, start: datetime, end: datetime) -> int:
        """The greatest sum at any instant of ``[start, end)`` within the window."""
        return max(self.sums[bisect_right(self.moments, start) - 1 : bisect_left(self.moments, end)])

    def tightest(self) -> tuple[Interval, int]:
        """The first piece of the window in which most is used, and how much."""
        used = max(self.sums)
        piece = self.sums.index(used)
        return Interval(self.moments[piece], (*self.moments, self.window.end)[piece + 1]), used


def _refusal(name: str, unit: str, limit: int, loads: Sequence[_Load], window: Interval, wanted: int) -> str | None:
    """A sentence about the tightest piece of the window, or None when ``wanted`` fits into every piece.

    Nothing always fits, even where a limit has been lowered under what was booked before.
    """
    tightest, used = _Occupancy.of(loads, window).tightest()
    if wanted == 0 or used + wanted <= limit:
        return None
    return (
        f"{name}: {kilo_text(wanted)} {unit} wanted, {kilo_text(max(0, limit - used))} {unit} free "
        f"from {timestamp_text(tightest.start)} to {timestamp_text(tightest.end)}"
    )


def _free(limit: int, loads: Sequence[_Load], window: Interval) -> int:
    """What is free in every instant of the window. A limit that was lowered under its bookings leaves zero."""
    return max(0, limit - max(_Occupancy.of(loads, window).sums))


def _free_by_slot(limit: int, loads: Sequence[_Load], edges: Sequence[datetime]) -> list[int]:
    """What is free in every instant of each slot; ``edges`` are the starts of the slots and the last end."""
    usage = _Occupancy.of(loads, Interval(edges[0], edges[-1]))
    return [max(0, limit - usage.most(start, end)) for start, end in pairwise(edges)]


def _slot_edges(window: Interval, step_s: int) -> list[datetime]:
    step = timedelta(seconds=step_s)
    count = -(-(window.end - window.start) // step)
    return [*(window.start + slot * step for slot in range(count)), window.end]


def _energy_for_wh(battery: Battery, stored_wh: int) -> int:
    """The most AC energy whose stored part, rounded up, is at most ``stored_wh``."""
    return int(Decimal(stored_wh) // battery.efficiency_charge)


def _moved_wh(power_w: int, window: Interval) -> int:
    """The most energy that moves at this constant power, so that the rounded-up power of it is at most this."""
    return power_w * ((window.end - window.start) // _MICROSECOND) // (_HOUR // _MICROSECOND)
