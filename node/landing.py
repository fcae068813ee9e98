"""How sending ends: the ends of delivered letters, written down many at a time, and flights that land at the stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from node import lanes
from node.database import Database
from node.lanes import Delivery

logger = logging.getLogger(__name__)

DELIVERIES_AT_ONCE = 64


class Landings:
    """Delivered letters whose ends are not on disk yet. ``landed`` is told of those that are.

    A flight does not wait for the disk: its destination's place is free for the next letter as soon as the peer has
    answered. What a crash loses here is sent again when its lease ends, and its receiver knows the duplicate.
    """

    def __init__(self, database: Database, landed: Callable[[Sequence[Delivery]], None]) -> None:
        self._database = database
        self._landed = landed
        self._waiting: list[Delivery] = []
        self._writing: asyncio.Task[None] | None = None
        self._in_hand = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._waiting) + self._in_hand

    def add(self, delivery: Delivery) -> None:
        """Write this end down soon."""
        self._waiting.append(delivery)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def stop(self, within_s: float) -> None:
        """Write what is left."""
        if self._writing is not None:
            await land({self._writing}, within_s)

    async def _write(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:DELIVERIES_AT_ONCE], self._waiting[DELIVERIES_AT_ONCE:]
                self._in_hand = len(some)
                await self._write_down(some)
                self._in_hand = 0
                self._landed(some)
        finally:
            self._writing, self._in_hand = None, 0

    async def _write_down(self, some: Sequence[Delivery]) -> None:
        try:
            await self._database.write(lambda tx: lanes.sent(tx, some))
        except Exception:
            # Their leases end by themselves; then they are sent again, and the receivers know duplicates.
            letters = [one.letter.id for one in some]
            logger.exception("finishing delivered letters failed", extra={"letters": letters})


async def land(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    """Wait for the tasks; those that are not done within so many seconds are cancelled, and have ended on return."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
