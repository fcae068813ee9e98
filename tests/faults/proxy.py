"""A proxy before one server, at the URL that the registry holds for it: it passes everything on, as it came.

A test may say, once for an action, what becomes of the next message: a `Script` gets the way to pass it on and gives
the answer, or None to cut the connection without one. A server that does not listen cuts the connection too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

PassOn = Callable[[], Awaitable[web.Response | None]]
Script = Callable[[PassOn], Awaitable[web.Response | None]]

BODY_BYTES_MAX = 16 * 1024 * 1024
# The server behind the proxy frames its answer anew.
_NOT_PASSED_ON = frozenset({"host", "content-length", "transfer-encoding", "connection", "date", "server"})


@dataclass
class Held:
    """A script that keeps the message until the test says what becomes of it."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _decided: asyncio.Event = field(default_factory=asyncio.Event)
    _dropped: bool = False

    async def __call__(self, pass_on: PassOn) -> web.Response | None:
        self.arrived.set()
        await self._decided.wait()
        return None if self._dropped else await pass_on()

    def drop(self) -> None:
        """Cut the connection: the message is lost."""
        self._dropped = True
        self._decided.set()

    def release(self) -> None:
        """Pass it on after all."""
        self._decided.set()


@dataclass
class Proxy:
    """``url`` is what is registered; ``upstream`` where the server really listens."""

    url: str
    upstream: str
    _session: aiohttp.ClientSession
    _scripts: dict[str, Script] = field(default_factory=dict)

    def once(self, action: str, script: Script) -> None:
        """What becomes of the next message of that action."""
        self._scripts[action] = script

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

        script = self._scripts.pop(request.path.rpartition("/")[2], None)
        answer = await (pass_on() if script is None else script(pass_on))
        if answer is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        return answer

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
        kept = {name: value for name, value in response.headers.items() if name.lower() not in _NOT_PASSED_ON}
        return web.Response(body=content, status=response.status, headers=kept)


@asynccontextmanager
async def proxy(port: int, upstream: str) -> AsyncIterator[Proxy]:
    """A running proxy; ``upstream`` without a path."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        made = Proxy(f"http://127.0.0.1:{port}/beckn", upstream, session)
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{tail:.*}", made.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield made
        finally:
            await runner.cleanup()
