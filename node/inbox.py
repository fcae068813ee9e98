"""The inbox: what was acknowledged is on disk, and its effect happens once.

`Inbox.accept` stores a verified message in one committed row; only then is it acknowledged. A worker per transaction
decides the rows in the order they came: the role's handler prepares (it may await), then its decision and the row's
end are one transaction. A crash before that commit leaves the row PENDING and the next start decides it again; a
crash after it leaves nothing to do. A decision that fails (a bug, the registry or the database down) is tried again
until the message's ttl has passed; then its row is FAILED and says why. An operator may let it be decided once more
(`node.letters.retry_message`), which is noticed within a second. Every decision is told in the audit chain.

Duplicates (check 11) are found by the unique key: (sender, action, message id) and, for the actions that may repeat a
message id, the body's digest. The same bytes are acknowledged again and do nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, select, update

from energy.wire.v1.errors import WireError
from node import audit
from node.clocks import Now, milliseconds
from node.database import Database
from node.ids import IdMint
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
    ) -> None:
        self._database = database
        self._ids = ids
        self._now = now
        self._handlers = handlers
        self._refused = refused
        self._room = asyncio.Semaphore(decisions_at_once)
        self._lanes: dict[str, deque[Received]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what an earlier process acknowledged and did not decide, and from now on what an operator retries."""
        for received in await self._database.read(_pending):
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
                    for received in await self._database.write(_take_retried):
                        self._hand_over(received)
            except Exception:
                # The database itself fails: what was retried stays marked, and the next look finds it.
                logger.exception("looking for retried messages failed")

    def _hand_over(self, received: Received) -> None:
        lane_id = received.verified.context.transaction_id
        lane = self._lanes.get(lane_id)
        if lane is not None:
            lane.append(received)
            return
        self._lanes[lane_id] = deque([received])
        task = asyncio.create_task(self._work(lane_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, lane_id: str) -> None:
        lane = self._lanes[lane_id]
        while lane and not self._stopping.is_set():
            await self._decide(lane.popleft())
        del self._lanes[lane_id]

    async def _decide(self, received: Received) -> None:
        context = received.verified.context
        for attempt in itertools.count(1):
            try:
                # A failed decision waits outside, so that a few of them never keep the others from being decided.
                async with self._room:
                    await self._decide_once(received)
            except Exception as error:
                facts = {"transaction_id": context.transaction_id, "message_id": context.message_id}
                logger.exception("deciding %s failed, attempt %d", received.verified.action, attempt, extra=facts)
                over = attempt >= ATTEMPTS_MIN and self._now() > context.holds_until
                await self._note_failure(received, attempt, error, over=over)
                if over or await self._pause(min(RETRY_S * attempt, RETRY_MAX_S)):
                    return
            else:
                return

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


def _pending(tx: Connection) -> list[Received]:
    return [_restored(row) for row in tx.execute(select(inbox).where(inbox.c.state == PENDING).order_by(inbox.c.id))]


# An operator's mark: PENDING again, the reason of the failure still there, and no attempt since.
_RETRIED = (inbox.c.state == PENDING, inbox.c.attempts == 0, inbox.c.last_error.is_not(None))


def _any_retried(tx: Connection) -> bool:
    return tx.execute(select(inbox.c.id).where(*_RETRIED).limit(1)).first() is not None


def _take_retried(tx: Connection) -> list[Received]:
    rows = tx.execute(update(inbox).where(*_RETRIED).values(attempts=1).returning(inbox)).all()
    return [_restored(row) for row in sorted(rows, key=lambda row: row.id)]


def _restored(row: Row[tuple[object, ...]]) -> Received:
    verified = restore(row.action, row.sender_id, row.key_id, row.gateway_id, bytes(row.body))
    return Received(row.id, verified, row.authorization)
