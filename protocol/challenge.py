"""The registry's challenge (``on_subscribe``): proof that a subscriber holds its encryption key and its URL.

X25519 between the registry's key and the subscriber's gives 32 bytes that are used directly as an AES-256 key; the
challenge is padded with PKCS#7 and encrypted in ECB mode, in standard base64. Weak as that is, it is the form that the
registries in use share (INTEROP 6), and it protects nothing but a single-use random text. We only ever decrypt:
nothing that a caller chose is signed.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocol.errors import Diagnosis, Malformed

_BLOCK_BITS = 128
_CIPHERTEXT_BYTES_MAX = 4_096


def encrypt(text: str, own: X25519PrivateKey, peer: X25519PublicKey) -> str:
    """The challenge as the registry sends it: base64 of the encrypted ``text``."""
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = _cipher(own, peer).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def answer(challenge: str, own: X25519PrivateKey, peer: X25519PublicKey) -> str:
    """The plain text of a challenge.

    Raises:
        Malformed: it was not encrypted for our key by that registry.
    """
    try:
        ciphertext = base64.b64decode(challenge, validate=True)
        if not 0 < len(ciphertext) <= _CIPHERTEXT_BYTES_MAX:
            raise ValueError("length")
        decryptor = _cipher(own, peer).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except (binascii.Error, ValueError):
        raise Malformed(
            "The challenge can not be decrypted with this subscriber's encryption key and the registry's.",
            Diagnosis(rule="challenge", path="/challenge", expected="base64 of AES-256-ECB under the shared key"),
        ) from None


def _cipher(own: X25519PrivateKey, peer: X25519PublicKey) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES(own.exchange(peer)), modes.ECB())  # noqa: S305 - the registries' form, see above
