"""Two platforms, a gateway and the registry that knows them, in memory: the parties of the protocol's tests.

`delivery` makes one POST as it should be; a test changes one thing about it and looks whether it is still admitted.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nacl.signing import SigningKey

from protocol import signing, verification
from protocol.actions import ACTIONS, Role
from protocol.context import Context, write_context
from protocol.errors import Refused
from protocol.keys import KeyId, KeyRecord
from protocol.policy import Identity, Policy
from protocol.verification import Verified

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
DOMAIN = "dent:0.1.0"
TRANSACTION_ID = "0b6b1f0e-7a55-4c1e-9d2c-5d0c8d6a7a01"
MESSAGE_ID = "5a3f7e52-31d6-4a06-8a44-7f0a4f6f2b02"
POLICY = Policy()


@dataclass(frozen=True)
class Party:
    """A participant with one signing key."""

    subscriber_id: str
    role: Role
    url: str
    key: SigningKey
    key_id: str = "key-1"

    @property
    def identity(self) -> Identity:
        """What the participant knows about itself."""
        return Identity(self.subscriber_id, self.role, self.url)

    def record(self, **changes: Any) -> KeyRecord:
        """What the registry holds about it."""
        public_key = bytes(self.key.verify_key)
        record = KeyRecord(self.subscriber_id, self.key_id, public_key, self.role, self.url, "SUBSCRIBED", DOMAIN)
        return replace(record, **changes)

    def sign(self, body: bytes, *, created: int = NOW_S, expires: int = NOW_S + 300) -> str:
        """A signature header for ``body``."""
        return signing.sign(body, self.key, KeyId(self.subscriber_id, self.key_id), created=created, expires=expires)


def party(name: str, role: Role, key_name: str = "") -> Party:
    """The participant of that name; its key is made from the name."""
    key = SigningKey(hashlib.sha256(f"{name}{key_name}".encode()).digest())
    return Party(f"{name}.example", role, f"https://{name}.example/beckn", key, key_name or "key-1")


PRODUCER = party("producer", Role.BAP)
OTHER_PRODUCER = party("other-producer", Role.BAP)
OPERATOR = party("operator", Role.BPP)
OTHER_OPERATOR = party("other-operator", Role.BPP)
GATEWAY = party("gateway", Role.BG)
STRANGER = party("stranger", Role.BAP)
REGISTRY = tuple(known.record() for known in (PRODUCER, OTHER_PRODUCER, OPERATOR, OTHER_OPERATOR, GATEWAY))

MESSAGES: Mapping[str, Mapping[str, Any]] = {
    "search": {"intent": {"item": {"descriptor": {"code": "energy-storage"}}}},
    "on_search": {"catalog": {"descriptor": {"name": "Batteries of Bengaluru"}}},
    "select": {"order": {"provider": {"id": "operator"}, "items": [{"id": "battery-7"}]}},
    "on_select": {
        "order": {"provider": {"id": "operator"}, "quote": {"price": {"currency": "INR", "value": "5610.90"}}}
    },
    "status": {"order_id": "order-1"},
    "on_status": {"order": {"id": "order-1", "status": "ACTIVE"}},
}


@dataclass(frozen=True)
class Delivery:
    """One POST as it reaches a participant, and what that participant knows when it comes."""

    action: str
    headers: Mapping[str, str]
    body: bytes
    own: Identity
    records: tuple[KeyRecord, ...] = REGISTRY
    now: datetime = NOW
    policy: Policy = POLICY

    def admit(self) -> Verified:
        """All checks that are pure, as `node` runs them."""
        claims = verification.read(self.action, self.headers, self.body, self.policy)
        senders = known_keys(self.records, claims.authorization.key_id)
        gateways = known_keys(self.records, claims.gateway.key_id) if claims.gateway else []
        verified = verification.judge(claims, senders, gateways, self.own, self.policy, self.now)
        verification.accept(verified, self.now, self.policy)
        return verified

    def with_headers(self, **changes: str | None) -> Delivery:
        """The same POST with other headers (``_`` stands for ``-``); None takes one away."""
        headers = dict(self.headers)
        for name, value in changes.items():
            if value is None:
                del headers[name.replace("_", "-")]
            else:
                headers[name.replace("_", "-")] = value
        return replace(self, headers=headers)

    def signed(self, signature: bytes) -> Delivery:
        """The same POST with other signature bytes in an otherwise right header."""
        good = base64.b64encode(signing.parse_header(self.headers["authorization"]).signature).decode()
        instead = base64.b64encode(signature).decode()
        return self.with_headers(authorization=self.headers["authorization"].replace(good, instead))

    def through(self, gateway: Party, *, created: int = NOW_S, expires: int = NOW_S + 300) -> Delivery:
        """The same POST with a header of that gateway on top."""
        return self.with_headers(x_gateway_authorization=gateway.sign(self.body, created=created, expires=expires))

    def knowing(self, *records: KeyRecord) -> Delivery:
        """The same POST where the registry holds only these records."""
        return replace(self, records=records)


def known_keys(records: Iterable[KeyRecord], key_id: KeyId) -> list[KeyRecord]:
    """The registry's answer for a key id; without a key, all keys of the subscriber."""
    return [
        record
        for record in records
        if record.subscriber_id == key_id.subscriber_id and key_id.key_id in {None, record.key_id}
    ]


def content(action: str, /, **changes: Any) -> dict[str, Any]:
    """A message between `PRODUCER` and `OPERATOR` with ``changes`` to its context; None takes a member away."""
    wire = write_context(
        Context(
            domain=DOMAIN,
            action=action,
            bap_id=PRODUCER.subscriber_id,
            bap_uri=PRODUCER.url,
            bpp_id=None if action == "search" else OPERATOR.subscriber_id,
            bpp_uri=None if action == "search" else OPERATOR.url,
            transaction_id=TRANSACTION_ID,
            message_id=MESSAGE_ID,
            timestamp=NOW,
            ttl=timedelta(seconds=30),
        )
    )
    changed = {name: value for name, value in (wire | changes).items() if value is not None}
    return {"context": changed, "message": MESSAGES[action]}


def delivery(action: str, /, *, signer: Party | None = None, own: Party | None = None, **changes: Any) -> Delivery:
    """That message on its way, signed by who should sign it and received by who should receive it."""
    return delivery_of(action, as_bytes(content(action, **changes)), signer=signer, own=own)


def delivery_of(action: str, body: bytes, *, signer: Party | None = None, own: Party | None = None) -> Delivery:
    """These very bytes on their way."""
    by_producer = ACTIONS[action].sender is Role.BAP
    sender = signer or (PRODUCER if by_producer else OPERATOR)
    receiver = own or (OPERATOR if by_producer else PRODUCER)
    headers = {"content-type": "application/json", "authorization": sender.sign(body)}
    return Delivery(action, headers, body, receiver.identity)


def as_bytes(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def assert_refused(post: Delivery, error: type[Refused], rule: str) -> Refused:
    """The post is refused with exactly that error and diagnosis rule; the refusal is handed back."""
    with pytest.raises(error) as caught:
        post.admit()
    assert type(caught.value) is error
    assert caught.value.diagnosis.rule == rule
    assert caught.value.sentence
    return caught.value
