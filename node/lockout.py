"""How long who gave wrong passwords has to wait: pure, with a bounded number of names.

From the ``free``-th failure in a row on there is a wait: one second, doubled by each further one up to ``most``. A
right password ends the row, and so does an hour's quiet. Accounts that do not exist are counted like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

NAMES_MAX = 10_000
FORGOTTEN_AFTER = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True)
class _Row:
    failures: int
    last_at: datetime


class Lockout:
    """The failures of each name: an account's or an address's."""

    def __init__(self, free: int, most: timedelta, names_max: int = NAMES_MAX) -> None:
        self._free = free
        self._most = most
        self._names_max = names_max
        self._rows: dict[str, _Row] = {}

    def wait_s(self, name: str, now: datetime) -> int:
        """Whole seconds until the next attempt counts; 0: now."""
        row = self._rows.get(name)
        if row is None or row.failures < self._free:
            return 0
        doublings = min(row.failures - self._free, _DOUBLINGS_MAX)
        delay = min(_SECOND * (1 << doublings), self._most)
        return max(-((now - row.last_at - delay) // _SECOND), 0)

    def failed(self, name: str, now: datetime) -> None:
        """One more wrong password."""
        row = self._rows.pop(name, None)
        failures = 0 if row is None or now - row.last_at >= FORGOTTEN_AFTER else row.failures
        if len(self._rows) >= self._names_max:
            self._rows.pop(next(iter(self._rows)))
        self._rows[name] = _Row(failures + 1, now)

    def forgive(self, name: str) -> None:
        """The last one was none; those before it stay."""
        row = self._rows.get(name)
        if row is not None:
            self._rows[name] = _Row(max(row.failures - 1, 0), row.last_at)

    def succeeded(self, name: str) -> None:
        """The row of failures is over."""
        self._rows.pop(name, None)
