"""A participant's private keys on disk: one JSON file, readable by its owner alone, sealed where a passphrase is set.

It holds the whole `node.keybook.KeyBook`, or one key without a state, as a person brings it from another platform::

    {"subscriber_id": "bpp.example", "key_id": "…", "signing_private_key": "…", "encr_private_key": "…"}

The running participant and ``beckn-battery keys`` both change it: each
change is made under a lock and written whole or not at all. No sentence of an error contains what the file holds.

The passphrase is the first line of a file of its own, which is read anew each time, so that it can change while the
participant runs; the lines behind it still open. Whoever changes it writes the new one before the old one, seals the
key file anew, and then takes the old one away: killed anywhere, both files still fit.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey

from node.ids import new_uuid
from node.keybook import KeyBook, KeyState, StoredKey, first_book
from node.sealing import NotOpened, seal, unseal
from protocol.errors import SettingsWrong
from protocol.keys import KeyUnusable, OwnKeys, encryption_private_key, signing_private_key
from protocol.moments import parse_timestamp, timestamp_text

FILE = "keys.json"
_SEALED = "sealed"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class KeyFile:
    """The key file of one subscriber; ``passphrase_file`` None: it is not sealed."""

    def __init__(self, path: Path, subscriber_id: str, passphrase_file: Path | None = None) -> None:
        self.path = path
        self._subscriber_id = subscriber_id
        self._passphrase_file = passphrase_file
        self._seen: tuple[int, int, int] | None = None

    def load_or_make(self, now: datetime) -> KeyBook:
        """The keys; made on the first start, and sealed on the first one with a passphrase. Raises as `read`."""
        with self._locked():
            if not self.path.exists():
                self._write(first_book(make_keys(self._subscriber_id), now))
            elif self._passphrase_file is not None and _SEALED not in _read_json(self.path):
                self._write(self.read())
            return self.read()

    def seal_under(self, passphrase: str) -> None:
        """Seal the file under another passphrase, which is in the passphrase's file afterwards.

        Raises:
            SettingsWrong: as `read`, or there is no passphrase's file, or it can not be written. Nothing is changed.
        """
        path = self._named_passphrase_file()
        with self._locked():
            book, known = self.read(), passphrases_of(path)
            write_passphrases(path, passphrase, *known)
            self._write(book)
            write_passphrases(path, passphrase)

    def write_plain(self) -> None:
        """Write the file plain. Raises as `read`; SettingsWrong: there is no passphrase's file."""
        self._named_passphrase_file()
        with self._locked():
            write_secret(self.path, _plain(self.read()))

    def _named_passphrase_file(self) -> Path:
        if self._passphrase_file is None:
            raise SettingsWrong(f"{self.path}: is not sealed; name a file with a passphrase in keys.passphrase_file")
        return self._passphrase_file

    def read(self) -> KeyBook:
        """The keys.

        Raises:
            SettingsWrong: the file can not be read, others can read it, it is sealed with another passphrase or without
                one being set, or it holds no keys for this subscriber.
        """
        self._seen = self._stamp()
        content = _read_json(self.path)
        if _SEALED in content:
            content = self._unsealed(content[_SEALED])
        try:
            book = _book(content)
        except KeyUnusable as error:
            raise SettingsWrong(f"{self.path}: {error}") from None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise SettingsWrong(f"{self.path}: is no key file of this program") from None
        if book.subscriber_id != self._subscriber_id:
            raise SettingsWrong(f"{self.path}: holds the keys of {book.subscriber_id}, not of {self._subscriber_id}")
        _ = book.current  # A book without exactly one current key is refused here, not at the first signature.
        return book

    def change(self, fn: Callable[[KeyBook], KeyBook]) -> KeyBook:
        """Write what ``fn`` makes of the book, and return it. Raises as `read`, and what ``fn`` raises."""
        with self._locked():
            before = self.read()
            after = fn(before)
            if after != before:
                self._write(after)
            return after

    @property
    def changed(self) -> bool:
        """Whether somebody has written it since it was read."""
        return self._stamp() != self._seen

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _write(self, book: KeyBook) -> None:
        text = _plain(book)
        if self._passphrase_file is not None:
            text = json.dumps({_SEALED: seal(text, passphrases_of(self._passphrase_file)[0])}, indent=2) + "\n"
        write_secret(self.path, text)

    def _unsealed(self, sealed: object) -> dict[str, Any]:
        if self._passphrase_file is None:
            raise SettingsWrong(f"{self.path}: is sealed; name the file of its passphrase in keys.passphrase_file")
        if not isinstance(sealed, dict):
            raise SettingsWrong(f"{self.path}: is no key file of this program")
        reason = ""
        for passphrase in passphrases_of(self._passphrase_file):
            try:
                return _object(unseal(sealed, passphrase), self.path)
            except NotOpened as error:
                reason = str(error)
        raise SettingsWrong(f"{self.path}: {reason}")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsWrong(f"{self.path}: can not be locked: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def load_or_make(data_dir: Path, subscriber_id: str, passphrase_file: Path | None = None) -> OwnKeys:
    """The current key of the file in ``data_dir``; made on the first start.

    Raises:
        SettingsWrong: as `KeyFile.read`.
    """
    return KeyFile(data_dir / FILE, subscriber_id, passphrase_file).load_or_make(datetime.now(UTC)).current


def load(path: Path, subscriber_id: str) -> OwnKeys:
    """The current key of a file that is not sealed. Raises as `KeyFile.read`."""
    return KeyFile(path, subscriber_id).read().current


def make_keys(subscriber_id: str) -> OwnKeys:
    """Two fresh key pairs under a fresh key id."""
    return OwnKeys(subscriber_id, new_uuid(), SigningKey.generate(), X25519PrivateKey.generate())


def passphrases_of(path: Path) -> tuple[str, ...]:
    """The passphrases in a file of mode 0600, one a line: the first seals, each opens.

    Raises:
        SettingsWrong: unreadable, readable by others, or empty.
    """
    lines = tuple(line.strip() for line in read_secret(path).splitlines() if line.strip())
    if not lines:
        raise SettingsWrong(f"{path}: holds no passphrase")
    return lines


def write_passphrases(path: Path, *passphrases: str) -> None:
    """Write such a file.

    Raises:
        SettingsWrong: it can not be written.
    """
    try:
        write_secret(path, "".join(f"{passphrase}\n" for passphrase in passphrases))
    except OSError as error:
        raise SettingsWrong(f"{path}: can not be written: {error.strerror}") from None


def write_secret(path: Path, content: str) -> None:
    """Write a new file that only its owner can read; whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_secret(path: Path) -> str:
    """The text of a secret file.

    Raises:
        SettingsWrong: unreadable, or others than its owner can read it.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingsWrong(f"{path}: others can read it; run chmod 600 on it")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{path}: can not be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def _read_json(path: Path) -> dict[str, Any]:
    return _object(read_secret(path), path)


def _object(text: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        raise SettingsWrong(f"{path}: is not JSON") from None
    if not isinstance(content, dict):
        raise SettingsWrong(f"{path}: is no key file of this program")
    return content


def _plain(book: KeyBook) -> str:
    content = {"subscriber_id": book.subscriber_id, "keys": [_entry(key) for key in book.keys]}
    return json.dumps(content, indent=2) + "\n"


def _entry(key: StoredKey) -> dict[str, str]:
    entry = {"key_id": key.key_id, "state": key.state.value, "changed_at": timestamp_text(key.changed_at)}
    if key.ends_at is not None:
        entry["ends_at"] = timestamp_text(key.ends_at)
    if key.own is not None:
        entry["signing_private_key"] = base64.b64encode(bytes(key.own.signing)).decode()
        entry["encr_private_key"] = base64.b64encode(key.own.encryption.private_bytes_raw()).decode()
    return entry


def _book(content: Mapping[str, Any]) -> KeyBook:
    subscriber_id = content["subscriber_id"]
    if "keys" not in content:
        return first_book(_own(subscriber_id, content), _LONG_AGO)
    return KeyBook(subscriber_id, tuple(_stored(subscriber_id, entry) for entry in content["keys"]))


def _stored(subscriber_id: str, entry: Mapping[str, str]) -> StoredKey:
    state, ends_at = KeyState(entry["state"]), entry.get("ends_at")
    return StoredKey(
        key_id=entry["key_id"],
        state=state,
        changed_at=parse_timestamp(entry["changed_at"]),
        own=None if state is KeyState.RETIRED else _own(subscriber_id, entry),
        ends_at=None if ends_at is None else parse_timestamp(ends_at),
    )


def _own(subscriber_id: str, entry: Mapping[str, str]) -> OwnKeys:
    return OwnKeys(
        subscriber_id=subscriber_id,
        key_id=entry["key_id"],
        signing=signing_private_key(entry["signing_private_key"]),
        encryption=encryption_private_key(entry["encr_private_key"]),
    )
