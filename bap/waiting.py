"""Waiting for an operator's answer without asking again and again: a commit about a trade wakes its waiters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum

from sqlalchemy import Connection

from bap.store.tables import news
from node.database import Database


class Heard(Enum):
    """What has come in answer to a search so far. ``PART``: a platform has announced more pages than have come."""

    NOTHING = "nothing"
    PART = "part"
    WHOLE = "whole"


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
    database: Database,
    transaction_id: str,
    heard: Callable[[Connection], Heard],
    wait_s: float,
    *,
    quiet_s: float,
    patience_s: float,
) -> None:
    """Return once answers came and then nothing more for ``quiet_s`` seconds, or after ``wait_s`` seconds.

    Sooner when nothing comes for ``patience_s`` seconds while no answer, or not all of one, is there: who has nothing
    to offer says nothing, so that nobody can tell a search that finds nothing from one that is about to.
    """
    deadline = time.monotonic() + wait_s
    with database.watch(news(transaction_id)) as event:
        while True:
            event.clear()
            left_s = deadline - time.monotonic()
            silence_s = quiet_s if await database.read(heard) is Heard.WHOLE else patience_s
            if not await _happens(event, min(left_s, silence_s)):
                return


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), max(within_s, 0))
    except TimeoutError:
        return False
    return True
