"""A participant's own keys and the way of each: pending, current, overlap, retired. Pure.

1. A new key is *pending* until the registry lists it: nothing is signed with it.
2. Then it is *current*, and everything is signed with it; the one before it is in *overlap*.
3. A key in overlap signs nothing, but stays valid at the registry, for messages under way, until ``ends_at``.
4. Then the registry is told, and it is *retired*: its private halves are forgotten.

There is one current key at any time, and at most one pending one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from protocol.errors import SettingsWrong
from protocol.keys import OwnKeys


class KeyState(StrEnum):
    """Where a key is on its way."""

    PENDING = "pending"
    CURRENT = "current"
    OVERLAP = "overlap"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key; ``own`` None: retired. ``changed_at`` is when it came to its state, ``ends_at`` the overlap's end."""

    key_id: str
    state: KeyState
    changed_at: datetime
    own: OwnKeys | None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyBook:
    """All keys of one subscriber, the oldest first. Every method gives a new book."""

    subscriber_id: str
    keys: tuple[StoredKey, ...]

    @property
    def current(self) -> OwnKeys:
        """The key to sign with.

        Raises:
            SettingsWrong: the book has none, or several.
        """
        current = self._in(KeyState.CURRENT)
        if len(current) != 1:
            raise SettingsWrong(f"the keys of {self.subscriber_id}: {len(current)} of them are current, not one")
        return current[0]

    @property
    def pending(self) -> OwnKeys | None:
        """The key that the registry has to be told of."""
        return next(iter(self._in(KeyState.PENDING)), None)

    @property
    def held(self) -> tuple[OwnKeys, ...]:
        """Every key whose private halves are still there."""
        return tuple(key.own for key in self.keys if key.own is not None)

    def ended(self, now: datetime) -> list[OwnKeys]:
        """The keys whose overlap is over, which the registry has to be told."""
        return [key.own for key in self.keys if key.own is not None and key.ends_at is not None and key.ends_at <= now]

    def rotated(self, fresh: OwnKeys, now: datetime) -> KeyBook:
        """With a new key, pending.

        Raises:
            SettingsWrong: one is pending already.
        """
        if self.pending is not None:
            raise SettingsWrong(f"key {self.pending.key_id} is still pending: it has to become current first")
        return replace(self, keys=(*self.keys, StoredKey(fresh.key_id, KeyState.PENDING, now, fresh)))

    def adopted(self, now: datetime, overlap: timedelta) -> KeyBook:
        """The pending key is current from now on, and the current one in overlap."""

        def moved(key: StoredKey) -> StoredKey:
            if key.state is KeyState.CURRENT:
                return replace(key, state=KeyState.OVERLAP, changed_at=now, ends_at=now + overlap)
            if key.state is KeyState.PENDING:
                return replace(key, state=KeyState.CURRENT, changed_at=now)
            return key

        if self.pending is None:
            return self
        return replace(self, keys=tuple(map(moved, self.keys)))

    def ending(self, key_id: str, now: datetime) -> KeyBook:
        """The overlap of that key ends now.

        Raises:
            SettingsWrong: it is in no overlap.
        """
        key = next((key for key in self.keys if key.key_id == key_id), None)
        if key is None:
            raise SettingsWrong(f"{self.subscriber_id} has no key {key_id[:80]}")
        if key.state is not KeyState.OVERLAP:
            raise SettingsWrong(f"key {key_id} is {key.state}: only a key in overlap can be retired; rotate first")
        return self._with(replace(key, ends_at=now))

    def retired(self, key_id: str, now: datetime) -> KeyBook:
        """Without the private halves of that key."""
        return self._with(StoredKey(key_id, KeyState.RETIRED, now, None))

    def _in(self, state: KeyState) -> list[OwnKeys]:
        return [key.own for key in self.keys if key.state is state and key.own is not None]

    def _with(self, changed: StoredKey) -> KeyBook:
        return replace(self, keys=tuple(changed if key.key_id == changed.key_id else key for key in self.keys))


def first_book(own: OwnKeys, now: datetime) -> KeyBook:
    """A book with one key, the current one."""
    return KeyBook(own.subscriber_id, (StoredKey(own.key_id, KeyState.CURRENT, now, own),))
