"""How long rows are kept: a participant deletes its own old ones, few at a time, so that nobody waits for it.

Of messages only what is over goes: decided ones, delivered and dropped letters. What failed or is dead waits for an
operator. What else grows is its role's to name (`Chunk`).
A message that is deleted is not known as a duplicate any more; its ttl has to refuse it. So seven days are the
least that the settings take, beyond the ttl of any message of ours; and a contract's stage refuses a step twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Table, delete, select

from node.clocks import Now, milliseconds
from node.database import Database
from node.tables import DONE, DROPPED, SENT, inbox, outbox

logger = logging.getLogger(__name__)

CHUNK_ROWS = 200
EVERY_S = 600.0
# Other work comes between two chunks.
PAUSE_S = 0.05

Chunk = Callable[[Connection, datetime], int]
"""Deletes some rows that are older than a moment; how many, and 0 when there are no more."""


def _messages(table: Table, column: Column[int], states: Sequence[str]) -> Chunk:
    def clear(tx: Connection, before: datetime) -> int:
        is_old = (column < milliseconds(before), table.c.state.in_(states))
        ids = select(table.c.id).where(*is_old).order_by(table.c.id).limit(CHUNK_ROWS)
        return tx.execute(delete(table).where(table.c.id.in_(ids))).rowcount

    return clear


MESSAGES: tuple[Chunk, ...] = (
    _messages(inbox, inbox.c.received_at_ms, (DONE,)),
    _messages(outbox, outbox.c.created_at_ms, (SENT, DROPPED)),
)


async def _nothing_needed() -> None:
    return None


class Retention:
    """Runs between `start` and `stop`; ``days`` 0 keeps everything.

    ``needed_from``: what is as old as that or newer is kept in any case.
    """

    def __init__(
        self,
        database: Database,
        now: Now,
        days: int,
        chunks: Sequence[Chunk] = MESSAGES,
        needed_from: Callable[[], Awaitable[datetime | None]] = _nothing_needed,
    ) -> None:
        self._database = database
        self._now = now
        self._days = days
        self._chunks = chunks
        self._needed_from = needed_from
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, if anything is ever to be deleted."""
        if self._days:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End after the chunk in hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def clear(self) -> int:
        """Delete what is old enough now; how many rows that were."""
        before = self._now() - timedelta(days=self._days)
        needed_from = await self._needed_from()
        if needed_from is not None:
            before = min(before, needed_from)
        return sum([await self._cleared(chunk, before) for chunk in self._chunks])

    async def _cleared(self, chunk: Chunk, before: datetime) -> int:
        deleted = 0
        while some := await self._database.write(lambda tx: chunk(tx, before)):
            deleted += some
            await asyncio.sleep(PAUSE_S)
        return deleted

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.clear()
                if deleted:
                    logger.info("deleted %d rows that were older than %d days", deleted, self._days)
            except Exception:
                logger.exception("deleting old rows failed; the next round tries again")
            await asyncio.sleep(EVERY_S)
