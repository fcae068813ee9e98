"""What is still free of a battery: for one more use, whatever window is named, and slot by slot for the catalog.

The book itself and its rules are in `bpp.capacity`; nothing here decides, it only tells.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from bpp.capacity import Book, Piece, pieces, room
from energy.battery import Battery, profile
from energy.intervals import Interval
from energy.limits import Limits, limits_of
from energy.offers import StorageUse
from energy.searches import FreeSlot

_HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)


def free_energy_wh(battery: Battery, book: Book, charge: Interval, giveback: Interval) -> int:
    """The most AC energy that one more use of these windows can have: it is not refused, and 1 Wh more is.

    More energy never needs less of anything, so halving the doubt again and again finds it.
    """
    space = room(limits_of(battery), book, charge, giveback)
    most_wh = min(_energy_for_wh(battery, space.stored_wh), _moved_wh(space.charge_w, charge))

    def is_too_much(energy_wh: int) -> bool:
        return not space.takes(profile(battery, StorageUse(energy_wh, charge, giveback)))

    if most_wh == 0 or not is_too_much(most_wh):
        return most_wh
    return bisect_left(range(1, most_wh + 1), True, key=is_too_much)


def always_free_energy_wh(battery: Battery, book: Book) -> int:
    """The AC energy that is free whatever window is named later, if only that is long enough.

    Least over all that is booked, and what others charge meanwhile keeps its power.
    """
    return _energy_for_wh(battery, always_free_stored_wh(limits_of(battery), book))


def always_free_stored_wh(limits: Limits, book: Book) -> int:
    """The same as energy in the battery."""
    stored_wh = limits.sellable_energy_wh
    if book.bookings:
        start = min(booking.charge.start for booking in book.bookings)
        end = max(booking.giveback.end for booking in book.bookings)
        for piece in pieces(book, Interval(start, end)):
            stored_wh = min(stored_wh, _stored_free_wh(limits, piece))
    if limits.yearly_energy_wh is not None:
        years = {booking.charge.start.year for booking in book.bookings} or {0}
        stored_wh = min(stored_wh, *(limits.yearly_energy_wh - book.sold_in_wh(year) for year in years))
    return max(0, stored_wh)


def free_profile(battery: Battery, book: Book, window: Interval, step_s: int) -> tuple[FreeSlot, ...]:
    """What is free in each slot of ``step_s`` seconds from the start of the window; the last slot may be shorter.

    A slot tells the least that is free at any instant of it, and never less than zero.
    """
    limits = limits_of(battery)
    edges = _slot_edges(window, step_s)
    cut = pieces(book, window, *edges)
    slots: list[FreeSlot] = []
    first = 0
    for start, end in pairwise(edges):
        after = first
        while after < len(cut) and cut[after].start < end:
            after += 1
        slots.append(_slot(battery, limits, Interval(start, end), cut[first:after]))
        first = after
    return tuple(slots)


def occupancy_percent(limits: Limits, book: Book, window: Interval) -> int:
    """How much of the usable energy is sold at the fullest moment of the window, in whole percent rounded down."""
    most_wh = max(piece.stored_wh for piece in pieces(book, window))
    return most_wh * 100 // limits.usable_energy_wh


def _slot(battery: Battery, limits: Limits, interval: Interval, cut: Sequence[Piece]) -> FreeSlot:
    stored_wh = min(_stored_free_wh(limits, piece) for piece in cut)
    charge_w = min(min(limits.charge_limit_w(piece.stored_wh) - piece.charge_w, piece.import_free_w) for piece in cut)
    discharge_w = min(min(limits.discharge_power_w - piece.discharge_w, piece.export_free_w) for piece in cut)
    return FreeSlot(interval, _energy_for_wh(battery, max(0, stored_wh)), max(0, charge_w), max(0, discharge_w))


def _stored_free_wh(limits: Limits, piece: Piece) -> int:
    """What may come into store beside what is there, without taking charge power from those who are charging."""
    return min(limits.usable_energy_wh, limits.stored_limit_wh(max(1, piece.charge_w))) - piece.stored_wh


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
