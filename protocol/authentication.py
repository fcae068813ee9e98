"""Whose signature it is: checks 4 to 6 of `protocol.verification`, for every signed request of the network.

    4  time window: not before ``created`` (clock skew allowed), not after ``expires``, not longer than the policy
    5  the key is known, valid now and until ``expires``, and its subscriber is SUBSCRIBED
    6  the signature is over this raw body's digest

Source: BECKN-006, INTEROP 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from protocol import signing
from protocol.errors import Diagnosis, NotAuthenticated
from protocol.keys import KeyRecord
from protocol.moments import timestamp_text
from protocol.policy import SUBSCRIBED, Policy
from protocol.signing import SignatureHeader


def authenticate(
    header: SignatureHeader,
    digest: bytes,
    records: Sequence[KeyRecord],
    policy: Policy,
    now: datetime,
    name: str = signing.AUTHORIZATION,
) -> KeyRecord:
    """Checks 4 to 6 of one signature: the record whose key made it. ``name`` is the header's, for the diagnosis.

    Raises:
        NotAuthenticated: the reason of the last record tried.
    """
    _check_window(header, policy, now, name)
    refusal: NotAuthenticated | None = None
    for record in records:
        try:
            _check_key(record, header, now, name)
            _check_signature(record, header, digest, name)
        except NotAuthenticated as error:
            refusal = error
        else:
            return record
    shown = f"{header.key_id.subscriber_id}|{header.key_id.key_id or '(any key)'}"
    raise refusal or refused("V5-key", name, "a key that the registry holds", shown)


def _check_window(header: SignatureHeader, policy: Policy, now: datetime, name: str) -> None:
    now_s = now.timestamp()
    if header.created > now_s + policy.clock_skew_s:
        raise refused("V4-window", name, f"created at or before {int(now_s)}", str(header.created))
    if header.expires < now_s:
        raise refused("V4-window", name, f"expires at or after {int(now_s)}", str(header.expires))
    if not 0 < header.expires - header.created <= policy.max_window_s:
        got = str(header.expires - header.created)
        raise refused("V4-window", name, f"a window of 1 to {policy.max_window_s} seconds", got)


def _check_key(record: KeyRecord, header: SignatureHeader, now: datetime, name: str) -> None:
    if record.status != SUBSCRIBED:
        raise refused("V5-key", name, "a subscriber that is SUBSCRIBED", record.status)
    if record.valid_from is not None and now < record.valid_from:
        raise refused("V5-key", name, "a key that is valid now", f"from {timestamp_text(record.valid_from)}")
    if record.valid_until is None:
        return
    if now >= record.valid_until:
        raise refused("V5-key", name, "a key that is valid now", f"until {timestamp_text(record.valid_until)}")
    if datetime.fromtimestamp(header.expires, UTC) > record.valid_until:
        raise refused("V4-window", name, "expires within the key's validity", str(header.expires))


def _check_signature(record: KeyRecord, header: SignatureHeader, digest: bytes, name: str) -> None:
    for label in signing.LABELS:
        signed = header.signature + signing.signing_string(header.created, header.expires, digest, label)
        try:
            crypto_sign_open(signed, record.signing_public_key)
        except BadSignatureError:
            continue
        return
    key = f"{record.subscriber_id}|{record.key_id}"
    raise refused("V6-signature", name, f"a signature by {key} over these exact bytes", "another signature")


def refused(rule: str, name: str, expected: str, got: str) -> NotAuthenticated:
    """The refusal of a signature by one of these checks; ``name`` is the header's."""
    return NotAuthenticated(
        f"The {name} header needs {expected}; it has {got[:200]}.",
        Diagnosis(rule=rule, path=name, expected=expected, got=got[:200]),
    )
