"""The capacity book as the database has it: what binds a battery now, and what has changed since somebody looked.

Decisions read it with the battery's row locked (`bpp.store.fleet.locked_battery`); searches read it as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from bpp.capacity import Book, Booking
from bpp.catalog import ListedBattery
from bpp.store import fleet, sites
from bpp.store.booking_rows import COLUMNS, booking_of, counting, kept, overlapping
from bpp.store.tables import COMMITTED, batteries, bookings, fleet_changes
from energy.battery import Battery
from energy.intervals import Interval
from energy.offers import CancellationTerms
from energy.sites import Site
from node.clocks import Moment, milliseconds

_OfBattery = tuple[str, Booking]
# Statements that every search waits for are made once.
_LAST_MS = 2**62
_NOW_BINDING = select(*COLUMNS, bookings.c.battery_id).where(
    bookings.c.battery_id.in_(bindparam("ids", expanding=True)),
    bookings.c.giveback_end_ms > bindparam("after"),
    bookings.c.charge_start_ms < bindparam("before"),
    or_(bookings.c.state == COMMITTED, bookings.c.hold_until_ms > bindparam("wire")),
)
_TAIL = (
    select(fleet_changes)
    .where(fleet_changes.c.change_no > bindparam("after"))
    .order_by(fleet_changes.c.change_no)
    .limit(bindparam("most"))
    .subquery()
)
_CHANGED = (
    select(*COLUMNS, _TAIL.c.battery_id, _TAIL.c.change_no, _TAIL.c.battery_no)
    .select_from(
        _TAIL.outerjoin(
            bookings,
            and_(
                bookings.c.battery_id == _TAIL.c.battery_id,
                bookings.c.state == COMMITTED,
                bookings.c.giveback_end_ms > bindparam("now"),
            ),
        )
    )
    .order_by(_TAIL.c.change_no)
)


class Changed(NamedTuple):
    """A battery that has changed, or what is booked on it; ``battery_no`` is its last change of more than bookings."""

    battery_id: str
    change_no: int
    battery_no: int
    bookings: list[Booking]


class Booked(Protocol):
    """What has to be known of a battery to find what binds it."""

    @property
    def battery_id(self) -> str:
        """Which battery."""

    @property
    def site_id(self) -> str | None:
        """At which site, if at one."""

    @property
    def yearly_energy_wh(self) -> int | None:
        """Its warranty's limit, if it has one: then the bookings of the whole year count."""


def with_books(
    tx: Connection, cancellation: CancellationTerms, battery_ids: Iterable[str], moment: Moment, window: Interval | None
) -> list[tuple[ListedBattery, Book]]:
    """Some batteries with their books of the window; None: of all times that are not over."""
    listed = list(fleet.listed_of(tx, cancellation, battery_ids).values())
    books = books_of(tx, [each.battery for each in listed], moment, window)
    return [(each, books[each.battery.battery_id]) for each in listed]


def book_of(tx: Connection, battery: Battery, moment: Moment, window: Interval | None) -> Book:
    """What binds one battery in the window, by what is committed and held now."""
    return books_of(tx, [battery], moment, window)[battery.battery_id]


def books_of(tx: Connection, wanted: Sequence[Booked], moment: Moment, window: Interval | None) -> dict[str, Book]:
    """The same of several batteries, by their ids."""
    ids = [battery.battery_id for battery in wanted]
    warranted = [battery.battery_id for battery in wanted if battery.yearly_energy_wh is not None]
    own = _now_binding(tx, ids, moment, window)
    if warranted:
        # What was sold earlier in the year binds nothing any more, but counts.
        own |= _of_years(tx, warranted, moment, window)
    known = sites.of_ids(tx, (battery.site_id for battery in wanted if battery.site_id is not None))
    near = _by_site(tx, known, _binding(moment, window))
    return {battery.battery_id: _book(battery, own, known, near) for battery in wanted}


def changed_after(tx: Connection, change_no: int, trade: datetime, limit: int) -> list[Changed]:
    """What has changed after that number, in the order of the numbers: at most ``limit`` batteries.

    Each comes with its contracts that are not over at the trade time.
    """
    rows = tx.execute(_CHANGED, {"after": change_no, "most": limit, "now": milliseconds(trade)})
    found: list[Changed] = []
    for row in rows:
        if not found or found[-1].battery_id != row.battery_id:
            found.append(Changed(row.battery_id, row.change_no, row.battery_no, []))
        if row.booking_id is not None:
            found[-1].bookings.append(booking_of(row))
    return found


def _binding(moment: Moment, window: Interval | None) -> ColumnElement[bool]:
    counts = counting(moment)
    return counts if window is None else and_(counts, overlapping(window))


def _now_binding(
    tx: Connection, battery_ids: Sequence[str], moment: Moment, window: Interval | None
) -> dict[str, list[Booking]]:
    """The same rows by battery, from a statement that is made once: every search waits for it."""
    after, before = (0, _LAST_MS) if window is None else (milliseconds(window.start), milliseconds(window.end))
    found: dict[str, list[Booking]] = defaultdict(list)
    rows = tx.execute(
        _NOW_BINDING,
        {
            "ids": battery_ids,
            "after": max(after, milliseconds(moment.trade)),
            "before": before,
            "wire": milliseconds(moment.wire),
        },
    )
    for row in rows:
        found[row.battery_id].append(booking_of(row))
    return found


def _of_years(
    tx: Connection, battery_ids: Sequence[str], moment: Moment, window: Interval | None
) -> dict[str, list[Booking]]:
    """What begins in the calendar year of the window's start, or of now, whether it is over or not."""
    start = moment.trade if window is None else window.start
    first, after = (datetime(year, 1, 1, tzinfo=UTC) for year in (start.year, start.year + 1))
    of_year = and_(
        bookings.c.battery_id.in_(battery_ids),
        kept(moment),
        bookings.c.charge_start_ms >= milliseconds(first),
        bookings.c.charge_start_ms < milliseconds(after),
    )
    found: dict[str, list[Booking]] = defaultdict(list)
    for row in tx.execute(select(*COLUMNS, bookings.c.battery_id).where(of_year)):
        found[row.battery_id].append(booking_of(row))
    return found


def _by_site(tx: Connection, known: Mapping[str, Site], condition: ColumnElement[bool]) -> dict[str, list[_OfBattery]]:
    """What is booked on all batteries of the sites."""
    if not known:
        return {}
    rows = tx.execute(
        select(*COLUMNS, bookings.c.battery_id, batteries.c.site_id)
        .join(batteries, batteries.c.battery_id == bookings.c.battery_id)
        .where(batteries.c.site_id.in_(sorted(known)), condition)
    )
    found: dict[str, list[_OfBattery]] = defaultdict(list)
    for row in rows:
        found[row.site_id].append((row.battery_id, booking_of(row)))
    return found


def _book(
    battery: Booked,
    own: Mapping[str, list[Booking]],
    known: Mapping[str, Site],
    near: Mapping[str, list[_OfBattery]],
) -> Book:
    site = None if battery.site_id is None else known.get(battery.site_id)
    beside = [] if site is None else near.get(site.site_id, [])
    neighbours = [booking for battery_id, booking in beside if battery_id != battery.battery_id]
    return Book(own.get(battery.battery_id, []), site, neighbours)
