"""Signed webhooks of a payment gateway, as the Standard Webhooks specification has them.

``Webhook-Signature`` is ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``; several, with a space
between, while a secret is changed. Whoever has not the secret can not forge one. One that is sent again is refused by
its timestamp when that is `TOLERANCE_S` ago, and before by its id, which is the caller's to remember.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_S = 300
ID, TIMESTAMP, SIGNATURE = "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"
_VERSION = "v1"
_PREFIX = "whsec_"
_KEY_BYTES_MIN = 24
_ID_LENGTH_MAX = 255


class WebhookRefused(Exception):
    """It is not what the gateway signed, or not now. ``sentence`` says which."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def secret_key(text: str) -> bytes:
    """The key of a secret as a gateway shows it: ``whsec_`` and base64.

    Raises:
        ValueError: it is none, or shorter than 24 bytes.
    """
    try:
        key = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook secret is whsec_ and base64") from None
    if len(key) < _KEY_BYTES_MIN:
        raise ValueError(f"a webhook secret has at least {_KEY_BYTES_MIN} bytes")
    return key


def signed(key: bytes, event_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of a webhook."""
    signature = base64.b64encode(_mac(key, event_id, str(timestamp_s), body)).decode()
    return {ID: event_id, TIMESTAMP: str(timestamp_s), SIGNATURE: f"{_VERSION},{signature}"}


def verify(key: bytes, headers: Mapping[str, str], body: bytes, now_s: int) -> str:
    """The id of a webhook that is genuine and recent; ``now_s`` is wire time in seconds since the epoch.

    Raises:
        WebhookRefused: a header is missing or wrong, it was not signed with this key, or not within five minutes.
    """
    event_id, timestamp, given = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (0 < len(event_id) <= _ID_LENGTH_MAX and timestamp.isascii() and timestamp.isdigit() and given):
        raise WebhookRefused(f"Send {ID}, {TIMESTAMP} and {SIGNATURE}.")
    expected = _mac(key, event_id, timestamp, body)
    if not any(hmac.compare_digest(expected, signature) for signature in _signatures(given)):
        raise WebhookRefused("The signature is not that of this event under the shared secret.")
    if abs(now_s - int(timestamp[:12])) > TOLERANCE_S:
        raise WebhookRefused(
            f"The event was signed more than {TOLERANCE_S} s from now: it is sent again, or a clock is wrong."
        )
    return event_id


def _mac(key: bytes, event_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.new(key, b".".join((event_id.encode(), timestamp.encode(), body)), hashlib.sha256).digest()


def _signatures(header: str) -> list[bytes]:
    found = []
    for part in header.split(" ")[:5]:
        version, _, text = part.partition(",")
        if version == _VERSION:
            try:
                found.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found
