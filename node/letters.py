"""What an operator does with letters that did not arrive and messages that could not be decided.

Functions of one connection, beside a running participant or without one. It notices within a second: the outbox
claims each second, the inbox takes up what `retry_message` marked.

* Only a dead letter can be retried or dropped; a pending one is still being tried and dies by itself at its ttl.
* A body is never changed, so neither are ``context.timestamp`` and ``ttl``; only its signature is made anew. A retry
  before the message's own ttl has passed goes on until then. Afterwards the receiver refuses it, unless it had
  taken the same bytes before and only its ACK was lost: so it takes ``even_expired`` to send it all the same.
* Every change is told in the audit chain, with who made it and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, update

from node.audit import Actor, record
from node.clocks import milliseconds, moment_of
from node.database import lock, notify
from node.lanes import CHANNEL
from node.personal_columns import opened
from node.tables import DEAD, DROPPED, FAILED, PENDING, destinations, inbox, outbox
from protocol.context import read_context
from protocol.moments import timestamp_text

# An expired letter that is sent all the same is tried for as long as it was meant to live, and so long at least.
EXPIRED_TRIED_FOR = timedelta(minutes=5)


class NotPossible(Exception):
    """What was asked can not be done; the sentence says why and what can."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A letter or a message without its body. ``peer`` is a letter's destination or a message's sender.

    Times are wire time; ``not_after`` is None for a message that came.
    """

    row_id: int
    state: str
    action: str
    peer: str
    transaction_id: str
    message_id: str
    created_at: datetime
    not_after: datetime | None
    attempts: int
    status: int | None
    reason: str | None


_LETTER = [column for column in outbox.c if column.name not in {"body", "relayed_authorization", "lease_token"}]
_MESSAGE = [column for column in inbox.c if column.name not in {"body", "authorization", "dedup_key", "digest"}]


def letters(tx: Connection, states: Sequence[str] = (DEAD, PENDING), limit: int = 100) -> list[Listed]:
    """The oldest letters in these states."""
    rows = tx.execute(select(*_LETTER).where(_among(outbox, states)).order_by(outbox.c.id).limit(limit))
    return [_listed_letter(row) for row in rows]


def messages(tx: Connection, states: Sequence[str] = (FAILED, PENDING), limit: int = 100) -> list[Listed]:
    """The oldest messages that came, in these states."""
    rows = tx.execute(select(*_MESSAGE).where(_among(inbox, states)).order_by(inbox.c.id).limit(limit))
    return [_listed_message(row) for row in rows]


def letter(tx: Connection, outbox_id: int) -> tuple[Listed, bytes]:
    """One letter with its body. What signs it is not part of it.

    Raises:
        NotPossible: there is none with this id.
    """
    row = _row(tx, outbox, outbox_id)
    return _listed_letter(row), opened(tx, outbox.c.body, row.id, row.body)


def retry_letter(tx: Connection, outbox_id: int, by: Actor, now: datetime, *, even_expired: bool = False) -> datetime:
    """Send a dead letter again, its attempts counted anew; until when it is tried.

    Raises:
        NotPossible: there is none, it is not dead, or its ttl has passed and ``even_expired`` is not set.
    """
    lock(tx, outbox, [outbox_id])
    row = _row(tx, outbox, outbox_id)
    _check_dead(row, "retried")
    not_after = read_context(orjson.loads(opened(tx, outbox.c.body, row.id, row.body))).holds_until
    if now > not_after:
        if not even_expired:
            raise NotPossible(
                f"letter {outbox_id} held until {timestamp_text(not_after)}, and its body can not be changed: the "
                "receiver will refuse it, unless it has taken the same bytes before. Add --even-expired to try."
            )
        not_after = now + max(timedelta(milliseconds=row.not_after_ms - row.created_at_ms), EXPIRED_TRIED_FOR)
    again = {"state": PENDING, "attempts": 0, "due_at_ms": milliseconds(now), "not_after_ms": milliseconds(not_after)}
    tx.execute(update(outbox).where(outbox.c.id == outbox_id).values(**again, finished_at_ms=None))
    tx.execute(delete(destinations).where(destinations.c.destination == row.destination))
    _tell(tx, row, by, "retry letter", now)
    notify(tx, CHANNEL)
    return not_after


def drop_letter(tx: Connection, outbox_id: int, by: Actor, why: str, now: datetime) -> None:
    """Give a dead letter up for good; the row stays and says who dropped it and why.

    Raises:
        NotPossible: there is none, or it is not dead.
    """
    lock(tx, outbox, [outbox_id])
    row = _row(tx, outbox, outbox_id)
    _check_dead(row, "dropped")
    reason = f"dropped by {by.name}: {why}; it was dead because: {row.last_error}"[:1_000]
    dropped = {"state": DROPPED, "finished_at_ms": milliseconds(now), "last_error": reason}
    tx.execute(update(outbox).where(outbox.c.id == outbox_id).values(dropped))
    _tell(tx, row, by, "drop letter", now)


def retry_message(tx: Connection, inbox_id: int, by: Actor, now: datetime) -> None:
    """Let a message that could not be decided be decided again, also after its ttl: it was acknowledged in time.

    Raises:
        NotPossible: there is none, or it did not fail.
    """
    lock(tx, inbox, [inbox_id])
    row = _row(tx, inbox, inbox_id)
    if row.state != FAILED:
        raise NotPossible(f"message {inbox_id} is {row.state}; only a FAILED one can be retried")
    # The reason stays: PENDING with a reason and without attempts is what the inbox takes up.
    tx.execute(update(inbox).where(inbox.c.id == inbox_id).values(state=PENDING, attempts=0))
    facts = {"action": row.action, "transaction_id": row.transaction_id, "message_id": row.message_id}
    record(tx, now, by, "retry message", inbox_id=inbox_id, digest=bytes(row.digest).hex(), **facts)


def _check_dead(row: Row[tuple[object, ...]], what: str) -> None:
    if row.state == PENDING:
        until = timestamp_text(moment_of(row.not_after_ms))
        raise NotPossible(f"letter {row.id} is still being tried, until {until}; only a dead letter can be {what}")
    if row.state != DEAD:
        raise NotPossible(f"letter {row.id} is {row.state}; only a dead letter can be {what}")


def _tell(tx: Connection, row: Row[tuple[object, ...]], by: Actor, what: str, now: datetime) -> None:
    facts = {"action": row.action, "transaction_id": row.transaction_id, "message_id": row.message_id}
    record(tx, now, by, what, outbox_id=row.id, **facts)


def _row(tx: Connection, table: Table, row_id: int) -> Row[tuple[object, ...]]:
    row = tx.execute(select(table).where(table.c.id == row_id)).first()
    if row is None:
        raise NotPossible(f"there is no {'letter' if table is outbox else 'message'} {row_id}")
    return row


def _among(table: Table, states: Sequence[str]) -> ColumnElement[bool]:
    return table.c.state.in_(states)


def _listed_letter(row: Row[tuple[object, ...]]) -> Listed:
    return Listed(
        row_id=row.id,
        state=row.state,
        action=row.action,
        peer=row.destination,
        transaction_id=row.transaction_id,
        message_id=row.message_id,
        created_at=moment_of(row.created_at_ms),
        not_after=moment_of(row.not_after_ms),
        attempts=row.attempts,
        status=row.response_status,
        reason=row.last_error,
    )


def _listed_message(row: Row[tuple[object, ...]]) -> Listed:
    return Listed(
        row_id=row.id,
        state=row.state,
        action=row.action,
        peer=row.sender_id,
        transaction_id=row.transaction_id,
        message_id=row.message_id,
        created_at=moment_of(row.received_at_ms),
        not_after=None,
        attempts=row.attempts,
        status=None,
        reason=row.last_error,
    )
