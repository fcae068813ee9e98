"""Signed messages for tests, made with the product's own writer and signer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey

from energy.intervals import Interval
from energy.offers import DispatchMode, Order, Place, Provider, StorageUse
from energy.searches import SearchIntent
from energy.wire.v1.writer import write
from node.ids import new_uuid
from protocol import signing
from protocol.actions import ACTIONS, Role
from protocol.context import Context, write_body
from protocol.keys import KeyRecord, OwnKeys
from protocol.policy import SUBSCRIBED
from protocol.verification import Verified, restore

BAP_ID, BPP_ID = "bap.test", "bpp.test"
BAP_URL, BPP_URL = "http://127.0.0.1:4003/beckn", "http://127.0.0.1:4002/beckn"
DAY = datetime(2026, 11, 20, tzinfo=UTC)


def own_keys(subscriber_id: str) -> OwnKeys:
    """A fresh key pair of each kind."""
    return OwnKeys(subscriber_id, new_uuid(), SigningKey.generate(), X25519PrivateKey.generate())


def record(keys: OwnKeys, role: Role, url: str, **more: Any) -> KeyRecord:
    """The registry's record of these keys."""
    return KeyRecord(
        subscriber_id=keys.subscriber_id,
        key_id=keys.key_id,
        signing_public_key=bytes(keys.signing.verify_key),
        role=role,
        url=url,
        status=more.pop("status", SUBSCRIBED),
        **more,
    )


def use(energy_wh: int = 300_000, day: datetime = DAY) -> StorageUse:
    """Charging from 10 to 14, return from 18 to 22 of ``day``."""
    hour = timedelta(hours=1)
    charge = Interval(day + 10 * hour, day + 14 * hour)
    return StorageUse(energy_wh, charge, Interval(day + 18 * hour, day + 22 * hour))


def order(item_id: str = "battery-1", **more: Any) -> Order:
    """A ``select`` for one battery."""
    return Order(
        provider=Provider("provider-1", "Provider"),
        item_id=item_id,
        use=more.pop("use", use()),
        mode=DispatchMode.AUTOMATIC,
        **more,
    )


def intent() -> SearchIntent:
    """A search around Bengaluru."""
    wanted = use()
    return SearchIntent(
        energy_wh=wanted.energy_wh,
        charge=wanted.charge,
        giveback=wanted.giveback,
        near=Place(Decimal("12.9716"), Decimal("77.5946")),
        radius_m=40_000,
    )


def context(action: str, now: datetime, **more: Any) -> Context:
    """A context between the two test platforms."""
    made = Context(
        domain="dent:0.1.0",
        action=action,
        bap_id=BAP_ID,
        bap_uri=BAP_URL,
        bpp_id=None if action == "search" else BPP_ID,
        bpp_uri=None if action == "search" else BPP_URL,
        transaction_id=new_uuid(),
        message_id=new_uuid(),
        timestamp=now,
        ttl=ACTIONS[action].ttl,
        city_code="std:080",
        country_code="IND",
    )
    return replace(made, **more)


def select_body(now: datetime, **more: Any) -> bytes:
    """The bytes of a ``select``."""
    return write_body(context("select", now, **more), write("select", order()))


def header(body: bytes, keys: OwnKeys, now: datetime, window_s: int = 300) -> str:
    """The signature header over ``body``."""
    created = int(now.timestamp())
    return signing.sign(body, keys.signing, keys.id, created=created, expires=created + window_s)


def verified(action: str, body: bytes, sender_id: str = BAP_ID) -> Verified:
    """The message as the verifier hands it on."""
    return restore(action, sender_id, "key", None, body)
