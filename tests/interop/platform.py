"""A platform of ours before a scripted registry of another make, which answers lookups in any form that a test says."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import func, select

from node.inbox import Decision, Received
from node.participant import Participant
from node.problems import json_response
from node.settings import AnswerSettings, NodeSettings, RegistrySettings
from node.tables import inbox
from protocol.actions import Role, received_by
from protocol.errors import TradeRefused
from protocol.keys import OwnKeys
from protocol.moments import timestamp_text
from tests import messages
from tests.journeys.subscriber import Reply, send
from tests.messages import BAP_ID, BAP_URL, BPP_ID, own_keys
from tests.peers import LOCAL, Arrival, Peer, peer
from tests.ports import free_port

GATEWAY_ID = "gateway.test"
DOMAIN = "dent:0.1.0"


@dataclass
class Registry:
    """``items`` is what a lookup is answered with, whatever it asks for; ``keys`` are its own."""

    server: Peer
    keys: OwnKeys
    items: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, arrival: Arrival) -> web.Response:
        """The script of its server."""
        if arrival.path.endswith("/lookup"):
            return json_response(self.items)
        return json_response({"status": "UNDER_SUBSCRIPTION"})

    @property
    def queries(self) -> list[Any]:
        """What it was asked about others than the platform itself."""
        asked = [orjson.loads(one.body) for one in self.server.arrivals if one.path.endswith("/lookup")]
        return [query for query in asked if query["subscriber_id"] != BPP_ID]


@dataclass
class Platform:
    """The participant under test, and a producer's and a gateway's keys for those who speak to it."""

    participant: Participant
    registry: Registry
    producer: OwnKeys
    gateway: OwnKeys

    def body(self, **context: Any) -> bytes:
        """A proper ``select``."""
        own = self.participant.identity
        return messages.select_body(datetime.now(UTC), bpp_id=own.subscriber_id, bpp_uri=own.url, **context)

    def header(self, body: bytes, keys: OwnKeys | None = None) -> str:
        """The producer's signature header."""
        return messages.header(body, keys or self.producer, datetime.now(UTC))

    async def post(self, body: bytes, headers: Mapping[str, str], action: str = "select") -> Reply:
        """One POST as JSON."""
        sent = {"Content-Type": "application/json", **headers}
        return await send(f"{self.participant.identity.url}/{action}", body, sent)

    async def say(self, headers: Mapping[str, str] | None = None) -> Reply:
        """A proper message, under other headers than the usual one where some are given."""
        body = self.body()
        return await self.post(body, headers or {"Authorization": self.header(body)})

    async def stored(self) -> int:
        """How many messages it has taken."""
        return await self.participant.database.read(lambda tx: tx.scalar(select(func.count()).select_from(inbox)) or 0)


def item(keys: OwnKeys, role: Role = Role.BAP, url: str = BAP_URL, **changes: Any) -> dict[str, Any]:
    """A registry's item as onix's registry writes it; a change to None takes a member away."""
    usual = {
        "subscriber_id": keys.subscriber_id,
        "url": url,
        "type": role.value,
        "domain": DOMAIN,
        "key_id": keys.key_id,
        "signing_public_key": keys.signing_public_b64,
        "encr_public_key": keys.encryption_public_b64,
        "valid_from": timestamp_text(datetime(2026, 1, 1, tzinfo=UTC)),
        "valid_until": timestamp_text(datetime(2100, 1, 1, tzinfo=UTC)),
        "status": "SUBSCRIBED",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def der(keys: OwnKeys) -> str:
    """The encryption public key as ONDC's samples write it."""
    public = keys.encryption.public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@asynccontextmanager
async def platform(folder: Path, answers: AnswerSettings | None = None, **pinned: Any) -> AsyncIterator[Platform]:
    """A running battery operator's platform; ``pinned`` changes what it knows of its registry."""
    keys = own_keys("registry.test")
    async with peer() as server:
        registry = Registry(server, keys)
        server.script = registry.answer
        known = {"signing_public_key": keys.signing_public_b64, "encr_public_key": keys.encryption_public_b64}
        trusted = RegistrySettings(url=server.url, subscriber_id=keys.subscriber_id, **(known | pinned))
        port = free_port()
        settings = NodeSettings(
            subscriber_id=BPP_ID,
            data_dir=folder,
            public_url=f"http://127.0.0.1:{port}/beckn",
            port=port,
            registry=trusted,
            network=LOCAL,
            answers=answers or AnswerSettings(),
        )
        participant = Participant(settings, Role.BPP, ())
        participant.serve(dict.fromkeys(received_by(Role.BPP), _keep), _unreachable, lambda *_: None)
        await participant.start()
        try:
            yield Platform(participant, registry, own_keys(BAP_ID), own_keys(GATEWAY_ID))
        finally:
            await participant.stop()


async def _keep(_received: Received) -> Decision:
    return lambda _tx: None


def _unreachable(received: Received, refusal: TradeRefused) -> Decision:
    raise AssertionError(f"{received.verified.action} was refused by a test's handler") from refusal
