"""Key pairs, key ids and public key records: Ed25519 for signatures, X25519 for the registry's challenge.

Public keys arrive raw (32 bytes) or as DER SPKI, private ones as 32-byte seeds, 64-byte libsodium secrets or DER
PKCS#8, all in standard base64, and the DER forms as PEM too (INTEROP 1 and 6). Small-order and non-canonical Ed25519
keys are refused here, on import: some libraries accept one constant signature on any message under such a key.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.signing import SigningKey

from protocol.actions import Role

ALGORITHM = "ed25519"
KEY_ID_NAMES = ("key_id", "ukId", "ukid", "unique_key_id", "pub_key_id")
"""What registries and their callers call a key's id (INTEROP 5)."""
KEY_BYTES = 32
_SECRET_BYTES = 64
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
_SPKI_X25519 = bytes.fromhex("302a300506032b656e032100")
_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
_PKCS8_X25519 = bytes.fromhex("302e020100300506032b656e04220420")
_PEM = re.compile(r"\s*-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_ANY_X25519_KEY = X25519PrivateKey.from_private_bytes(bytes(KEY_BYTES))


class KeyUnusable(ValueError):
    """A text that is no usable key. The sentence never contains the key."""


@dataclass(frozen=True, slots=True)
class KeyId:
    """The ``keyId`` of a signature header: ``subscriber|key|ed25519``; two-part ids carry no key (INTEROP 1)."""

    subscriber_id: str
    key_id: str | None

    @property
    def text(self) -> str:
        """The three-part form that we write."""
        return f"{self.subscriber_id}|{self.key_id}|{ALGORITHM}"


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """A participant's private keys. ``repr`` shows none of them."""

    subscriber_id: str
    key_id: str
    signing: SigningKey = field(repr=False)
    encryption: X25519PrivateKey = field(repr=False)

    @property
    def id(self) -> KeyId:
        """What goes into ``keyId``."""
        return KeyId(self.subscriber_id, self.key_id)

    @property
    def signing_public_b64(self) -> str:
        """Raw 32 bytes in base64, as the registry holds it."""
        return base64.b64encode(bytes(self.signing.verify_key)).decode()

    @property
    def encryption_public_b64(self) -> str:
        """Raw 32 bytes in base64, as the registry holds it."""
        return base64.b64encode(self.encryption.public_key().public_bytes_raw()).decode()


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key of one subscriber as the registry knows it; times are wire time, None means unbounded."""

    subscriber_id: str
    key_id: str
    signing_public_key: bytes
    role: Role
    url: str
    status: str
    domain: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def _decoded(text: str, what: str, prefix: bytes) -> bytes:
    """The bytes of a key; those of DER (or PEM) that begin with ``prefix`` are its last 32."""
    pem = _PEM.fullmatch(text)
    try:
        raw = base64.b64decode("".join(pem[2].split()) if pem else text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnusable(f"the {what} is not standard base64") from None
    if len(raw) == len(prefix) + KEY_BYTES and raw.startswith(prefix):
        return raw[-KEY_BYTES:]
    if pem is not None:
        raise KeyUnusable(f"the PEM holds another key than the {what}")
    return raw


def signing_public_key(text: str) -> bytes:
    """The raw 32 bytes of an Ed25519 public key.

    Raises:
        KeyUnusable: not base64, not 32 bytes (or SPKI), not a canonical point, or one of small order.
    """
    raw = _decoded(text, "signing public key", _SPKI_ED25519)
    if len(raw) != KEY_BYTES:
        raise KeyUnusable(f"the signing public key has {len(raw)} bytes, not {KEY_BYTES}")
    if not crypto_core_ed25519_is_valid_point(raw):
        raise KeyUnusable("the signing public key is not a canonical point of the main subgroup")
    return raw


def signing_private_key(text: str) -> SigningKey:
    """A signing key from a 32-byte seed, a 64-byte libsodium secret, or DER PKCS#8 (whose last 32 bytes are the seed).

    Raises:
        KeyUnusable: none of the three, or a secret whose second half is not the public key of its first.
    """
    raw = _decoded(text, "signing private key", _PKCS8_ED25519)
    if len(raw) not in {KEY_BYTES, _SECRET_BYTES}:
        raise KeyUnusable(f"the signing private key has {len(raw)} bytes, not 32 or 64")
    key = SigningKey(raw[:KEY_BYTES])
    if len(raw) == _SECRET_BYTES and raw[KEY_BYTES:] != bytes(key.verify_key):
        raise KeyUnusable("the two halves of the signing private key do not belong together")
    return key


def encryption_public_key(text: str) -> X25519PublicKey:
    """An X25519 public key, raw or DER SPKI.

    Raises:
        KeyUnusable: neither of the two, or a point of small order, under which no secret can be shared.
    """
    raw = _decoded(text, "encryption public key", _SPKI_X25519)
    if len(raw) != KEY_BYTES:
        raise KeyUnusable(f"the encryption public key has {len(raw)} bytes, not {KEY_BYTES}")
    key = X25519PublicKey.from_public_bytes(raw)
    try:
        _ANY_X25519_KEY.exchange(key)
    except ValueError:
        raise KeyUnusable("the encryption public key is a point of small order") from None
    return key


def encryption_private_key(text: str) -> X25519PrivateKey:
    """An X25519 private key, raw or DER PKCS#8 (whose last 32 bytes it is).

    Raises:
        KeyUnusable: neither of the two.
    """
    raw = _decoded(text, "encryption private key", _PKCS8_X25519)
    if len(raw) != KEY_BYTES:
        raise KeyUnusable(f"the encryption private key has {len(raw)} bytes, not {KEY_BYTES} or PKCS#8")
    return X25519PrivateKey.from_private_bytes(raw)
