"""Lookups in the forms of other registries (INTEROP 5), answered from the same book with the same items.

*vlookup* (ONDC): ``{sender_subscriber_id, search_parameters, signature}``, the signature in the body and over
``country|domain|type|city|subscriber_id``. Since a lookup is answered to everyone, it proves nothing that we need; it
has to hold all the same.

*DeDi* (onix's ``dediregistry``): ``GET /lookup/{subscriber}/{namespace}/{key}``, one item as ``data.details``.

*PEM* (Succinct): with the header ``pub_key_format: PEM`` the public keys are told so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from protocol.errors import Diagnosis, NotAuthenticated, NotValid, UnknownRoute
from protocol.keys import KeyRecord, encryption_public_key, signing_public_key
from registry.subscriptions import LookupQuery, lookup_filter

_SIGNED = ("country", "domain", "type", "city", "subscriber_id")


@dataclass(frozen=True, slots=True)
class VLookup:
    """A lookup of ONDC's second form; ``signed`` are the bytes that its signature is over."""

    sender_id: str
    query: LookupQuery
    signed: bytes
    signature: bytes

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> VLookup:
        """The lookup that a body asks for.

        Raises:
            NotValid: a member is missing or not of its form.
        """
        sender, signature = content.get("sender_subscriber_id"), content.get("signature")
        asked = content.get("search_parameters")
        if not isinstance(sender, str):
            raise _wrong("/sender_subscriber_id", "a text", sender)
        if not isinstance(asked, dict):
            raise _wrong("/search_parameters", "an object", asked)
        try:
            raw = base64.b64decode(signature, validate=True) if isinstance(signature, str) else b""
        except (binascii.Error, ValueError):
            raw = b""
        signed = "|".join(str(asked.get(name) or "") for name in _SIGNED)
        return cls(sender, lookup_filter(asked), signed.encode("utf-8", "replace"), raw)

    def check_signature(self, records: Sequence[KeyRecord]) -> None:
        """Let it pass when one of the sender's keys made the signature.

        Raises:
            NotAuthenticated.
        """
        for record in records:
            try:
                crypto_sign_open(self.signature + self.signed, record.signing_public_key)
            except (BadSignatureError, ValueError):
                continue
            return
        expected = f"a signature by {self.sender_id[:80]} over {'|'.join(_SIGNED)}"
        raise NotAuthenticated(
            f"/signature must be {expected}.", Diagnosis("V6-signature", "/signature", expected, "another")
        )


def dedi_answer(items: Sequence[Mapping[str, object]], path: str) -> dict[str, object]:
    """The one item in DeDi's wrapping.

    Raises:
        UnknownRoute: there is none.
    """
    if not items:
        raise UnknownRoute(
            "There is no valid key of a subscriber at this address.",
            Diagnosis("route", path[:100], "a listed key", "none"),
        )
    return {"message": "Resource retrieved successfully", "data": {"details": items[0]}}


def with_pem_keys(item: Mapping[str, object]) -> dict[str, object]:
    """The item with its two public keys as PEM."""
    signing = Ed25519PublicKey.from_public_bytes(signing_public_key(str(item["signing_public_key"])))
    encryption = encryption_public_key(str(item["encr_public_key"]))
    return {**item, "signing_public_key": _pem(signing), "encr_public_key": _pem(encryption)}


def _pem(key: Ed25519PublicKey | X25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _wrong(path: str, expected: str, got: object) -> NotValid:
    shown = type(got).__name__
    return NotValid(
        f"{path} must be {expected}, but it is {shown}.", Diagnosis("registry-lookup", path, expected, shown)
    )
