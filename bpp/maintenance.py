"""Maintenance: a battery is out of the capacity book for a time, by a booking of all its energy that no sale overlaps.

The booking moves no energy, so no meter reading is ever its. It goes in only where nothing is sold or held, and nothing
is sold beside it: every contract needs energy in store.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from bpp.capacity import Booking
from bpp.desk import Desk
from bpp.store import fleet
from bpp.tickets import TicketRefused
from energy.battery import Battery
from energy.intervals import SLOT_S, Interval, is_aligned
from node.clocks import Moment
from protocol.moments import timestamp_text

_SLOT = timedelta(seconds=SLOT_S)
LEAST = 2 * _SLOT


def booking_of(ticket_id: str, battery: Battery, window: Interval) -> Booking:
    """What keeps everything else out of the battery for the window (two quarters of an hour or more)."""
    first = Interval(window.start, window.start + _SLOT)
    return Booking(ticket_id, first, Interval(first.end, window.end), 0, 0, battery.usable_energy_wh)


def take_out(tx: Connection, desk: Desk, battery_id: str, ticket_id: str, window: Interval, moment: Moment) -> None:
    """Take the battery out of the book, in place of the time that the same ticket took before.

    Raises:
        TicketRefused: there is no such battery, the window can not be taken, or something is booked in it.
    """
    listed = fleet.locked_battery(tx, battery_id, desk.cancellation)
    if listed is None:
        raise TicketRefused(f"There is no battery {battery_id[:64]} in this fleet.")
    if not is_aligned(window) or window.end - window.start < LEAST or window.end <= moment.trade:
        raise TicketRefused("Name a time to come, from and to full quarters of an hour, of half an hour or more.")
    for reservation in fleet.reservations(tx, moment, battery_id):
        booking = reservation.booking
        if booking.booking_id != ticket_id and booking.booked.overlaps(window):
            start, end = timestamp_text(booking.booked.start), timestamp_text(booking.booked.end)
            raise TicketRefused(f"{booking.booking_id} has the battery from {start} to {end}: choose another time.")
    fleet.commit(tx, battery_id, booking_of(ticket_id, listed.battery, window))


def give_back(tx: Connection, ticket_id: str) -> None:
    """The maintenance is over, or will not be: the battery is in the book again."""
    fleet.release(tx, ticket_id)
