"""Batteries, what is booked on them, and how they were rated.

Every write notes which battery changed (`bpp.store.changes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, select

from bpp.capacity import Booking
from bpp.catalog import ListedBattery
from bpp.fleet_json import read_battery, write_battery
from bpp.store import changes
from bpp.store.booking_rows import COLUMNS, booking_of, counting, overlapping, row_of
from bpp.store.rows import put
from bpp.store.tables import COMMITTED, HELD, batteries, bookings, ratings, sites
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
    battery = listed.battery
    row = {
        "battery_id": battery.battery_id,
        "in_service": listed.in_service,
        "site_id": battery.site_id,
        "document": orjson.dumps(write_battery(listed)).decode(),
    }
    put(tx, batteries, row)
    changes.note(tx, [battery.battery_id])


def locked_battery(tx: Connection, battery_id: str, cancellation: CancellationTerms) -> ListedBattery | None:
    """The battery, its row locked until the end of the transaction: lock it before looking at its bookings.

    Its site is locked before it, so that two decisions about two batteries of one connection come one after the other.
    """
    return locked_batteries(tx, [battery_id], cancellation).get(battery_id)


def locked_batteries(
    tx: Connection, battery_ids: Collection[str], cancellation: CancellationTerms
) -> dict[str, ListedBattery]:
    """The same of several, by their ids: all sites first and then all batteries, each in the order of their ids, so
    that two decisions about some of the same never wait for each other.
    """
    site_ids = _sites_of(tx, battery_ids)
    while True:
        lock(tx, sites, site_ids)
        lock(tx, batteries, battery_ids)
        were, site_ids = site_ids, _sites_of(tx, battery_ids)
        # One may have moved to another site while we waited.
        if site_ids == were:
            break
    return listed_of(tx, cancellation, battery_ids)


def battery(tx: Connection, battery_id: str, cancellation: CancellationTerms) -> ListedBattery | None:
    """The battery, to look at."""
    found = _listed(tx, cancellation, batteries.c.battery_id == battery_id)
    return found[0] if found else None


def known_ids(tx: Connection) -> set[str]:
    """The ids of the whole fleet, without what is retired."""
    return set(tx.scalars(select(batteries.c.battery_id).where(batteries.c.retired_at_ms.is_(None))))


def listed_of(tx: Connection, cancellation: CancellationTerms, battery_ids: Iterable[str]) -> dict[str, ListedBattery]:
    """Some batteries, by their ids; ids that nobody has are left out."""
    found = _listed(tx, cancellation, batteries.c.battery_id.in_(sorted(set(battery_ids))))
    return {listed.battery.battery_id: listed for listed in found}


def reservations(tx: Connection, moment: Moment, battery_id: str | None = None) -> list[Reservation]:
    """What is booked now or later, on one battery or on all; holds that have ended are not."""
    counts = counting(moment)
    if battery_id is not None:
        counts = and_(counts, bookings.c.battery_id == battery_id)
    return _reservations(tx, counts)


def committed_during(tx: Connection, window: Interval, battery_id: str | None = None) -> list[Reservation]:
    """The contracts' bookings that overlap a window, past ones too, on one battery or on all."""
    during = and_(bookings.c.state == COMMITTED, overlapping(window))
    if battery_id is not None:
        during = and_(during, bookings.c.battery_id == battery_id)
    return _reservations(tx, during)


def hold(tx: Connection, battery_id: str, booking: Booking, until: datetime) -> None:
    """Keep capacity free for a quote, in place of what the same contract held before; ``until`` is wire time."""
    _keep(tx, battery_id, booking, {"state": HELD, "hold_until_ms": milliseconds(until)})


def commit(tx: Connection, battery_id: str, booking: Booking) -> None:
    """Keep capacity free for a confirmed contract, in place of what it held before."""
    _keep(tx, battery_id, booking, {"state": COMMITTED, "hold_until_ms": None})


def release(tx: Connection, booking_id: str) -> None:
    """Give the capacity of a contract back."""
    gone = delete(bookings).where(bookings.c.booking_id == booking_id).returning(bookings.c.battery_id)
    changes.note_booked(tx, tx.scalars(gone).all())


def release_expired(tx: Connection, wire: datetime) -> None:
    """Forget the holds that ended before that wire time; they bind nothing any more."""
    over = and_(bookings.c.state == HELD, bookings.c.hold_until_ms <= milliseconds(wire))
    tx.execute(delete(bookings).where(over))


def rate(
    tx: Connection, *, bap_id: str, category: str, rated_id: str, battery_id: str | None, value: int, at: datetime
) -> None:
    """Keep a BAP's rating, in place of its earlier one of the same thing; ``at`` is trade time."""
    row = {"bap_id": bap_id, "category": category, "rated_id": rated_id, "battery_id": battery_id}
    put(tx, ratings, row | {"value": value, "rated_at_ms": milliseconds(at)})
    if battery_id is not None:
        changes.note(tx, [battery_id])


def _keep(tx: Connection, battery_id: str, booking: Booking, state: Mapping[str, Any]) -> None:
    """Write a booking; a contract that was booked on another battery before changes that one too."""
    before = tx.scalars(select(bookings.c.battery_id).where(bookings.c.booking_id == booking.booking_id)).all()
    put(tx, bookings, row_of(battery_id, booking) | dict(state))
    changes.note_booked(tx, [battery_id, *before])


def _sites_of(tx: Connection, battery_ids: Collection[str]) -> list[str]:
    sites_of = select(batteries.c.site_id).where(batteries.c.battery_id.in_(battery_ids))
    return sorted({site_id for site_id in tx.scalars(sites_of) if site_id is not None})


def _listed(tx: Connection, cancellation: CancellationTerms, condition: ColumnElement[bool]) -> list[ListedBattery]:
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
    in_order = rows.where(condition).order_by(batteries.c.battery_id)
    return [_listed_of(row, cancellation) for row in tx.execute(in_order)]


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
    rows: Iterable[Row[Any]] = tx.execute(
        select(*COLUMNS, bookings.c.battery_id, bookings.c.state, bookings.c.hold_until_ms)
        .where(condition)
        .order_by(bookings.c.booking_id)
    )
    return [_reservation_of(row) for row in rows]


def _reservation_of(row: Row[Any]) -> Reservation:
    until = None if row.state == COMMITTED else moment_of(row.hold_until_ms)
    return Reservation(row.battery_id, booking_of(row), until)
