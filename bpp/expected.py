"""What a battery's charge should be by its plan: from a level that was measured, through the powers of its bookings.

A plan to look at, so it is clamped where the battery ends (`energy.battery`): what is really in it is for its meter to
say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from bpp.capacity import Book, Booking, pieces
from energy.battery import Battery, soc, stored_after, stored_at
from energy.intervals import Interval, seconds


class Level(NamedTuple):
    """A state of charge at a moment; ``soc`` is a fraction of one."""

    at: datetime
    soc: Decimal


def expected_course(battery: Battery, bookings: Sequence[Booking], start: Level, until: datetime) -> tuple[Level, ...]:
    """The level at ``start`` and wherever the planned power changes after it, up to ``until``; straight in between."""
    course = [start]
    if until <= start.at:
        return (start,)
    stored_wh = stored_at(battery, start.soc)
    full_wh = battery.capacity_wh
    for piece in pieces(Book(bookings), Interval(start.at, until)):
        duration_s = seconds(piece.end - piece.start)
        stored_wh = stored_after(battery, stored_wh, piece.charge_w, piece.discharge_w, duration_s)
        stored_wh = min(max(stored_wh, Decimal(0)), full_wh)
        course.append(Level(piece.end, soc(battery, stored_wh)))
    return tuple(course)
