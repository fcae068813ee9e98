"""What the search index keeps of each battery: two rows of numbers, and the test that needs nothing else.

One is told from the battery, the other from its contracts to come. `fitting` is kind: what it can not tell exactly it
takes as fitting, so that nobody who could serve a search is left out. Floats are bounds here and never decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bpp.capacity import Booking
from energy.battery import PowerProfile
from energy.intervals import Interval
from energy.limits import TAPER_FALL
from energy.offers import StorageUse

BOOKINGS_KEPT = 4
ROW = np.dtype(
    [
        ("in_service", "?"),
        ("modes", "u1"),
        ("tariff", "i4"),
        ("losses", "i4"),
        ("city", "i4"),
        ("rating", "i8"),
        ("least_wh", "i8"),
        ("usable_wh", "i8"),
        ("charge_w", "i8"),
        ("discharge_w", "i8"),
        ("taper_from_wh", "i8"),
        ("taper_to_wh", "i8"),
        ("yearly_wh", "i8"),
    ]
)
BOOKED = np.dtype(
    [("starts", "i4", (BOOKINGS_KEPT,)), ("ends", "i4", (BOOKINGS_KEPT,)), ("stored_wh", "i8", (BOOKINGS_KEPT,))]
)
Rows = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_BYTES = np.dtype((np.void, ROW.itemsize))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)


class Row(NamedTuple):
    """A row read as whole numbers, in the order of `ROW`."""

    in_service: bool
    modes: int
    tariff: int
    losses: int
    city: int
    rating: int
    least_wh: int
    usable_wh: int
    charge_w: int
    discharge_w: int
    taper_from_wh: int
    taper_to_wh: int
    yearly_wh: int


def taken(rows: Rows, at: Ints) -> Rows:
    """Some of the rows, copied as plain bytes: member by member it takes many times as long."""
    return np.asarray(rows.view(_BYTES).take(at).view(ROW))


def fitting(use: StorageUse, rows: Rows, booked: Rows, plans: dict[int, PowerProfile]) -> Flags:
    """Whether the use fits a battery with the bookings that the index knows, told kindly by a watt."""
    if not plans:
        return np.zeros(0, np.bool_)
    table = np.zeros((2, max(plans) + 1), np.int64)
    for number, plan in plans.items():
        table[:, number] = plan.stored_wh, plan.discharge_w
    stored_wh, discharge_w = table[:, rows["losses"]]
    charge_w = next(iter(plans.values())).charge_w
    start, charged, back, end = (_minute(edge) for edge in (*_edges(use.charge), *_edges(use.giveback)))
    fits = (discharge_w <= rows["discharge_w"]) & (stored_wh <= rows["yearly_wh"])
    for minute in (start, charged - 1):
        fits &= charge_w <= _charge_limit_w(rows, stored_wh + _booked_at(booked, minute))
    for minute in (start, charged, back, end - 1):
        fits &= stored_wh + _booked_at(booked, minute) <= rows["usable_wh"]
    return np.asarray(fits, np.bool_)


def _charge_limit_w(rows: Rows, stored_wh: Ints) -> npt.NDArray[np.float64]:
    """`Limits.charge_limit_w` for all rows, and a watt more for what floats lose."""
    width_wh = np.maximum(1, rows["taper_to_wh"] - rows["taper_from_wh"])
    beyond = np.maximum(0, stored_wh - rows["taper_from_wh"]) / width_wh
    limit_w = rows["charge_w"] * (1 - float(TAPER_FALL) * beyond) + 1
    return np.asarray(np.where((beyond > 0) & (stored_wh >= rows["taper_to_wh"]), 0.0, limit_w), np.float64)


def _booked_at(booked: Rows, minute: int) -> Ints:
    """The stored energy of the bookings that the index knows, at a minute."""
    there = (booked["starts"] <= minute) & (minute < booked["ends"])
    return np.asarray((booked["stored_wh"] * there).sum(axis=1), np.int64)


def first_bookings(bookings: Sequence[Booking]) -> tuple[list[int], list[int], list[int]]:
    """The first bookings as the index keeps them, in whole minutes that lie within each."""
    first = sorted(bookings, key=lambda booking: booking.charge.start)[:BOOKINGS_KEPT]
    nothing = [0] * (BOOKINGS_KEPT - len(first))
    starts = [_minute(booking.charge.start + _MINUTE - _MICROSECOND) for booking in first]
    ends = [_minute(booking.giveback.end) for booking in first]
    return starts + nothing, ends + nothing, [booking.stored_wh for booking in first] + nothing


def _edges(window: Interval) -> tuple[datetime, datetime]:
    return window.start, window.end


def _minute(moment: datetime) -> int:
    """Whole minutes since the epoch, rounded down."""
    return (moment - _EPOCH) // _MINUTE
