"""A platform of the tests' own on a running network: a real participant, subscribed through the challenge.

It keeps every message that it gets and answers none. What it sends is made by hand, so that it may be wrong.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from beckn_battery.ports import free_ports
from energy.messages import Message
from energy.wire.v1.writer import write
from node.inbox import Decision, Received
from node.participant import Participant
from node.settings import NodeSettings, RegistrySettings
from protocol.actions import Role, received_by
from protocol.context import Context, write_body
from protocol.errors import TradeRefused
from protocol.policy import Identity
from protocol.verification import Verified
from tests import messages
from tests.peers import LOCAL

SUBSCRIBED_WITHIN_S = 10
ANSWERED_WITHIN_S = 10


class Subscriber:
    """``participant`` is what it is to the network; ``peer`` the platform of the other side that it speaks to."""

    def __init__(self, registry: RegistrySettings, peer: Identity, folder: Path, name: str | None = None) -> None:
        [port] = free_ports(1)
        self.peer = peer
        role = Role.BAP if peer.role is Role.BPP else Role.BPP
        settings = NodeSettings(
            subscriber_id=name or f"{role.value.lower()}.test",
            data_dir=folder,
            public_url=f"http://127.0.0.1:{port}/beckn",
            port=port,
            registry=registry,
            network=LOCAL,
        )
        self.participant = Participant(settings, role, ())
        self.participant.serve(dict.fromkeys(received_by(role), self._keep), _unreachable, lambda *_: None)
        self._got: list[Verified] = []
        self._news = asyncio.Condition()

    def context(self, action: str, **more: Any) -> Context:
        """A context of a message to the peer; every member can be another."""
        own, now = self.participant.identity, datetime.now(UTC)
        made = messages.context(action, now, bap_id=own.subscriber_id, bap_uri=own.url)
        ours, theirs = (own, self.peer) if own.role is Role.BAP else (self.peer, own)
        made = replace(made, bap_id=ours.subscriber_id, bap_uri=ours.url)
        return replace(made, **({"bpp_id": theirs.subscriber_id, "bpp_uri": theirs.url} | more))

    def headers(self, body: bytes) -> dict[str, str]:
        """What a proper message carries."""
        return {"Content-Type": "application/json", "Authorization": self.participant.keyring.authorization(body)}

    async def say(self, action: str, content: Message, **more: Any) -> str:
        """Send a proper message that is acknowledged; its message id."""
        context = self.context(action, **more)
        body = write_body(context, write(action, content))
        reply = await send(f"{self.peer.url}/{action}", body, self.headers(body))
        assert reply.content == {"message": {"ack": {"status": "ACK"}}}
        return context.message_id

    async def answer(self, message_id: str) -> Verified:
        """The callback that answers a message of ours."""

        def come() -> Verified | None:
            return next((one for one in self._got if one.context.message_id == message_id), None)

        async with self._news:
            found = await asyncio.wait_for(self._news.wait_for(come), ANSWERED_WITHIN_S)
        assert found is not None
        return found

    async def ask(self, action: str, content: Message, **more: Any) -> Verified:
        """Send a proper message and wait for its callback."""
        return await self.answer(await self.say(action, content, **more))

    async def _keep(self, received: Received) -> Decision:
        async with self._news:
            self._got.append(received.verified)
            self._news.notify_all()
        return lambda _tx: None


@asynccontextmanager
async def subscribed(
    registry: RegistrySettings, peer: Identity, folder: Path, name: str | None = None
) -> AsyncIterator[Subscriber]:
    """A platform that has joined the network of that registry; ``name`` is its id, for more than one of a role."""
    subscriber = Subscriber(registry, peer, folder, name)
    await subscriber.participant.start()
    try:
        await asyncio.wait_for(subscriber.participant.subscription.subscribed.wait(), SUBSCRIBED_WITHIN_S)
        yield subscriber
    finally:
        await subscriber.participant.stop()


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def send(
    url: str, body: bytes | AsyncIterator[bytes] = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
) -> Reply:
    """One request on a connection of its own, with these very bytes and headers."""
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=("Content-Type",)) as session,
        session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as response,
    ):
        return Reply(response.status, response.headers, await response.read())


def _unreachable(received: Received, refusal: TradeRefused) -> Decision:
    raise AssertionError(f"{received.verified.action} was refused by a test's handler") from refusal
