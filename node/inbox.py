"""The inbox: what was acknowledged is on disk, and its effect happens once.

`Inbox.accept` stores a verified message in one committed row; only then is it acknowledged. A few workers decide the
rows, those of one transaction in the order they came: the role's handler prepares (it may await), then its decision and
the row's end are one transaction. A crash before that commit leaves the row PENDING, to be decided by the next start;
a crash after it leaves nothing to do. A decision that fails (a bug, the registry or the database down) is tried again
until the message's ttl has passed; then its row is FAILED and says why. An operator may let it be decided once more
(`node.letters.retry_message`), which is noticed within a second. Every decision is told in the audit chain.

Duplicates (check 11) are found by the unique key: (sender, action, message id) and, for the actions that may repeat a
message id, the body's digest. The same bytes are acknowledged again and do nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from energy.wire.v1.errors import WireError
from node import audit
from node.clocks import Now, milliseconds
from node.database import Database
from node.ids import IdMint
from node.personal_columns import opened
from node.tables import DONE, FAILED, PENDING, inbox
from protocol.actions import ACTIONS
from protocol.errors import INVALID_REQUEST, Diagnosis, Duplicate, TradeRefused
from protocol.verification import Verified, restore

logger = logging.getLogger(__name__)

# A decision that fails is tried again until the message's own ttl has passed, and so often in any case.
ATTEMPTS_MIN = 8
RETRY_S, RETRY_MAX_S = 0.5, 5.0
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Received:
    """A stored message: ``inbox_id`` is its row, ``authorization`` the sender's header (a gateway relays it)."""

    inbox_id: int
    verified: Verified
    authorization: str


Decision = Callable[[Connection], None]
Handler = Callable[[Received], Awaitable[Decision]]
RefusalHandler = Callable[[Received, TradeRefused], Decision]


@dataclass(slots=True)
class _Lane:
    """What is to be decided of one transaction, in order; ``attempts`` counts those of the first."""

    transaction_id: str
    messages: deque[Received]
    attempts: int = 0


def dedup_key(verified: Verified) -> bytes:
    """32 bytes that are equal for messages that may not both act (check 11)."""
    parts = [verified.sender_id.encode(), verified.action.encode(), verified.context.message_id.encode()]
    if ACTIONS[verified.action].repeatable:
        parts.append(verified.digest)
    return hashlib.blake2b(b"\x00".join(parts), digest_size=32).digest()


class Inbox:
    """One participant's inbox. ``refused`` turns a business refusal into the decision that answers it."""

    def __init__(
        self,
        database: Database,
        ids: IdMint,
        now: Now,
        handlers: Mapping[str, Handler],
        refused: RefusalHandler,
        decisions_at_once: int,
        zone: tzinfo = UTC,
    ) -> None:
        self._database = database
        self._ids = ids
        self._now = now
        self._handlers = handlers
        self._refused = refused
        self._at_once = decisions_at_once
        self._zone = zone
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[_Lane] = deque()
        self._working = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what an earlier process acknowledged and did not decide, and from now on what an operator retries."""
        for received in await self._database.read(lambda tx: _pending(tx, self._zone)):
            self._hand_over(received)
        self._looking = asyncio.create_task(self._look_for_retried())

    async def stop(self, within_s: float) -> None:
        """Finish the decisions in hand; what is left stays PENDING on disk."""
        self._stopping.set()
        if self._looking is not None:
            await self._looking
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()

    async def accept(self, verified: Verified, authorization: str) -> bool:
        """Store the message durably; False when the same bytes were stored before.

        Raises:
            Duplicate: a known message id with other bytes.
        """
        key = dedup_key(verified)
        inbox_id = self._ids.next()
        row = {
            "id": inbox_id,
            "dedup_key": key,
            "digest": verified.digest,
            "sender_id": verified.sender_id,
            "key_id": verified.key_id,
            "gateway_id": verified.gateway_id,
            "action": verified.action,
            "transaction_id": verified.context.transaction_id,
            "message_id": verified.context.message_id,
            "body": verified.body,
            "authorization": authorization,
            "received_at_ms": milliseconds(self._now()),
            "state": PENDING,
            "attempts": 0,
            "last_error": None,
        }
        if await self._database.insert_new(inbox, row):
            self._hand_over(Received(inbox_id, verified, authorization))
            return True
        if await self.knows(verified):
            return False
        raise Duplicate(
            "Another message with this message_id came before: send this one under a fresh message_id.",
            Diagnosis(
                rule="V11-duplicate",
                path="/context/message_id",
                expected="a fresh message_id",
                got=verified.context.message_id,
            ),
        )

    async def knows(self, verified: Verified) -> bool:
        """Whether these very bytes were acknowledged before."""
        key = dedup_key(verified)
        known = await self._database.read(
            lambda tx: tx.execute(select(inbox.c.digest).where(inbox.c.dedup_key == key)).scalar()
        )
        return known == verified.digest

    async def _look_for_retried(self) -> None:
        while not await self._pause(LOOK_EVERY_S):
            try:
                if await self._database.read(_any_retried):
                    for received in await self._database.write(lambda tx: _take_retried(tx, self._zone)):
                        self._hand_over(received)
            except Exception:
                # The database itself fails: what was retried stays marked, and the next look finds it.
                logger.exception("looking for retried messages failed")

    def _hand_over(self, received: Received) -> None:
        lane_id = received.verified.context.transaction_id
        lane = self._lanes.get(lane_id)
        if lane is not None:
            lane.messages.append(received)
            return
        lane = self._lanes[lane_id] = _Lane(lane_id, deque((received,)))
        self._make_ready(lane)

    def _make_ready(self, lane: _Lane) -> None:
        self._ready.append(lane)
        if self._working < self._at_once:
            self._working += 1
            self._keep(self._work())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            while self._ready and not self._stopping.is_set():
                await self._serve(self._ready.popleft())
        finally:
            self._working -= 1

    async def _serve(self, lane: _Lane) -> None:
        """Decide the first message of a lane; one that fails rests outside, so that it keeps no other waiting."""
        lane.attempts += 1
        if not await self._is_over(lane.messages[0], lane.attempts):
            self._keep(self._rest(lane))
            return
        lane.messages.popleft()
        lane.attempts = 0
        if lane.messages:
            self._ready.append(lane)
        else:
            del self._lanes[lane.transaction_id]

    async def _rest(self, lane: _Lane) -> None:
        if not await self._pause(min(RETRY_S * lane.attempts, RETRY_MAX_S)):
            self._make_ready(lane)

    async def _is_over(self, received: Received, attempt: int) -> bool:
        """Try once: whether the message is decided, or given up."""
        try:
            await self._decide_once(received)
        except Exception as error:
            context = received.verified.context
            facts = {"transaction_id": context.transaction_id, "message_id": context.message_id}
            logger.exception("deciding %s failed, attempt %d", received.verified.action, attempt, extra=facts)
            over = attempt >= ATTEMPTS_MIN and self._now() > context.holds_until
            await self._note_failure(received, attempt, error, over=over)
            return over
        return True

    async def _decide_once(self, received: Received) -> None:
        handler = self._handlers[received.verified.action]
        try:
            decision = await handler(received)
            now = self._now()
            await self._database.write(lambda tx: _once(tx, received, decision, now))
        except TradeRefused as refusal:
            await self._answer_refusal(received, refusal)
        except WireError as error:
            await self._answer_refusal(received, TradeRefused(INVALID_REQUEST, error.sentence, error.path))

    async def _answer_refusal(self, received: Received, refusal: TradeRefused) -> None:
        answer, now = self._refused(received, refusal), self._now()
        await self._database.write(lambda tx: _once(tx, received, answer, now, refusal.trade_code))

    async def _note_failure(self, received: Received, attempt: int, error: Exception, *, over: bool) -> None:
        state = FAILED if over else PENDING
        values = {"attempts": attempt, "last_error": f"{type(error).__name__}: {error}"[:500], "state": state}
        statement = update(inbox).where(inbox.c.id == received.inbox_id, inbox.c.state == PENDING).values(values)
        now = self._now()

        def note(tx: Connection) -> None:
            if tx.execute(statement).rowcount == 1 and over:
                _tell(tx, received, now, audit.GIVEN_UP)

        try:
            await self._database.write(note)
        except Exception:
            # The database itself fails: the row stays as it is and the next start decides it.
            logger.exception("noting a failed decision failed")

    async def _pause(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True


# Built once: making the statement anew costs more than running it.
_END = update(inbox).where(inbox.c.id == bindparam("inbox_id"), inbox.c.state == PENDING).values(state=DONE)


def _once(tx: Connection, received: Received, decision: Decision, now: datetime, code: str | None = None) -> None:
    if tx.execute(_END, {"inbox_id": received.inbox_id}).rowcount == 1:
        decision(tx)
        _tell(tx, received, now, audit.DECIDED if code is None else audit.REFUSED, code)


def _tell(tx: Connection, received: Received, now: datetime, what: str, code: str | None = None) -> None:
    verified = received.verified
    audit.record(
        tx,
        now,
        audit.Actor(verified.sender_id, verified.gateway_id or "the sender itself"),
        what,
        action=verified.action,
        transaction_id=verified.context.transaction_id,
        message_id=verified.context.message_id,
        digest=verified.digest.hex(),
        key_id=verified.key_id,
        inbox_id=received.inbox_id,
        code=code,
    )


_PENDING = select(inbox).where(inbox.c.state == PENDING).order_by(inbox.c.id)


def _pending(tx: Connection, zone: tzinfo) -> list[Received]:
    return [_restored(tx, row, zone) for row in tx.execute(_PENDING).all()]


# An operator's mark: PENDING again, the reason of the failure still there, and no attempt since.
_RETRIED = (inbox.c.state == PENDING, inbox.c.attempts == 0, inbox.c.last_error.is_not(None))


def _any_retried(tx: Connection) -> bool:
    return tx.execute(select(inbox.c.id).where(*_RETRIED).limit(1)).first() is not None


def _take_retried(tx: Connection, zone: tzinfo) -> list[Received]:
    rows = tx.execute(update(inbox).where(*_RETRIED).values(attempts=1).returning(inbox)).all()
    return [_restored(tx, row, zone) for row in sorted(rows, key=lambda row: row.id)]


def _restored(tx: Connection, row: Row[tuple[object, ...]], zone: tzinfo) -> Received:
    body = opened(tx, inbox.c.body, row.id, row.body)
    verified = restore(row.action, row.sender_id, row.key_id, row.gateway_id, body, zone)
    return Received(row.id, verified, row.authorization)
