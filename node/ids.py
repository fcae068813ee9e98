"""Ids that we mint: time-ordered integers for keys of growing tables, random UUIDs for the wire, tokens for secrets.

An index over random ids slows with its size (DESIGN 4), so inbox and outbox are keyed by time.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_WORKER_BITS = 10


class IdMint:
    """Increasing 62-bit integers: microseconds, then ten random bits of this process against another's."""

    def __init__(self) -> None:
        self._worker = secrets.randbelow(1 << _WORKER_BITS)
        self._last_us = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """A larger id than every one before from this mint."""
        with self._lock:
            self._last_us = max(self._last_us + 1, time.time_ns() // 1_000)
            return self._last_us << _WORKER_BITS | self._worker


def new_uuid() -> str:
    """A random UUID (version 4) for the wire."""
    return str(uuid.uuid4())


def new_token() -> str:
    """A secret of 256 bits, safe in URLs."""
    return secrets.token_urlsafe(32)
