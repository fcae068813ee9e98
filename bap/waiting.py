"""Waiting for an operator's answer without asking again and again: a commit about a trade wakes its waiters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sqlalchemy import Connection

from bap.store.tables import news
from node.database import Database


async def until_answered(
    database: Database, transaction_id: str, done: Callable[[Connection], bool], wait_s: float
) -> None:
    """Return once ``done`` holds, or after ``wait_s`` seconds."""
    deadline = time.monotonic() + wait_s
    with database.watch(news(transaction_id)) as event:
        while True:
            # Cleared before it is looked, so that no commit in between is missed.
            event.clear()
            if await database.read(done) or not await _happens(event, deadline - time.monotonic()):
                return


async def until_quiet(
    database: Database, transaction_id: str, any_news: Callable[[Connection], bool], wait_s: float, quiet_s: float
) -> None:
    """Return once something came and then nothing more for ``quiet_s`` seconds, or after ``wait_s`` seconds."""
    deadline = time.monotonic() + wait_s
    with database.watch(news(transaction_id)) as event:
        while True:
            event.clear()
            left_s = deadline - time.monotonic()
            patience_s = min(left_s, quiet_s) if await database.read(any_news) else left_s
            if not await _happens(event, patience_s):
                return


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), max(within_s, 0))
    except TimeoutError:
        return False
    return True
