"""Ids that we mint: time-ordered integers for keys of growing tables, random UUIDs for the wire, tokens for secrets.

An index over random ids slows with its size (DESIGN 4), so inbox and outbox are keyed by time. Chance comes from the
operating system; a simulation puts a seeded source in its place for its own context (`chance`).
"""

from __future__ import annotations

import base64
import random
import threading
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar

_WORKER_BITS = 10
_TOKEN_BYTES = 32

chance: ContextVar[random.Random] = ContextVar("chance", default=random.SystemRandom())  # noqa: B039 - it has no state
"""Where random ids and tokens come from."""


def _wall_us() -> int:
    return time.time_ns() // 1_000


class IdMint:
    """Increasing 62-bit integers: microseconds, then ten random bits of this process against another's."""

    def __init__(self, now_us: Callable[[], int] = _wall_us) -> None:
        self._now_us = now_us
        self._worker = chance.get().randrange(1 << _WORKER_BITS)
        self._last_us = 0
        self._lock = threading.Lock()

    def go_on_after(self, known: int) -> None:
        """Give larger ids than ``known``, even if the clock was set back since it was given."""
        with self._lock:
            self._last_us = max(self._last_us, known >> _WORKER_BITS)

    def next(self) -> int:
        """A larger id than every one before from this mint."""
        with self._lock:
            self._last_us = max(self._last_us + 1, self._now_us())
            return self._last_us << _WORKER_BITS | self._worker


def new_uuid() -> str:
    """A random UUID (version 4) for the wire."""
    return str(uuid.UUID(int=chance.get().getrandbits(128), version=4))


def new_token() -> str:
    """A secret of 256 bits, safe in URLs."""
    return base64.urlsafe_b64encode(chance.get().randbytes(_TOKEN_BYTES)).rstrip(b"=").decode()
