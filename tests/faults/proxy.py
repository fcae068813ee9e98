"""A proxy before one server, at the URL that the registry holds for it: it passes everything on, as it came.

A test may say what becomes of the next message of an action, or of all of them for a while: a `Script` gets the way to
pass it on and gives the answer, bytes to write in place of one, or None to cut the connection. A server that does not
listen cuts the connection too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

PassOn = Callable[[], Awaitable[web.Response | None]]
Script = Callable[[PassOn], Awaitable[web.Response | bytes | None]]

# Whatever is called below it; what a registry's URL ends in.
PREFIX = "/beckn"
BODY_BYTES_MAX = 16 * 1024 * 1024
# The server behind the proxy frames its answer anew.
_NOT_PASSED_ON = frozenset({"host", "content-length", "transfer-encoding", "connection", "date", "server"})


@dataclass
class Held:
    """A script that keeps the message until the test says what becomes of it."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    passed_on: asyncio.Event = field(default_factory=asyncio.Event)
    _decided: asyncio.Event = field(default_factory=asyncio.Event)
    _dropped: bool = False

    async def __call__(self, pass_on: PassOn) -> web.Response | None:
        self.arrived.set()
        await self._decided.wait()
        answer = None if self._dropped else await pass_on()
        self.passed_on.set()
        return answer

    def drop(self) -> None:
        """Cut the connection: the message is lost."""
        self._dropped = True
        self._decided.set()

    def release(self) -> None:
        """Pass it on after all."""
        self._decided.set()


@dataclass
class Proxy:
    """``url`` is what is registered; ``upstream`` where the server really listens.

    ``arrivals``: action and monotonic time of every request; ``statuses``: action and status of what the server said.
    """

    url: str
    upstream: str
    _session: aiohttp.ClientSession
    arrivals: list[tuple[str, float]] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)
    _scripts: dict[str, Script] = field(default_factory=dict)
    _lasting: dict[str, Script] = field(default_factory=dict)

    def once(self, action: str, script: Script) -> None:
        """What becomes of the next message of that action."""
        self._scripts[action] = script

    @contextmanager
    def during(self, action: str, script: Script) -> Iterator[None]:
        """What becomes of every message of that action until the block ends."""
        self._lasting[action] = script
        try:
            yield
        finally:
            del self._lasting[action]

    def times(self, action: str) -> list[float]:
        """When messages of that action came."""
        return [at for name, at in self.arrivals if name == action]

    def hold(self, action: str) -> Held:
        """Keep the next message of that action."""
        held = Held()
        self.once(action, held)
        return held

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on, or do as the test said."""
        body = await request.read()

        async def pass_on() -> web.Response | None:
            return await self._passed_on(request, body)

        action = request.path.rpartition("/")[2]
        self.arrivals.append((action, time.monotonic()))
        script = self._scripts.pop(action, None) or self._lasting.get(action)
        answer = await (pass_on() if script is None else script(pass_on))
        if isinstance(answer, web.Response):
            return answer
        if request.transport is not None:
            if answer is None:
                request.transport.abort()
            else:
                request.transport.write(answer)
                request.transport.close()
        return web.Response(status=502)

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response | None:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        url = self.upstream + request.path_qs
        try:
            async with self._session.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
        except aiohttp.ClientError:
            return None
        self.statuses.append((request.path.rpartition("/")[2], response.status))
        kept = {name: value for name, value in response.headers.items() if name.lower() not in _NOT_PASSED_ON}
        return web.Response(body=content, status=response.status, headers=kept)


@asynccontextmanager
async def proxy(port: int, upstream: str) -> AsyncIterator[Proxy]:
    """A running proxy; ``upstream`` without a path."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        made = Proxy(f"http://127.0.0.1:{port}{PREFIX}", upstream, session)
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{tail:.*}", made.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield made
        finally:
            await runner.cleanup()
