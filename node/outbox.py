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
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select

from node import lanes
from node.client import PeerClient
from node.clocks import Now, milliseconds
from node.database import Database, notify
from node.ids import IdMint, new_token
from node.landing import Landings, land
from node.lanes import CHANNEL
from node.personal_columns import opened_by, sealed
from node.tables import PENDING, destinations, outbox
from protocol.errors import PeerFailed
from protocol.retry import RetrySchedule

logger = logging.getLogger(__name__)

CLAIM_ROWS = 64
LEASED_AHEAD = 4
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


DeadLetterHandler = Callable[[Connection, Row[Any], str], None]
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
            body=sealed(tx, outbox.c.body, letter_id, letter.body),
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
        self._ready: dict[str, deque[Row[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._landings = Landings(database, self._landed)
        self._backed_off: set[str] = set()
        self._wake = database.channel(CHANNEL)
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._token = new_token()
        self._claims = 0

    async def start(self) -> None:
        """Begin to send. Rows of an earlier process follow when their leases end."""
        known = await self._database.read(lambda tx: tx.scalars(select(destinations.c.destination)).all())
        self._backed_off = set(known)
        await self._database.write(lanes.end_leases_of_the_dead)
        self._loop = asyncio.create_task(self._run())

    async def stop(self, within_s: float) -> None:
        """Claim nothing more, let flights land, hand back the leases of those that do not."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)
        await land(self._tasks, within_s)
        await self._landings.stop(within_s)
        await self._database.write(lambda tx: lanes.end_leases(tx, self._token))

    async def cleared(self, destination: str) -> None:
        """A valid message came from this peer: it is alive, so its back-off ends."""
        key = destination.rstrip("/")
        if key not in self._backed_off:
            return
        self._backed_off.discard(key)
        await self._database.write(lambda tx: lanes.wake(tx, key, self._now()))

    # -- claiming -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                claimed = await self._claim()
            except Exception:
                logger.exception("claiming letters failed")
                claimed = 0
            self._fly_what_is_ready()
            if claimed:
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), IDLE_S)

    async def _claim(self) -> int:
        """Lease more than may fly at once, so that a landing is followed by a start without asking the database."""
        ready = sum(map(len, self._ready.values()))
        room = min(CLAIM_ROWS, 2 * self._flights - len(self._tasks) - ready)
        if room <= 0:
            return 0
        held = LEASED_AHEAD * self._per_destination
        left = {name: held - self._in_flight[name] - len(self._ready.get(name, ())) for name in self._busy()}
        self._claims += 1
        token, now_ms = f"{self._token}.{self._claims}", milliseconds(self._now())
        turn = self._claims
        rows = await self._database.write(lambda tx: lanes.claim(tx, token, now_ms, room, held, left, turn))
        for row in rows:
            self._ready.setdefault(row.destination, deque()).append(row)
        return len(rows)

    def _busy(self) -> set[str]:
        return self._in_flight.keys() | self._ready.keys()

    def _fly_what_is_ready(self) -> None:
        for destination in list(self._ready):
            self._start_flights(destination)

    def _start_flights(self, destination: str) -> None:
        ready = self._ready.get(destination)
        while ready and not self._stopping and self._may_fly(destination):
            row = ready.popleft()
            self._in_flight[destination] += 1
            task = asyncio.create_task(self._fly(row))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not ready:
            self._ready.pop(destination, None)

    def _may_fly(self, destination: str) -> bool:
        # A database that is slow to write the ends down slows the sending, so that no lease ends unnoticed.
        aloft = max(len(self._tasks), self._landings.count)
        return self._in_flight[destination] < self._per_destination and aloft < self._flights

    def _landed(self, deliveries: Sequence[lanes.Delivery]) -> None:
        self._backed_off.difference_update(one.letter.destination for one in deliveries if one.rested)
        # There is room again, for what is ready and for more; and the next letters of these lanes are heads now.
        self._fly_what_is_ready()
        self._wake.set()

    # -- one letter -----------------------------------------------------------------------------------------

    async def _fly(self, row: Row[Any]) -> None:
        try:
            await self._deliver(row)
        except Exception:
            # The database failed after the call: the lease ends by itself and the receiver knows a duplicate.
            logger.exception("finishing a letter failed", extra={"transaction_id": row.transaction_id})
        finally:
            self._in_flight[row.destination] -= 1
            if not self._in_flight[row.destination]:
                del self._in_flight[row.destination]
            self._start_flights(row.destination)
            # Asking the database again is worth it once a part of what was leased ahead is gone.
            if len(self._ready.get(row.destination, ())) <= self._per_destination:
                self._wake.set()

    async def _deliver(self, row: Row[Any]) -> None:
        now_ms = milliseconds(self._now())
        if now_ms > row.not_after_ms:
            await self._database.write(lambda tx: self._bury(tx, row, "its ttl has passed", None))
            return
        if now_ms >= row.lease_until_ms:
            return  # It waited too long behind others: whoever claims it next sends it.
        body = opened_by(self._database.data_keys, outbox.c.body, row.id, row.body)
        try:
            url = f"{row.destination}/{row.action}"
            answer = await self._client.post(url, body, self._sign(body, row.relayed_authorization))
        except PeerFailed as error:
            await self._failed(row, error.sentence, None, None, retryable=error.retryable)
            return
        if answer.is_garbage:
            await self._failed(row, "the answer is no JSON, and so no ACK", answer.status, None, retryable=True)
            return
        if answer.nack is not None:
            retryable = answer.status in RETRYABLE_STATUS
            await self._failed(row, answer.nack, answer.status, answer.retry_after_s, retryable=retryable)
            return
        rested = row.destination in self._backed_off
        self._landings.add(lanes.Delivery(row, answer.status, self._now(), rested=rested))

    async def _failed(
        self, row: Row[Any], reason: str, status: int | None, retry_after_s: float | None, *, retryable: bool
    ) -> None:
        if not retryable or self._schedule.is_spent(row.attempts + 1):
            spent = f"{row.attempts + 1} attempts; the last: {reason}" if retryable else reason
            await self._database.write(lambda tx: self._bury(tx, row, spent, status))
            return
        # What was leased to fly next goes back: the destination rests, and so do its lanes.
        waiting = list(self._ready.pop(row.destination, ()))
        self._backed_off.add(row.destination)
        await self._database.write(lambda tx: self._rest(tx, row, reason, status, retry_after_s, waiting))

    def _rest(
        self,
        tx: Connection,
        row: Row[Any],
        reason: str,
        status: int | None,
        retry_after_s: float | None,
        waiting: list[Row[Any]],
    ) -> None:
        failures = lanes.failures_of(tx, row.destination) + 1
        delay_s = retry_after_s or self._schedule.delay_s(min(failures, row.attempts + 1), self._jitter())
        retry_at_ms = milliseconds(self._now()) + int(delay_s * 1_000)
        if lanes.again(tx, row, reason, status, retry_at_ms):
            lanes.rest(tx, row.destination, failures, retry_at_ms)
        lanes.give_back(tx, waiting)

    def _bury(self, tx: Connection, row: Row[Any], reason: str, status: int | None) -> None:
        if lanes.dead(tx, row, reason, status, self._now()):
            facts = {"transaction_id": row.transaction_id, "message_id": row.message_id}
            logger.warning("dead letter %s to %s: %s", row.action, row.destination, reason, extra=facts)
            self._on_dead(tx, row, reason)
