"""A scripted peer: a real HTTP server that answers as the test says and keeps what it received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from node.answers import ACK
from node.settings import NetworkSettings
from tests.ports import free_port

# What every participant of a test needs: its peers are on this machine.
LOCAL = NetworkSettings(allow_private_addresses=True)

Script = Callable[["Arrival"], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass(frozen=True)
class Arrival:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


def acknowledge(_arrival: Arrival) -> web.Response:
    return web.Response(body=ACK, content_type="application/json")


@dataclass
class Peer:
    """``url`` is its base; ``script`` may be changed while it runs."""

    url: str
    script: Script = acknowledge
    arrivals: list[Arrival] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        arrival = Arrival(request.path, dict(request.headers), await request.read())
        async with self._news:
            self.arrivals.append(arrival)
            self._news.notify_all()
        answer = self.script(arrival)
        return answer if isinstance(answer, web.StreamResponse) else await answer

    async def received(self, count: int, timeout_s: float = 10) -> list[Arrival]:
        """Wait until so many requests have arrived."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.arrivals) >= count), timeout_s)
        return self.arrivals


@asynccontextmanager
async def peer(script: Script = acknowledge, port: int | None = None) -> AsyncIterator[Peer]:
    """A running peer."""
    port = port or free_port()
    scripted = Peer(f"http://127.0.0.1:{port}/beckn", script)
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", scripted.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield scripted
    finally:
        await runner.cleanup()
