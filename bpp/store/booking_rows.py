"""Bookings as rows: their columns, and the conditions that say which of them bind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from bpp.capacity import Booking
from bpp.store.tables import COMMITTED, bookings
from energy.intervals import Interval
from node.clocks import Moment, milliseconds, moment_of

COLUMNS = (
    bookings.c.booking_id,
    bookings.c.charge_start_ms,
    bookings.c.charge_end_ms,
    bookings.c.giveback_start_ms,
    bookings.c.giveback_end_ms,
    bookings.c.charge_w,
    bookings.c.discharge_w,
    bookings.c.stored_wh,
)


def row_of(battery_id: str, booking: Booking) -> dict[str, Any]:
    """The row of a booking, without its state."""
    return {
        "booking_id": booking.booking_id,
        "battery_id": battery_id,
        "charge_start_ms": milliseconds(booking.charge.start),
        "charge_end_ms": milliseconds(booking.charge.end),
        "giveback_start_ms": milliseconds(booking.giveback.start),
        "giveback_end_ms": milliseconds(booking.giveback.end),
        "charge_w": booking.charge_w,
        "discharge_w": booking.discharge_w,
        "stored_wh": booking.stored_wh,
    }


def booking_of(row: Any) -> Booking:
    """The booking of a row that begins with `COLUMNS`; by position, because searches read many."""
    booking_id, start_ms, charged_ms, back_ms, end_ms, charge_w, discharge_w, stored_wh = row[: len(COLUMNS)]
    charge = Interval(moment_of(start_ms), moment_of(charged_ms))
    giveback = Interval(moment_of(back_ms), moment_of(end_ms))
    return Booking(booking_id, charge, giveback, charge_w, discharge_w, stored_wh)


def counting(moment: Moment) -> ColumnElement[bool]:
    """What is kept and not over."""
    return and_(bookings.c.giveback_end_ms > milliseconds(moment.trade), kept(moment))


def kept(moment: Moment) -> ColumnElement[bool]:
    """Contracts, and the holds that have not ended."""
    return or_(bookings.c.state == COMMITTED, bookings.c.hold_until_ms > milliseconds(moment.wire))


def overlapping(window: Interval) -> ColumnElement[bool]:
    """What is booked at some time of the window."""
    starts_before, ends_after = milliseconds(window.end), milliseconds(window.start)
    return and_(bookings.c.charge_start_ms < starts_before, bookings.c.giveback_end_ms > ends_after)
