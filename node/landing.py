"""Letting tasks that are under way come to their end, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


async def land(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    """Wait for the tasks; those that are not done within so many seconds are cancelled, and have ended on return."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
