"""What has to be rolled up: the slots of which the rollups do not tell all that the samples say.

Every sample marks its slot in the transaction that stores it. A slot is done when it was rolled from what was read, and
nothing has marked it since; a mark that came in between keeps it due. So no sample is ever left out, whatever is
killed, and rolling twice is never wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, delete, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from bpp.store.history_tables import rollups, unrolled
from energy.rollups import SLOT_S
from node.clocks import milliseconds

SLOT_MS = SLOT_S * 1_000
_DONE = delete(unrolled).where(
    unrolled.c.slot_ms == bindparam("slot"),
    unrolled.c.battery_id == bindparam("battery"),
    unrolled.c.marks == bindparam("seen"),
)


class Due(NamedTuple):
    """A slot of one battery that has to be rolled, and how often it was marked until now."""

    slot_ms: int
    battery_id: str
    marks: int


def slot_of(time_ms: int) -> int:
    """The beginning of the slot that the moment lies in."""
    return time_ms - time_ms % SLOT_MS


def mark(tx: Connection, keys: Iterable[tuple[int, str]]) -> None:
    """There are new samples at these times (in milliseconds) of these batteries."""
    slots = sorted({(slot_of(time_ms), battery_id) for time_ms, battery_id in keys})
    if slots:
        rows = [{"slot_ms": slot_ms, "battery_id": battery_id, "marks": 1} for slot_ms, battery_id in slots]
        tx.execute(_marking(tx.dialect.name), rows)


def mark_since(tx: Connection, battery_id: str, since: datetime) -> None:
    """Roll everything of a battery from a moment on again: a person said something about its meter."""
    known = rollups.c
    later = and_(known.battery_id == battery_id, known.step_s == SLOT_S)
    starts = tx.scalars(select(known.start_ms).where(later, known.start_ms >= slot_of(milliseconds(since)))).all()
    mark(tx, [(start_ms, battery_id) for start_ms in starts])


def oldest(tx: Connection, before_ms: int, limit: int) -> list[Due]:
    """The earliest slots that are due and end before that moment, in order, all within an hour of the first."""
    ended = _due().where(unrolled.c.slot_ms <= before_ms - SLOT_MS)
    rows = tx.execute(ended.order_by(unrolled.c.slot_ms, unrolled.c.battery_id).limit(limit)).all()
    return [Due(*row) for row in rows if row.slot_ms < rows[0].slot_ms + 12 * SLOT_MS]


def of_battery(tx: Connection, battery_id: str, from_ms: int, to_ms: int) -> list[Due]:
    """What is due of one battery in a window."""
    ours = and_(unrolled.c.battery_id == battery_id, unrolled.c.slot_ms > from_ms - SLOT_MS, unrolled.c.slot_ms < to_ms)
    return [Due(*row) for row in tx.execute(_due().where(ours).order_by(unrolled.c.slot_ms))]


def done(tx: Connection, due: Due) -> None:
    """This was rolled; when it has been marked again meanwhile, it stays due."""
    tx.execute(_DONE, {"slot": due.slot_ms, "battery": due.battery_id, "seen": due.marks})


def forget(tx: Connection, before_ms: int) -> None:
    """Roll nothing any more that began before that moment: its samples may be gone already."""
    tx.execute(delete(unrolled).where(unrolled.c.slot_ms < before_ms))


def _due() -> Select[Any]:
    return select(unrolled.c.slot_ms, unrolled.c.battery_id, unrolled.c.marks)


@cache
def _marking(dialect: str) -> Any:
    # The update locks the row on PostgreSQL, so that rolling waits for the samples of this transaction.
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(unrolled)
    return statement.on_conflict_do_update(
        index_elements=["slot_ms", "battery_id"], set_={"marks": unrolled.c.marks + literal(1)}
    )
