"""The outbox's rows: which may leave next, who holds them, and how each ends. Only `node.outbox` uses it.

A lane is (destination, transaction). Its oldest undone row is its head, and only heads are leased, so order is kept.
Every statement names the state as a literal: SQLite uses an index over pending rows only when it can see that from the
text. They are built once, since building one costs several times what running it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from node.clocks import milliseconds
from node.database import notify
from node.tables import DEAD, PENDING, SENT, destinations, outbox

CHANNEL = "outbox"
LEASE_MS = 30_000

Letters = list[Row[Any]]

# From each destination to the next by the index, so that a long queue to one costs no more than a short one.
_AWAKE = text(
    """
    WITH RECURSIVE waiting(destination) AS (
        SELECT min(destination) FROM outbox WHERE state = 'PENDING'
        UNION ALL
        SELECT (SELECT min(o.destination) FROM outbox o WHERE o.state = 'PENDING' AND o.destination > w.destination)
        FROM waiting w WHERE w.destination IS NOT NULL
    )
    SELECT destination FROM waiting WHERE destination IS NOT NULL
    AND destination NOT IN (SELECT d.destination FROM destinations d WHERE d.retry_at_ms > :now_ms)
    """
)
_HELD = and_(outbox.c.id == bindparam("letter_id"), outbox.c.lease_token == bindparam("held_by"))
_SENT = (
    update(outbox)
    .where(_HELD)
    .values(
        state=SENT,
        lease_until_ms=0,
        lease_token=None,
        last_error=None,
        attempts=outbox.c.attempts + 1,
        response_status=bindparam("status"),
        finished_at_ms=bindparam("at_ms"),
    )
)
_DEAD = (
    update(outbox)
    .where(_HELD)
    .values(
        state=DEAD,
        lease_until_ms=0,
        lease_token=None,
        last_error=bindparam("reason"),
        attempts=outbox.c.attempts + 1,
        response_status=bindparam("status"),
        finished_at_ms=bindparam("at_ms"),
    )
)
_AGAIN = (
    update(outbox)
    .where(_HELD)
    .values(
        lease_until_ms=0,
        lease_token=None,
        last_error=bindparam("reason"),
        attempts=outbox.c.attempts + 1,
        response_status=bindparam("status"),
        due_at_ms=bindparam("at_ms"),
    )
)


def claim(
    tx: Connection, token: str, now_ms: int, limit: int, per_destination: int, left: Mapping[str, int], turn: int = 0
) -> Letters:
    """Lease at most ``limit`` due heads, and of one destination at most ``per_destination``.

    ``left`` is how many more a destination may have that has some already; ``turn`` is which of the destinations is
    asked first, so that each comes first at some time.
    """
    awake = list(tx.execute(_AWAKE, {"now_ms": now_ms}).scalars())
    start = turn % len(awake) if awake else 0
    rows: Letters = []
    for destination in awake[start:] + awake[:start]:
        room = min(limit - len(rows), left.get(destination, per_destination))
        if room > 0:
            values = {"now_ms": now_ms, "until_ms": now_ms + LEASE_MS, "token": token}
            values |= {"peer": destination, "rows": room}
            rows += tx.execute(_leasing(tx.dialect.name), values).all()
        if len(rows) == limit:
            break
    return sorted(rows, key=lambda row: row.id)


@lru_cache
def _leasing(dialect: str) -> ReturningUpdate[Any]:
    now_ms = bindparam("now_ms", type_=BigInteger)
    pending: ColumnElement[str] = literal_column(f"'{PENDING}'")
    head, older = outbox.alias("head"), outbox.alias("older")
    is_head = ~exists().where(
        older.c.destination == head.c.destination,
        older.c.transaction_id == head.c.transaction_id,
        older.c.state == pending,
        older.c.id < head.c.id,
    )
    chosen = (
        select(head.c.id)
        .where(head.c.destination == bindparam("peer"), head.c.state == pending)
        .where(head.c.due_at_ms <= now_ms, head.c.lease_until_ms <= now_ms, is_head)
        .order_by(head.c.id)
        .limit(bindparam("rows", type_=Integer))
    )
    if dialect == "postgresql":
        chosen = chosen.with_for_update(skip_locked=True)
    leased = {"lease_until_ms": bindparam("until_ms", type_=BigInteger), "lease_token": bindparam("token")}
    return update(outbox).where(outbox.c.id.in_(chosen)).values(leased).returning(outbox)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A letter that its peer acknowledged with ``status``; ``rested``: the peer had been backed off."""

    letter: Row[Any]
    status: int
    at: datetime
    rested: bool


def sent(tx: Connection, deliveries: Sequence[Delivery]) -> None:
    """The peers acknowledged these; a peer that was backed off is so no more."""
    values = [
        {
            "letter_id": one.letter.id,
            "held_by": one.letter.lease_token,
            "status": one.status,
            "at_ms": milliseconds(one.at),
        }
        for one in sorted(deliveries, key=lambda one: one.letter.id)
    ]
    tx.execute(_SENT, values)
    for destination in sorted({one.letter.destination for one in deliveries if one.rested}):
        tx.execute(delete(destinations).where(destinations.c.destination == destination))


def dead(tx: Connection, letter: Row[Any], reason: str, status: int | None, now: datetime) -> bool:
    """It will not be tried again; False when somebody else holds it by now."""
    values = {"letter_id": letter.id, "held_by": letter.lease_token, "status": status, "at_ms": milliseconds(now)}
    return tx.execute(_DEAD, values | {"reason": reason}).rowcount == 1


def again(tx: Connection, letter: Row[Any], reason: str, status: int | None, at_ms: int) -> bool:
    """It is tried again from ``at_ms`` on; False when somebody else holds it by now."""
    values = {"letter_id": letter.id, "held_by": letter.lease_token, "status": status, "at_ms": at_ms}
    return tx.execute(_AGAIN, values | {"reason": reason}).rowcount == 1


def failures_of(tx: Connection, destination: str) -> int:
    """How often in a row the destination has failed."""
    return tx.scalar(select(destinations.c.failures).where(destinations.c.destination == destination)) or 0


def rest(tx: Connection, destination: str, failures: int, retry_at_ms: int) -> None:
    """Ask nothing of the destination before ``retry_at_ms``."""
    maker = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    values = {"failures": failures, "retry_at_ms": retry_at_ms}
    statement = maker(destinations).values(destination=destination, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=values))


def wake(tx: Connection, destination: str, now: datetime) -> None:
    """End the destination's back-off and make what waits for it due."""
    tx.execute(delete(destinations).where(destinations.c.destination == destination))
    waiting = and_(outbox.c.destination == destination, outbox.c.state == PENDING, outbox.c.lease_until_ms == 0)
    tx.execute(update(outbox).where(waiting).values(due_at_ms=milliseconds(now)))
    notify(tx, CHANNEL)


def give_back(tx: Connection, letters: Letters) -> None:
    """End the leases of letters that were not sent."""
    for letter in letters:
        held = and_(outbox.c.id == letter.id, outbox.c.lease_token == letter.lease_token)
        tx.execute(update(outbox).where(held).values(lease_until_ms=0, lease_token=None))


def end_leases(tx: Connection, process_token: str) -> None:
    """End every lease of this process."""
    held = and_(outbox.c.state == PENDING, outbox.c.lease_token.startswith(process_token))
    tx.execute(update(outbox).where(held).values(lease_until_ms=0, lease_token=None))


def end_leases_of_the_dead(tx: Connection) -> None:
    """At the start: what an earlier process on this database held.

    A SQLite file has one process at a time, so every lease found is a dead one's. On PostgreSQL another process may be
    alive: there a lease just ends.
    """
    if tx.dialect.name == "sqlite":
        end_leases(tx, "")
