"""The network in memory: calls go from one participant's client to another's receiving side, or somewhere else.

`Client` stands at the port of `node.client.PeerClient`. The registry is a stand-in that lists everybody at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from node.answers import ACK
from node.client import Answer, Exchange
from protocol.errors import PeerFailed
from tests.simulation.faults import Faults, Mishap
from tests.simulation.loop import Life, VirtualLoop

TIMEOUT_S = 3.0
REGISTRY = "registry"
_OK = b'{"status": "UNDER_SUBSCRIPTION"}'
_HTML = b"<html><body>Bad gateway"
_NACK = b'{"message": {"ack": {"status": "NACK"}}, "error": {"code": "10000", "message": "not today"}}'
_ANSWERS = {
    Mishap.ERROR_500: Answer(500, b"oops"),
    Mishap.BUSY_429: Answer(429, b"", 0.7),
    Mishap.GARBAGE: Answer(502, _HTML),
    Mishap.NACK: Answer(400, _NACK),
}

Receive = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


@dataclass
class Door:
    """The receiving side of a living process; ``waiting`` are the callers that it owes an answer."""

    life: Life
    receive: Receive
    waiting: list[asyncio.Future[Answer | None]] = field(default_factory=list)

    def shut(self) -> None:
        """The process is gone: whoever waits loses the connection."""
        for caller in self.waiting:
            if not caller.done():
                caller.set_result(None)


class Network:
    """``note`` writes a line of the trace; ``acknowledged`` hears of each ACK in the moment it is given."""

    def __init__(
        self,
        loop: VirtualLoop,
        faults: Faults,
        note: Callable[[str, str], None],
        acknowledged: Callable[[str, bytes], None],
    ) -> None:
        self._loop = loop
        self._faults = faults
        self._note = note
        self._acknowledged = acknowledged
        self.doors: dict[str, Door] = {}
        self.records: list[dict[str, Any]] = []

    async def call(self, caller: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One call with whatever goes wrong with it.

        Raises:
            PeerFailed: no answer.
        """
        name = urlsplit(url).hostname or ""
        mishap = self._faults.of_lookup() if name == REGISTRY else self._faults.of_call()
        what = _described(url, body)
        if name != REGISTRY or mishap is not Mishap.NONE:
            self._note(caller, f"sends {what}" + ("" if mishap is Mishap.NONE else f": {mishap}"))
        if mishap in _ANSWERS:
            return _ANSWERS[mishap]
        if mishap is Mishap.REFUSED:
            raise PeerFailed("connection refused")
        if mishap is Mishap.LOST:
            await asyncio.sleep(TIMEOUT_S)
            raise PeerFailed("no answer in time")
        if mishap is Mishap.TWICE:
            self._loop.call_later(self._faults.delay_s(), self._again, name, url, headers, body)
        if mishap is Mishap.DELAYED:
            return await self._late(name, url, headers, body)
        answer = await self._arrive(name, url, headers, body)
        if mishap is Mishap.ACK_LOST:
            await asyncio.sleep(TIMEOUT_S)
            raise PeerFailed("no answer in time")
        return answer

    async def _late(self, name: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The request is under way for so long that its sender may have given up when it arrives."""
        delay_s = self._faults.delay_s()
        if delay_s < TIMEOUT_S:
            await asyncio.sleep(delay_s)
            return await self._arrive(name, url, headers, body)
        self._loop.call_later(delay_s, self._again, name, url, headers, body)
        await asyncio.sleep(TIMEOUT_S)
        raise PeerFailed("no answer in time")

    def _again(self, name: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """The same bytes arrive by themselves, and nobody hears the answer."""
        door = self.doors.get(name)
        if door is not None:
            self._note(name, f"gets a late copy of {_described(url, body)}")
            self._loop.start(door.life, self._received(name, door, url, headers, body))

    async def _arrive(self, name: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if name == REGISTRY:
            return self._registry(url, body)
        door = self.doors.get(name)
        if door is None:
            raise PeerFailed("connection refused")
        reply: asyncio.Future[Answer | None] = self._loop.create_future()
        door.waiting.append(reply)

        async def work() -> None:
            answer = await self._received(name, door, url, headers, body)
            if not reply.done():
                reply.set_result(answer)

        self._loop.start(door.life, work())
        try:
            answer = await asyncio.wait_for(reply, TIMEOUT_S)
        except TimeoutError:
            raise PeerFailed("no answer in time") from None
        finally:
            door.waiting.remove(reply)
        if answer is None:
            raise PeerFailed("connection reset")
        return answer

    async def _received(self, name: str, door: Door, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = await door.receive(urlsplit(url).path, headers, body)
        if answer.status == 200 and answer.body == ACK:
            self._acknowledged(name, body)
        elif answer.nack is not None:
            self._note(name, f"refuses {_described(url, body)}: {answer.nack[:90]}")
        return answer

    def _registry(self, url: str, body: bytes) -> Answer:
        if not url.endswith("/lookup"):
            return Answer(200, _OK)
        query = orjson.loads(body)
        query.pop("city", None)
        found = [one for one in self.records if all(one.get(key) == value for key, value in query.items())]
        return Answer(200, orjson.dumps(found))


def _described(url: str, body: bytes) -> str:
    parts = urlsplit(url)
    action = parts.path.rpartition("/")[2]
    if "/forms/" in parts.path:
        return f"a consent to {parts.hostname}"
    try:
        context = orjson.loads(body)["context"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"{action} to {parts.hostname}"
    return f"{action} {context['message_id'][:8]} to {parts.hostname} for {context['transaction_id'][:8]}"


class Client:
    """One process' way out. Every call is a point at which the process may die, before and after."""

    def __init__(self, life: Life, network: Network) -> None:
        self._life = life
        self._network = network
        self.observers: list[Callable[[Exchange], None]] = []

    async def start(self) -> None:
        """There is nothing to open."""

    async def stop(self) -> None:
        """There is nothing to close."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """As `node.client.PeerClient.post`."""
        sent = {"content-type": "application/json"}
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        await self._life.point("before send")
        answer = await self._network.call(self._life.name, url, sent, body)
        await self._life.point("after send")
        return answer

    async def get(self, url: str) -> Answer:
        """As `node.client.PeerClient.get`."""
        return await self.post(url, b"")

    async def submit(self, url: str, form: bytes) -> Answer:
        """As `node.client.PeerClient.submit`."""
        return await self.post(url, form)
