"""How a peer misbehaves: scripts for a proxy that answer in the server's place, or do too much with a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from tests.faults.proxy import PassOn, Script

MEGABYTE = 1_000_000
GIGABYTE = 1_000 * MEGABYTE


def answering(status: int, body: bytes = b"", **headers: str) -> Script:
    """Answer so, and pass nothing on. A name of a header has ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def script(_pass_on: PassOn) -> web.Response:
        return web.Response(status=status, body=body, headers=named)

    return script


def raw(content: bytes) -> Script:
    """Write these bytes where an HTTP answer should be, and hang up."""

    async def script(_pass_on: PassOn) -> bytes:
        return content

    return script


async def losing_the_answer(pass_on: PassOn) -> None:
    """Pass the message on, and cut the connection where the answer should come."""
    assert await pass_on() is not None


async def twice(pass_on: PassOn) -> web.Response | None:
    """Pass the message on two times at once, and give one of the answers."""
    first, second = await asyncio.gather(pass_on(), pass_on())
    assert first is not None
    assert second is not None
    assert (first.status, first.body) == (second.status, second.body)
    return first


async def a_gigabyte(_pass_on: PassOn) -> web.Response:
    """Answer with far more than anybody wants."""

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(GIGABYTE // MEGABYTE):
            yield b" " * MEGABYTE

    return web.Response(body=flood(), content_type="application/json")
