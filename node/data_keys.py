"""The data keys: what personal data in a database is sealed under, in a file of their own that only its owner can read.

The file that ``data_key_file`` names holds one key or more, as ``beckn-battery privacy newkey`` writes it::

    {"data_keys": [{"made_at": "2026-11-20T10:00:00.000Z", "key": "…32 bytes in base64…"}, …]}

* The first key seals; each of them opens. So a key is renewed by putting another one before it.
* A sealed value is ``MARK``, eight bytes that name its key, a nonce of twelve random bytes, and what AES-256-GCM makes
  of the plain bytes. The associated data is the value's place, so that it opens nowhere else.
* What does not begin with `MARK` is plain: it was stored before there was a key. No JSON text begins with it.
* A running participant looks at the file at most once a second, and at once when it meets a key that it does not know.

Random nonces of twelve bytes are sound for 2^32 values under one key (NIST SP 800-38D, 8.3): renew it before.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.keyfile import read_secret, write_secret
from protocol.errors import SettingsWrong
from protocol.moments import timestamp_text

logger = logging.getLogger(__name__)

MARK = b"\x00"
LOOK_EVERY_S = 1.0
_KEY_BYTES = 32
_ID_BYTES = 8
_NONCE_BYTES = 12
HEAD_BYTES = len(MARK) + _ID_BYTES


class DataUnreadable(SettingsWrong):
    """A sealed value can not be opened: its key is missing, or it is not what was sealed at this place."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """One key. ``head`` is how the values begin that it sealed; ``key_id`` names it in sentences and tables."""

    head: bytes
    aead: AESGCM

    @property
    def key_id(self) -> str:
        """The key's name in hexadecimal."""
        return id_text(self.head)


class DataKeys:
    """The keys of one file, read when it is made. ``steady_s`` is a clock in seconds that never goes back.

    Raises:
        SettingsWrong: the file can not be read, others can read it, or it holds no data keys.
    """

    def __init__(self, path: Path, steady_s: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._steady_s = steady_s
        self._stamp = _stamp(path)
        self._keys = read(path)
        self._by_head = {key.head: key for key in self._keys}
        self._look_at_s = steady_s() + LOOK_EVERY_S

    @property
    def newest(self) -> DataKey:
        """The key that seals."""
        if self._steady_s() >= self._look_at_s:
            self._look()
        return self._keys[0]

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Every key's name, the newest first."""
        return tuple(key.key_id for key in self._keys)

    def seal(self, place: str, plain: bytes) -> bytes:
        """What is stored at ``place`` for these bytes."""
        key, nonce = self.newest, os.urandom(_NONCE_BYTES)
        return key.head + nonce + key.aead.encrypt(nonce, plain, place.encode())

    def open(self, place: str, stored: bytes) -> bytes:
        """The plain bytes of what was stored at ``place``; what was stored before there was a key is plain itself.

        Raises:
            DataUnreadable: the file has no such key, or these bytes were not sealed for this place.
        """
        if not is_sealed(stored):
            return stored
        head, nonce_end = stored[:HEAD_BYTES], HEAD_BYTES + _NONCE_BYTES
        if head not in self._by_head:
            self._look()
        key = self._by_head.get(head)
        if key is None:
            raise DataUnreadable(f"{place} is sealed under data key {id_text(head)}, which {self.path} does not hold")
        try:
            return key.aead.decrypt(stored[HEAD_BYTES:nonce_end], stored[nonce_end:], place.encode())
        except (InvalidTag, ValueError):
            raise DataUnreadable(f"{place} is not what was sealed there: it was changed or moved") from None

    def _look(self) -> None:
        self._look_at_s = self._steady_s() + LOOK_EVERY_S
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        try:
            keys = read(self.path)
        except SettingsWrong as error:
            logger.warning("the data keys stay as they were read: %s", error)
            return
        self._stamp, self._by_head, self._keys = stamp, {key.head: key for key in keys}, keys


def opened_plain(place: str, stored: bytes) -> bytes:
    """The same as `DataKeys.open` without any key.

    Raises:
        DataUnreadable: it is sealed.
    """
    if is_sealed(stored):
        head = id_text(stored[:HEAD_BYTES])
        raise DataUnreadable(f"{place} is sealed under data key {head}: name its file in data_key_file")
    return stored


def is_sealed(stored: bytes) -> bool:
    """Whether a stored value is sealed."""
    return stored.startswith(MARK)


def id_text(head: bytes) -> str:
    """The name of the key whose values begin so."""
    return head[len(MARK) :].hex()


def from_settings(path: Path | None) -> DataKeys | None:
    """The keys of the file that the settings name; None for no file. Raises as `DataKeys`."""
    return None if path is None else DataKeys(path)


def read(path: Path) -> tuple[DataKey, ...]:
    """The keys in a file, the newest first.

    Raises:
        SettingsWrong: as `DataKeys`.
    """
    found = tuple(_data_key(entry) for entry in _entries(path))
    if None in found or not found:
        raise SettingsWrong(f"{path}: holds no data keys; beckn-battery privacy newkey makes such a file")
    return tuple(key for key in found if key is not None)


def add_key(path: Path, now: datetime) -> DataKey:
    """Put a fresh key before the others; the file is made if there is none, and is written whole or not at all.

    Raises:
        SettingsWrong: it can not be written, or is there and is no file of data keys.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsWrong(f"{path}: can not be written: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            read(path)
        entries = _entries(path) if path.exists() else ()
        fresh = base64.b64encode(os.urandom(_KEY_BYTES)).decode()
        content = {"data_keys": [{"made_at": timestamp_text(now), "key": fresh}, *entries]}
        write_secret(path, json.dumps(content, indent=2) + "\n")
    finally:
        os.close(descriptor)
    return read(path)[0]


def _entries(path: Path) -> Sequence[Any]:
    try:
        content = json.loads(read_secret(path))
    except json.JSONDecodeError:
        raise SettingsWrong(f"{path}: is not JSON") from None
    entries = content.get("data_keys") if isinstance(content, dict) else None
    return entries if isinstance(entries, list) else ()


def _data_key(entry: Any) -> DataKey | None:
    try:
        key = base64.b64decode(entry["key"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None
    if len(key) != _KEY_BYTES:
        return None
    return DataKey(MARK + hashlib.blake2b(key, digest_size=_ID_BYTES, person=b"data key id").digest(), AESGCM(key))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
