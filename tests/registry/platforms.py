"""Platforms for the registry's and the gateway's tests: real HTTP servers that subscribe and answer challenges."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import select

from node.client import Answer, PeerClient
from node.clocks import Now, wall_clock
from node.problems import json_response
from node.settings import RegistrySettings, TimeLimits
from protocol import authentication, challenge, signing
from protocol.actions import Role
from protocol.keys import KeyRecord, OwnKeys, encryption_public_key, signing_public_key
from protocol.policy import SUBSCRIBED, Policy
from registry import store
from registry.app import Registry
from registry.settings import ChallengeSettings, RegistryServerSettings
from tests.messages import header, own_keys
from tests.peers import LOCAL, Arrival, Peer, acknowledge, peer
from tests.ports import free_port
from tests.waiting import until

REGISTRY_ID = "registry.test"
DOMAIN = "dent:0.1.0"
QUICK = ChallengeSettings(first_delay_s=0.05, max_delay_s=0.1, max_attempts=3)

Reply = Callable[[Arrival, str], Awaitable[web.Response] | web.Response]


def registry_settings(folder: Path, **more: Any) -> RegistryServerSettings:
    """A registry on a free port; the same folder and settings again find its state."""
    port = more.pop("port", None) or free_port()
    return RegistryServerSettings(
        subscriber_id=REGISTRY_ID,
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}",
        port=port,
        challenge=more.pop("challenge", QUICK),
        network=more.pop("network", LOCAL),
        times=TimeLimits(stop_within_s=1),
        **more,
    )


def right(_arrival: Arrival, answer: str) -> web.Response:
    """The reply of an honest platform."""
    return json_response({"answer": answer})


@dataclass
class Platform:
    """One subscriber. ``reply`` is given the decrypted challenge and may answer with something else."""

    peer: Peer
    registry: RegistrySettings
    role: Role
    keys: OwnKeys
    client: PeerClient
    reply: Reply = right
    now: Now = wall_clock
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.keys.subscriber_id

    @property
    def url(self) -> str:
        return self.peer.url

    def application(self, keys: OwnKeys | None = None, **changes: Any) -> dict[str, Any]:
        """The body of ``POST /subscribe``; a change to None takes the member away."""
        keys = keys or self.keys
        content: dict[str, Any] = {
            "subscriber_id": self.id,
            "url": self.url,
            "type": self.role.value,
            "domain": DOMAIN,
            "location": {"city": {"code": "std:080"}, "country": {"code": "IND"}},
            "key_id": keys.key_id,
            "signing_public_key": keys.signing_public_b64,
            "encr_public_key": keys.encryption_public_b64,
        }
        content |= self.details | changes
        return {member: value for member, value in content.items() if value is not None}

    async def subscribe(
        self, keys: OwnKeys | None = None, *, signed_by: OwnKeys | None = None, **changes: Any
    ) -> Answer:
        """Send an application that carries ``keys``, signed by ``signed_by`` (by default by what it carries)."""
        return await self.post("subscribe", self.application(keys, **changes), signed_by or keys or self.keys)

    async def post(self, path: str, content: object, signer: OwnKeys | None) -> Answer:
        """POST something to the registry, signed or not."""
        body = orjson.dumps(content)
        headers = {} if signer is None else {signing.AUTHORIZATION: header(body, signer, self.now())}
        return await self.client.post(f"{self.registry.url}/{path}", body, headers)

    async def lookup(self, **query: Any) -> list[dict[str, Any]]:
        """What an unsigned lookup finds."""
        answer = await self.post("lookup", query, None)
        assert answer.status == 200, answer.body
        items: list[dict[str, Any]] = answer.json()
        return items

    async def is_listed(self, keys: OwnKeys | None = None) -> bool:
        """Whether the registry tells others of this key."""
        return bool(await self.lookup(subscriber_id=self.id, key_id=(keys or self.keys).key_id))

    async def join(self) -> None:
        """Subscribe and wait until it is done."""
        answer = await self.subscribe()
        assert answer.status == 200, answer.body
        await until(self.is_listed, what=f"{self.id} is subscribed")

    def challenges(self) -> list[Arrival]:
        """The challenges that came so far."""
        return [arrival for arrival in self.peer.arrivals if arrival.path.endswith("/on_subscribe")]

    def record(self) -> KeyRecord:
        """This platform as the registry should know it."""
        return record_of(self.keys, self.role, self.url)

    async def answer(self, arrival: Arrival) -> web.StreamResponse:
        """The script of its server: challenges are checked and replied to, all else is acknowledged."""
        if not arrival.path.endswith("/on_subscribe"):
            return acknowledge(arrival)
        self.check_signature(arrival)
        text = challenge.answer(
            json.loads(arrival.body)["challenge"],
            self.keys.encryption,
            encryption_public_key(self.registry.encr_public_key),
        )
        reply = self.reply(arrival, text)
        return reply if isinstance(reply, web.Response) else await reply

    def check_signature(self, arrival: Arrival) -> None:
        """Only the registry that we know may challenge us."""
        pinned = KeyRecord(
            subscriber_id=self.registry.subscriber_id,
            key_id="pinned",
            signing_public_key=signing_public_key(self.registry.signing_public_key),
            role=Role.BREG,
            url=self.registry.url,
            status=SUBSCRIBED,
        )
        claimed = signing.parse_header(arrival.headers[signing.AUTHORIZATION])
        authentication.authenticate(claimed, signing.digest(arrival.body), [pinned], Policy(), self.now())


def record_of(keys: OwnKeys, role: Role, url: str) -> KeyRecord:
    """What a verifier has to know of a platform."""
    public = signing_public_key(keys.signing_public_b64)
    return KeyRecord(keys.subscriber_id, keys.key_id, public, role, url, SUBSCRIBED, DOMAIN)


def next_keys(platform: Platform) -> OwnKeys:
    """A second pair of keys; the encryption key stays, so that the platform's server answers its challenge."""
    return replace(own_keys(platform.id), encryption=platform.keys.encryption)


@asynccontextmanager
async def platform(
    registry: RegistrySettings, subscriber_id: str = "bpp.test", role: Role = Role.BPP, **more: Any
) -> AsyncIterator[Platform]:
    """A running platform that has not subscribed yet."""
    client = PeerClient(timeout_s=10, max_answer_bytes=1024 * 1024, rules=LOCAL.rules)
    await client.start()
    async with peer() as server:
        made = Platform(server, registry, role, own_keys(subscriber_id), client, **more)
        server.script = made.answer
        try:
            yield made
        finally:
            await client.stop()


async def attempts_are_spent(registry: Registry) -> bool:
    """Whether the only application at this registry has had all its challenges, and the last one is over."""
    rows = await registry.database.read(lambda tx: tx.execute(select(store.applications)).all())
    return [(row.attempts, row.challenge) for row in rows] == [(QUICK.max_attempts, None)]


def error_of(answer: Answer) -> Mapping[str, Any]:
    """The ``error`` of a NACK in the form of Beckn core 1.1.1."""
    content = answer.json()
    assert content["message"]["ack"]["status"] == "NACK"
    error: Mapping[str, Any] = content["error"]
    assert error["message"]
    return error
