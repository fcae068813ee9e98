"""A participant's private keys on disk: one JSON file, readable by its owner alone."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey

from node.ids import new_uuid
from protocol.errors import SettingsWrong
from protocol.keys import KeyUnusable, OwnKeys, encryption_private_key, signing_private_key

FILE = "keys.json"


def load_or_make(data_dir: Path, subscriber_id: str) -> OwnKeys:
    """The keys in ``data_dir``; made on the first start.

    Raises:
        SettingsWrong: the file can not be read, others can read it, or it holds no keys for this subscriber.
    """
    path = data_dir / FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, _new_keys(subscriber_id))
    return load(path, subscriber_id)


def load(path: Path, subscriber_id: str) -> OwnKeys:
    """The keys of a file. Raises as `load_or_make`."""
    content = _read_json(path)
    try:
        if content["subscriber_id"] != subscriber_id:
            raise SettingsWrong(f"{path}: holds the keys of {content['subscriber_id']}, not of {subscriber_id}")
        return OwnKeys(
            subscriber_id=subscriber_id,
            key_id=content["key_id"],
            signing=signing_private_key(content["signing_private_key"]),
            encryption=encryption_private_key(content["encr_private_key"]),
        )
    except KeyUnusable as error:
        raise SettingsWrong(f"{path}: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise SettingsWrong(f"{path}: is no key file of this program") from None


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
        raise SettingsWrong(f"{path}: can not be read: {getattr(error, 'strerror', None) or error}") from None


def _read_json(path: Path) -> dict[str, str]:
    try:
        content = json.loads(read_secret(path))
    except json.JSONDecodeError:
        raise SettingsWrong(f"{path}: is not JSON") from None
    if not isinstance(content, dict):
        raise SettingsWrong(f"{path}: is no key file of this program")
    return content


def _new_keys(subscriber_id: str) -> str:
    content = {
        "subscriber_id": subscriber_id,
        "key_id": new_uuid(),
        "signing_private_key": base64.b64encode(bytes(SigningKey.generate())).decode(),
        "encr_private_key": base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode(),
    }
    return json.dumps(content, indent=2) + "\n"
