"""What changed in the fleet, by number: the tail that keeps the search index true to the database.

Every write that touches a battery, its bookings, its rating or its site gives the battery the next number, in the same
transaction. So whoever knows everything up to a number finds what it has missed above it, after a restart and in
another process too. The table has one row for each battery, however often it changes.

The counter's row stays locked until the commit (PostgreSQL), so that numbers become visible in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from bpp.store.rows import insert_into
from bpp.store.tables import fleet_changes, fleet_counter

_COUNTER = "fleet"


class Change(NamedTuple):
    """A battery's last change; ``battery_no`` is the last one of more than its bookings."""

    battery_id: str
    change_no: int
    battery_no: int


def note(tx: Connection, battery_ids: Iterable[str]) -> None:
    """These batteries have changed."""
    _note(tx, battery_ids, ("change_no", "battery_no"))


def note_booked(tx: Connection, battery_ids: Iterable[str]) -> None:
    """What is booked on these batteries has changed, and nothing else of them."""
    _note(tx, battery_ids, ("change_no",))


def since(tx: Connection, change_no: int, limit: int) -> list[Change]:
    """What has changed after that number, in the order of the numbers: at most ``limit`` batteries."""
    newer = select(fleet_changes).where(fleet_changes.c.change_no > change_no).order_by(fleet_changes.c.change_no)
    return [Change(*row) for row in tx.execute(newer.limit(limit))]


def latest_no(tx: Connection) -> int:
    """The number of the last change; 0 when nothing has ever changed."""
    found = tx.scalar(select(func.max(fleet_changes.c.change_no)))
    return 0 if found is None else int(found)


def _note(tx: Connection, battery_ids: Iterable[str], numbers: tuple[str, ...]) -> None:
    ids = sorted(set(battery_ids))
    if not ids:
        return
    last_no = _counted(tx, len(ids))
    rows = [
        {"battery_id": battery_id, "change_no": number, "battery_no": number}
        for number, battery_id in enumerate(ids, last_no - len(ids) + 1)
    ]
    statement = insert_into(tx, fleet_changes)
    kept = {name: statement.excluded[name] for name in numbers}
    tx.execute(statement.on_conflict_do_update(index_elements=["battery_id"], set_=kept), rows)


def _counted(tx: Connection, count: int) -> int:
    """The last of so many new numbers."""
    statement = insert_into(tx, fleet_counter).values(counter=_COUNTER, last_no=count)
    added = {"last_no": fleet_counter.c.last_no + count}
    counted = statement.on_conflict_do_update(index_elements=["counter"], set_=added)
    return int(tx.execute(counted.returning(fleet_counter.c.last_no)).scalar_one())
