"""How long messages are kept: a participant deletes its own old ones, few at a time, so that nobody waits for it.

Only what is over goes: decided messages, delivered and dropped letters. What failed or is dead waits for an operator.
A message that is deleted is not known as a duplicate any more; its ttl has to refuse it. So seven days are the
least that the settings take, beyond the ttl of any message of ours; and a contract's stage refuses a step twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, select

from node.clocks import Now, milliseconds
from node.database import Database
from node.tables import DONE, DROPPED, SENT, inbox, outbox

logger = logging.getLogger(__name__)

CHUNK_ROWS = 200
EVERY_S = 600.0
# Other work comes between two chunks.
PAUSE_S = 0.05
_OVER = ((inbox, inbox.c.received_at_ms, (DONE,)), (outbox, outbox.c.created_at_ms, (SENT, DROPPED)))


class Retention:
    """Runs between `start` and `stop`; ``messages_days`` 0 keeps everything."""

    def __init__(self, database: Database, now: Now, messages_days: int) -> None:
        self._database = database
        self._now = now
        self._days = messages_days
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
        before_ms = milliseconds(self._now() - timedelta(days=self._days))
        deleted = 0
        for table, column, states in _OVER:
            chunk = CHUNK_ROWS
            while chunk == CHUNK_ROWS:
                chunk = await self._database.write(partial(_delete, table, _old(table, column < before_ms, states)))
                deleted += chunk
                await asyncio.sleep(PAUSE_S)
        return deleted

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.clear()
                if deleted:
                    logger.info("deleted %d messages that were older than %d days", deleted, self._days)
            except Exception:
                logger.exception("deleting old messages failed; the next round tries again")
            await asyncio.sleep(EVERY_S)


def _old(table: Table, is_old: ColumnElement[bool], states: Sequence[str]) -> Select[tuple[int]]:
    return select(table.c.id).where(is_old, table.c.state.in_(states)).order_by(table.c.id).limit(CHUNK_ROWS)


def _delete(table: Table, ids: Select[tuple[int]], tx: Connection) -> int:
    return tx.execute(delete(table).where(table.c.id.in_(ids))).rowcount
