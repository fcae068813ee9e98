"""The outbox: how a message leaves.

A decision writes its messages as rows (`enqueue`) in its own transaction: either both are on disk or neither. The
sender claims due rows, signs and posts them, and writes the end of each.

* **Order** is kept per lane = (destination, transaction): a row is claimed only when no older row of its lane is
  undone.
* **A claim is a lease**: a row with ``lease_until`` in the future belongs to the sender with its token. A sender that
  dies loses it when the lease ends; finishing needs the token, so two senders never both finish a row.
* **At most 16 flights per destination**, and a bound over all, so one slow peer delays nobody else.
* **Back-off per destination** is stored, doubles with each failure and has jitter. A valid message *from* that peer
  clears it (`cleared`), since it is evidently alive.
* **The end**: delivered (any form of ACK), or a dead letter with its reason: the message's ttl has passed, the attempts
  are spent, the peer answered NACK, or its address is none that we call. The role hears of dead letters (``on_dead``)
  in the same transaction.
* Bodies are stored, never signatures: a retry after an hour is signed anew. Only a gateway's relay keeps the sender's
  own header, which is part of what it forwards.

Source: DESIGN 2, "Sending". Synapse's per-destination queues are the model.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from node.client import Answer, PeerClient
from node.clocks import Now, milliseconds
from node.database import Database, notify
from node.ids import IdMint, new_token
from node.tables import DEAD, PENDING, SENT, destinations, outbox
from protocol.errors import PeerFailed
from protocol.retry import RetrySchedule

logger = logging.getLogger(__name__)

CHANNEL = "outbox"
LEASE_MS = 30_000
CLAIM_ROWS = 64
IDLE_S = 1.0
# The peer is there but can not serve now: these are tried again, every other refusal is final.
RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to send; ``destination`` is the receiver's registered URL, ``not_after`` (wire time) its ttl's end.

    ``coalesce_key``: an unsent earlier letter with the same key is replaced. ``relayed_authorization``: the original
    sender's header, when we are the gateway.
    """

    destination: str
    action: str
    transaction_id: str
    message_id: str
    body: bytes
    not_after: datetime
    coalesce_key: str | None = None
    relayed_authorization: str | None = None


DeadLetterHandler = Callable[[Connection, Row[tuple[object, ...]], str], None]
Sign = Callable[[bytes, str | None], Mapping[str, str]]


def enqueue(tx: Connection, ids: IdMint, letter: Letter, now: datetime) -> int:
    """Write a letter into the outbox, in the transaction of the decision that makes it; its row's id."""
    if letter.coalesce_key is not None:
        replaced = and_(
            outbox.c.destination == letter.destination,
            outbox.c.transaction_id == letter.transaction_id,
            outbox.c.coalesce_key == letter.coalesce_key,
            outbox.c.state == PENDING,
            outbox.c.lease_until_ms == 0,
        )
        tx.execute(delete(outbox).where(replaced))
    letter_id = ids.next()
    tx.execute(
        insert(outbox).values(
            id=letter_id,
            destination=letter.destination.rstrip("/"),
            transaction_id=letter.transaction_id,
            action=letter.action,
            message_id=letter.message_id,
            body=letter.body,
            relayed_authorization=letter.relayed_authorization,
            coalesce_key=letter.coalesce_key,
            created_at_ms=milliseconds(now),
            not_after_ms=milliseconds(letter.not_after),
            state=PENDING,
            attempts=0,
            due_at_ms=milliseconds(now),
            lease_until_ms=0,
        )
    )
    notify(tx, CHANNEL)
    return letter_id


class Outbox:
    """The sender of one participant. ``sign(body, relayed)`` gives the headers at send time."""

    def __init__(
        self,
        database: Database,
        client: PeerClient,
        now: Now,
        sign: Sign,
        schedule: RetrySchedule,
        on_dead: DeadLetterHandler,
        flights: int,
        flights_per_destination: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._client = client
        self._now = now
        self._sign = sign
        self._schedule = schedule
        self._on_dead = on_dead
        self._flights = flights
        self._per_destination = flights_per_destination
        self._jitter = jitter
        self._in_flight: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._backed_off: set[str] = set()
        self._wake = database.channel(CHANNEL)
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._token = new_token()
        self._claims = 0

    async def start(self) -> None:
        """Begin to send. Rows of an earlier process follow when their leases end."""
        self._backed_off = set(
            await self._database.read(lambda tx: tx.scalars(select(destinations.c.destination)).all())
        )
        await self._database.write(_end_leases_of_the_dead)
        self._loop = asyncio.create_task(self._run())

    async def stop(self, within_s: float) -> None:
        """Claim nothing more, let flights land, hand back the leases of those that do not."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._database.write(lambda tx: _end_leases(tx, self._token))

    async def cleared(self, destination: str) -> None:
        """A valid message came from this peer: it is alive, so its back-off ends."""
        key = destination.rstrip("/")
        if key not in self._backed_off:
            return
        self._backed_off.discard(key)
        await self._database.write(lambda tx: _clear(tx, key, self._now()))

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                claimed = await self._claim()
            except Exception:
                logger.exception("claiming letters failed")
                claimed = 0
            if claimed:
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), IDLE_S)
            except TimeoutError:
                continue

    async def _claim(self) -> int:
        room = min(CLAIM_ROWS, self._flights - len(self._tasks))
        if room <= 0:
            return 0
        left = {name: self._per_destination - count for name, count in self._in_flight.items()}
        self._claims += 1
        token, now_ms = f"{self._token}.{self._claims}", milliseconds(self._now())
        rows = await self._database.write(lambda tx: claim(tx, token, now_ms, room, self._per_destination, left))
        for row in rows:
            self._in_flight[row.destination] += 1
            task = asyncio.create_task(self._fly(row, token))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(rows)

    async def _fly(self, row: Row[tuple[object, ...]], token: str) -> None:
        try:
            await self._deliver(row, token)
        except Exception:
            # The database failed after the call: the lease ends by itself and the receiver knows a duplicate.
            logger.exception("finishing a letter failed", extra={"transaction_id": row.transaction_id})
        finally:
            self._in_flight[row.destination] -= 1
            if not self._in_flight[row.destination]:
                del self._in_flight[row.destination]
            self._wake.set()

    async def _deliver(self, row: Row[tuple[object, ...]], token: str) -> None:
        if milliseconds(self._now()) > row.not_after_ms:
            await self._database.write(lambda tx: self._bury(tx, row, token, "its ttl has passed", None))
            return
        body = bytes(row.body)
        try:
            url = f"{row.destination}/{row.action}"
            answer = await self._client.post(url, body, self._sign(body, row.relayed_authorization))
        except PeerFailed as error:
            reason = error.sentence
            if not error.retryable:
                await self._database.write(lambda tx: self._bury(tx, row, token, reason, None))
                return
            await self._database.write(lambda tx: self._fail(tx, row, token, reason, None, None))
            self._backed_off.add(row.destination)
            return
        if answer.nack is None:
            await self._database.write(lambda tx: _finish(tx, row, token, answer.status, self._now()))
            return
        await self._refused(row, token, answer, answer.nack)

    async def _refused(self, row: Row[tuple[object, ...]], token: str, answer: Answer, reason: str) -> None:
        if answer.status in RETRYABLE_STATUS:
            await self._database.write(
                lambda tx: self._fail(tx, row, token, reason, answer.status, answer.retry_after_s)
            )
            self._backed_off.add(row.destination)
        else:
            await self._database.write(lambda tx: self._bury(tx, row, token, reason, answer.status))

    def _fail(
        self,
        tx: Connection,
        row: Row[tuple[object, ...]],
        token: str,
        reason: str,
        status: int | None,
        retry_after_s: float | None,
    ) -> None:
        attempts = row.attempts + 1
        if self._schedule.is_spent(attempts):
            self._bury(tx, row, token, f"{attempts} attempts; the last: {reason}", status)
            return
        now_ms = milliseconds(self._now())
        failures = (
            tx.scalar(select(destinations.c.failures).where(destinations.c.destination == row.destination)) or 0
        ) + 1
        delay_s = retry_after_s or self._schedule.delay_s(min(failures, attempts), self._jitter())
        retry_at_ms = now_ms + int(delay_s * 1_000)
        held = and_(outbox.c.id == row.id, outbox.c.lease_token == token)
        again = {"attempts": attempts, "due_at_ms": retry_at_ms, "lease_until_ms": 0, "lease_token": None}
        again |= {"last_error": reason, "response_status": status}
        if tx.execute(update(outbox).where(held).values(again)).rowcount == 1:
            _back_off(tx, row.destination, failures, retry_at_ms)

    def _bury(self, tx: Connection, row: Row[tuple[object, ...]], token: str, reason: str, status: int | None) -> None:
        held = and_(outbox.c.id == row.id, outbox.c.lease_token == token)
        dead = {"state": DEAD, "lease_until_ms": 0, "lease_token": None, "attempts": row.attempts + 1}
        dead |= {"last_error": reason, "response_status": status, "finished_at_ms": milliseconds(self._now())}
        if tx.execute(update(outbox).where(held).values(dead)).rowcount == 1:
            logger.warning(
                "dead letter %s to %s: %s", row.action, row.destination, reason,
                extra={"transaction_id": row.transaction_id, "message_id": row.message_id},
            )  # fmt: skip
            self._on_dead(tx, row, reason)


def claim(
    tx: Connection, token: str, now_ms: int, limit: int, per_destination: int, left: Mapping[str, int]
) -> list[Row[tuple[object, ...]]]:
    """Lease the next due rows: the head of each lane, at most ``per_destination`` of one destination.

    ``left`` is how many more a destination may have that has some in flight already.
    """
    names = tuple(sorted(left))
    values: dict[str, object] = {f"room_{place}": left[name] for place, name in enumerate(names)}
    values |= {"now_ms": now_ms, "until_ms": now_ms + LEASE_MS, "token": token}
    values |= {"rows": limit, "per_destination": per_destination}
    rows = tx.execute(_claiming(tx.dialect.name, names), values).all()
    return sorted(rows, key=lambda row: row.id)


@lru_cache(maxsize=256)
def _claiming(dialect: str, limited: tuple[str, ...]) -> ReturningUpdate[tuple[object, ...]]:
    """The statement of `claim`; ``limited`` are the destinations with room for ``room_0``, ``room_1``, …

    It is kept: making it anew costs several times what running it does.
    """
    now_ms, per_destination = bindparam("now_ms", type_=BigInteger), bindparam("per_destination", type_=Integer)
    older = outbox.alias("older")
    lane_head = ~exists().where(
        older.c.destination == outbox.c.destination,
        older.c.transaction_id == outbox.c.transaction_id,
        older.c.state == PENDING,
        older.c.id < outbox.c.id,
    )
    resting = select(destinations.c.destination).where(destinations.c.retry_at_ms > now_ms)
    due = (
        select(
            outbox.c.id,
            outbox.c.destination,
            func.row_number().over(partition_by=outbox.c.destination, order_by=outbox.c.id).label("place"),
        )
        .where(
            outbox.c.state == PENDING,
            outbox.c.due_at_ms <= now_ms,
            outbox.c.lease_until_ms <= now_ms,
            outbox.c.destination.not_in(resting),
            lane_head,
        )
        .subquery()
    )
    room = {name: bindparam(f"room_{place}", type_=Integer) for place, name in enumerate(limited)}
    rooms = case(room, value=due.c.destination, else_=per_destination) if room else per_destination
    chosen = select(due.c.id).where(due.c.place <= rooms).order_by(due.c.id).limit(bindparam("rows", type_=Integer))
    if dialect == "postgresql":
        chosen = select(outbox.c.id).where(outbox.c.id.in_(chosen)).with_for_update(skip_locked=True)
    leased = {"lease_until_ms": bindparam("until_ms", type_=BigInteger), "lease_token": bindparam("token")}
    free = (outbox.c.id.in_(chosen), outbox.c.lease_until_ms <= now_ms, outbox.c.state == PENDING)
    return update(outbox).where(*free).values(leased).returning(outbox)


def _finish(tx: Connection, row: Row[tuple[object, ...]], token: str, status: int, now: datetime) -> None:
    held = and_(outbox.c.id == row.id, outbox.c.lease_token == token)
    sent = {"state": SENT, "lease_until_ms": 0, "lease_token": None, "attempts": row.attempts + 1}
    sent |= {"response_status": status, "finished_at_ms": milliseconds(now), "last_error": None}
    tx.execute(update(outbox).where(held).values(sent))
    tx.execute(delete(destinations).where(destinations.c.destination == row.destination))


def _back_off(tx: Connection, destination: str, failures: int, retry_at_ms: int) -> None:
    maker = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    values = {"failures": failures, "retry_at_ms": retry_at_ms}
    statement = maker(destinations).values(destination=destination, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=values))


def _clear(tx: Connection, destination: str, now: datetime) -> None:
    tx.execute(delete(destinations).where(destinations.c.destination == destination))
    waiting = and_(outbox.c.destination == destination, outbox.c.state == PENDING, outbox.c.lease_until_ms == 0)
    tx.execute(update(outbox).where(waiting).values(due_at_ms=milliseconds(now)))
    notify(tx, CHANNEL)


def _end_leases(tx: Connection, process_token: str) -> None:
    held = and_(outbox.c.state == PENDING, outbox.c.lease_token.startswith(process_token))
    tx.execute(update(outbox).where(held).values(lease_until_ms=0, lease_token=None))


def _end_leases_of_the_dead(tx: Connection) -> None:
    # A SQLite file has one process at a time, so every lease found at the start is a dead one's. On PostgreSQL
    # another process may be alive: there a lease just ends.
    if tx.dialect.name == "sqlite":
        _end_leases(tx, "")
