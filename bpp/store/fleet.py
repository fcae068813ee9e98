"""Batteries, what is booked on them, and how they were rated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select

from bpp.capacity import Booking
from bpp.catalog import ListedBattery
from bpp.fleet_json import read_battery, write_battery
from bpp.store.rows import put
from bpp.store.tables import COMMITTED, HELD, batteries, bookings, ratings
from energy.intervals import Interval
from energy.offers import CancellationTerms
from node.clocks import Moment, milliseconds, moment_of
from node.database import lock

BATTERIES_REMEMBERED = 10_000


class Reservation(NamedTuple):
    """A booking on a battery; ``hold_until`` is the wire time when a quote's hold ends, None for a contract's."""

    battery_id: str
    booking: Booking
    hold_until: datetime | None


def save_battery(tx: Connection, listed: ListedBattery) -> None:
    """Add a battery, or replace the one of that id."""
    document = orjson.dumps(write_battery(listed)).decode()
    row = {"battery_id": listed.battery.battery_id, "in_service": listed.in_service, "document": document}
    put(tx, batteries, row)


def locked_battery(tx: Connection, battery_id: str, cancellation: CancellationTerms) -> ListedBattery | None:
    """The battery, its row locked until the end of the transaction: lock it before looking at its bookings."""
    lock(tx, batteries, [battery_id])
    found = _listed(tx, cancellation, batteries.c.battery_id == battery_id)
    return found[0] if found else None


def battery(tx: Connection, battery_id: str, cancellation: CancellationTerms) -> ListedBattery | None:
    """The battery, to look at."""
    found = _listed(tx, cancellation, batteries.c.battery_id == battery_id)
    return found[0] if found else None


def all_batteries(tx: Connection, cancellation: CancellationTerms) -> list[ListedBattery]:
    """The whole fleet, by id."""
    return _listed(tx, cancellation, None)


def known_ids(tx: Connection) -> set[str]:
    """The ids of the whole fleet."""
    return set(tx.scalars(select(batteries.c.battery_id)))


def on_offer(
    tx: Connection, cancellation: CancellationTerms, moment: Moment, window: Interval | None
) -> list[tuple[ListedBattery, list[Booking]]]:
    """Every battery in service with its bookings that overlap the window; None: all that have not ended."""
    counts = _counting(moment)
    if window is not None:
        counts = and_(counts, *_overlapping(window))
    by_battery = defaultdict(list)
    for reservation in _reservations(tx, counts):
        by_battery[reservation.battery_id].append(reservation.booking)
    listed = _listed(tx, cancellation, batteries.c.in_service)
    return [(each, by_battery[each.battery.battery_id]) for each in listed]


def reservations(tx: Connection, moment: Moment, battery_id: str | None = None) -> list[Reservation]:
    """What is booked now or later, on one battery or on all; holds that have ended are not."""
    counts = _counting(moment)
    if battery_id is not None:
        counts = and_(counts, bookings.c.battery_id == battery_id)
    return _reservations(tx, counts)


def committed_during(tx: Connection, window: Interval, battery_id: str | None = None) -> list[Reservation]:
    """The contracts' bookings that overlap a window, past ones too, on one battery or on all."""
    overlapping = and_(bookings.c.state == COMMITTED, *_overlapping(window))
    if battery_id is not None:
        overlapping = and_(overlapping, bookings.c.battery_id == battery_id)
    return _reservations(tx, overlapping)


def hold(tx: Connection, battery_id: str, booking: Booking, until: datetime) -> None:
    """Keep capacity free for a quote, in place of what the same contract held before; ``until`` is wire time."""
    put(tx, bookings, _row_of(battery_id, booking) | {"state": HELD, "hold_until_ms": milliseconds(until)})


def commit(tx: Connection, battery_id: str, booking: Booking) -> None:
    """Keep capacity free for a confirmed contract, in place of what it held before."""
    put(tx, bookings, _row_of(battery_id, booking) | {"state": COMMITTED, "hold_until_ms": None})


def release(tx: Connection, booking_id: str) -> None:
    """Give the capacity of a contract back."""
    tx.execute(delete(bookings).where(bookings.c.booking_id == booking_id))


def release_expired(tx: Connection, wire: datetime) -> None:
    """Forget the holds that ended before that wire time; they bind nothing any more."""
    tx.execute(delete(bookings).where(bookings.c.state == HELD, bookings.c.hold_until_ms <= milliseconds(wire)))


def rate(
    tx: Connection, *, bap_id: str, category: str, rated_id: str, battery_id: str | None, value: int, at: datetime
) -> None:
    """Keep a BAP's rating, in place of its earlier one of the same thing; ``at`` is trade time."""
    row = {"bap_id": bap_id, "category": category, "rated_id": rated_id, "battery_id": battery_id}
    put(tx, ratings, row | {"value": value, "rated_at_ms": milliseconds(at)})


def _counting(moment: Moment) -> ColumnElement[bool]:
    return and_(
        bookings.c.giveback_end_ms > milliseconds(moment.trade),
        or_(bookings.c.state == COMMITTED, bookings.c.hold_until_ms > milliseconds(moment.wire)),
    )


def _overlapping(window: Interval) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    starts_before, ends_after = milliseconds(window.end), milliseconds(window.start)
    return bookings.c.charge_start_ms < starts_before, bookings.c.giveback_end_ms > ends_after


def _listed(
    tx: Connection, cancellation: CancellationTerms, condition: ColumnElement[bool] | Any | None
) -> list[ListedBattery]:
    sums = (
        select(
            ratings.c.battery_id,
            func.sum(ratings.c.value).label("rating_sum"),
            func.count().label("rating_count"),
        )
        .group_by(ratings.c.battery_id)
        .subquery()
    )
    rows: Any = select(batteries.c.document, sums.c.rating_sum, sums.c.rating_count).outerjoin(
        sums, sums.c.battery_id == batteries.c.battery_id
    )
    if condition is not None:
        rows = rows.where(condition)
    return [_listed_of(row, cancellation) for row in tx.execute(rows.order_by(batteries.c.battery_id))]


def _listed_of(row: Row[Any], cancellation: CancellationTerms) -> ListedBattery:
    listed = _read(row.document, cancellation)
    if not row.rating_count:
        return listed
    return replace(listed, rating=Decimal(int(row.rating_sum)) / row.rating_count)


@lru_cache(maxsize=BATTERIES_REMEMBERED)
def _read(document: str, cancellation: CancellationTerms) -> ListedBattery:
    """The battery of a document. A fleet changes seldom and is read with every search."""
    return read_battery(orjson.loads(document), cancellation)


def _reservations(tx: Connection, condition: ColumnElement[bool]) -> list[Reservation]:
    rows: Iterable[Row[Any]] = tx.execute(select(bookings).where(condition).order_by(bookings.c.booking_id))
    return [
        Reservation(row.battery_id, _booking_of(row), None if row.state == COMMITTED else moment_of(row.hold_until_ms))
        for row in rows
    ]


def _row_of(battery_id: str, booking: Booking) -> dict[str, Any]:
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


def _booking_of(row: Row[Any]) -> Booking:
    return Booking(
        booking_id=row.booking_id,
        charge=Interval(moment_of(row.charge_start_ms), moment_of(row.charge_end_ms)),
        giveback=Interval(moment_of(row.giveback_start_ms), moment_of(row.giveback_end_ms)),
        charge_w=row.charge_w,
        discharge_w=row.discharge_w,
        stored_wh=row.stored_wh,
    )
