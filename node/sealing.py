"""A secret text under a passphrase: argon2id makes the key, XSalsa20-Poly1305 (libsodium's secretbox) seals it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.utils import random

FORM = "argon2id-secretbox"


class NotOpened(ValueError):
    """The passphrase is another one, or the sealed text was changed. The sentence contains neither."""


def seal(text: str, passphrase: str) -> dict[str, str]:
    """What may be written to a disk in place of ``text``."""
    salt = random(argon2id.SALTBYTES)
    box = _box(passphrase, salt).encrypt(text.encode())
    return {"form": FORM, "salt": base64.b64encode(salt).decode(), "box": base64.b64encode(box).decode()}


def unseal(sealed: Mapping[str, object], passphrase: str) -> str:
    """The text again.

    Raises:
        NotOpened: another passphrase, or not what `seal` made.
    """
    try:
        salt, box = (base64.b64decode(str(sealed[member]), validate=True) for member in ("salt", "box"))
        if sealed["form"] != FORM or len(salt) != argon2id.SALTBYTES:
            raise NotOpened("it is not sealed in the form of this program")
        return _box(passphrase, salt).decrypt(box).decode()
    except CryptoError:
        raise NotOpened("the passphrase does not open it") from None
    except (KeyError, binascii.Error, UnicodeDecodeError):
        raise NotOpened("it is not sealed in the form of this program") from None


def _box(passphrase: str, salt: bytes) -> SecretBox:
    key = argon2id.kdf(
        SecretBox.KEY_SIZE,
        passphrase.encode(),
        salt,
        opslimit=argon2id.OPSLIMIT_INTERACTIVE,
        memlimit=argon2id.MEMLIMIT_INTERACTIVE,
    )
    return SecretBox(key)
