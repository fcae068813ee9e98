"""The front door: messages of peers by a short way, everything else by aiohttp.

A message is one plain request: ``POST /beckn/<action> HTTP/1.1``, ordinary headers, a ``Content-Length``. Such a
request is read here and answered here, at a third of what it costs to pass aiohttp (`benchmarks/`, accept). The first
request of a connection that is anything else (another path, chunks, an expectation, a header twice or in an odd form, a
body over the limit) hands the connection over to aiohttp, with all its bytes, for good: there the same
`node.server.BecknServer` answers it. So this file never has to refuse anything, and never guesses.

A request has `REQUEST_S` to arrive, a connection may be idle for `IDLE_S`; the next request of a connection is read
when the answer before it has been written and can leave.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from node.answers import Answer
from node.clocks import Now

Receive = Callable[[str, Mapping[str, str], bytes, "str | None"], Awaitable[Answer]]

HEAD_BYTES_MAX = 8_190
REQUEST_S = 30.0
IDLE_S = 75.0
_LOOK_EVERY_S = 5.0
_END_OF_HEAD = b"\r\n\r\n"
# Every header on one line, its name a token, its value visible ASCII: what RFC 9110 lets nobody read in two ways.
_PLAIN = re.compile(rb"POST /beckn/([a-z_]+) HTTP/1\.1(?:\r\n[A-Za-z0-9-]+:[\t\x20-\x7e]*+)*+")
_HEADER = re.compile(rb"\r\n([A-Za-z0-9-]+):[\t ]*+([\t\x20-\x7e]*+)")
_PASSED_ON = frozenset({b"content-type", b"authorization", b"x-gateway-authorization", b"proxy-authorization"})
_ONLY_ONCE = _PASSED_ON | {b"content-length"}
# What changes how the rest is read, or what is answered, is not plain.
_NOT_PLAIN = frozenset(
    {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"trailer", b"te", b"connection"}
)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a plain request; ``headers`` have lower-case names, and only those that messages need."""

    action: str
    headers: Mapping[str, str]
    length: int


def plain_head(head: bytes) -> Head | None:
    """The head of a request (without the empty line at its end), or None when it is not plain."""
    match = _PLAIN.fullmatch(head)
    if match is None:
        return None
    headers: dict[str, str] = {}
    length = ""
    for name, value in _HEADER.findall(head, match.end(1)):
        known = name.lower()
        if known in _ONLY_ONCE:
            text = value.decode("ascii").rstrip("\t ")
            key = known.decode("ascii")
            if key in headers or (length and key == "content-length"):
                return None
            if key == "content-length":
                length = text
            else:
                headers[key] = text
        elif known in _NOT_PLAIN and (known != b"connection" or value.strip().lower() != b"keep-alive"):
            return None
    if not (length.isdigit() and len(length) < 16):
        return None
    return Head(match[1].decode("ascii"), headers, int(length))


class Front:
    """Every connection of one listener. ``actions`` are answered by ``receive``, all the rest by ``app``'s handler."""

    def __init__(
        self,
        actions: frozenset[str],
        receive: Receive,
        app: Callable[[], asyncio.Protocol],
        now: Now,
        max_body_bytes: int,
    ) -> None:
        self.actions = actions
        self.receive = receive
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.open: set[_Connection] = set()
        self.stopping = False
        self._now = now
        self._server: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int, encrypted: ssl.SSLContext | None) -> None:
        """Begin to accept connections.

        Raises:
            OSError: the address can not be had.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, loop), host, port, ssl=encrypted, backlog=1_024
        )
        self._watching = asyncio.create_task(self._watch())

    async def close(self, within_s: float) -> None:
        """Accept no more; answer what is in hand, and end the connections."""
        self.stopping = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        answering = [task for connection in tuple(self.open) if (task := connection.end_when_idle()) is not None]
        if answering:
            _, late = await asyncio.wait(answering, timeout=within_s)
            for task in late:
                task.cancel()

    def written(self, answer: Answer) -> bytes:
        """The bytes of an answer."""
        return _start(answer.status, _second(self._now())) + answer.lines + answer.body

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for connection in tuple(self.open):
                connection.end_when_late(loop.time())


class _Connection(asyncio.Protocol):
    """One connection, until it ends or goes over to aiohttp."""

    __slots__ = (
        "_answering",
        "_buffer",
        "_front",
        "_head",
        "_loop",
        "_paused",
        "_remote",
        "_since",
        "_transport",
        "_writable",
    )

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        self._front = front
        self._loop = loop
        self._transport: asyncio.Transport
        self._remote: str | None = None
        self._buffer = bytearray()
        self._head: tuple[Head, int] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._writable = True
        self._paused = False
        self._since = loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer or a browser is there."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if isinstance(peer, tuple) else None
        self._front.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; what it asked for is done all the same, since its sender asks again."""
        if self._answering is None:
            self._front.open.discard(self)

    def pause_writing(self) -> None:
        """The other side does not read its answers."""
        self._writable = False

    def resume_writing(self) -> None:
        """It does again."""
        self._writable = True
        self._proceed()

    def data_received(self, data: bytes) -> None:
        """More of a request, or of several."""
        if not self._buffer:
            self._since = self._loop.time()
        self._buffer += data
        if self._answering is None and self._writable:
            self._proceed()
        elif len(self._buffer) > HEAD_BYTES_MAX + self._front.max_body_bytes and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def end_when_idle(self) -> asyncio.Task[None] | None:
        """The listener stops: close, at once or after the answer that is being made, which is returned."""
        if self._answering is None:
            self._transport.close()
        return self._answering

    def end_when_late(self, now_s: float) -> None:
        """Close when a request takes too long to arrive, or none comes, or an answer is not read."""
        if self._answering is None and now_s - self._since > (REQUEST_S if self._buffer else IDLE_S):
            self._transport.abort()

    def _proceed(self) -> None:
        """Take the next request, if it is all here."""
        if self._answering is not None or not (self._writable and self._buffer) or self._transport.is_closing():
            return
        if self._head is None:
            end = self._buffer.find(_END_OF_HEAD, 0, HEAD_BYTES_MAX)
            if end < 0:
                if len(self._buffer) >= HEAD_BYTES_MAX:
                    self._hand_over()
                return
            head = plain_head(bytes(self._buffer[:end]))
            if head is None or head.action not in self._front.actions or head.length > self._front.max_body_bytes:
                self._hand_over()
                return
            self._head = head, end + len(_END_OF_HEAD)
        head, start = self._head
        if len(self._buffer) < start + head.length:
            return
        body = bytes(self._buffer[start : start + head.length])
        del self._buffer[: start + head.length]
        self._head = None
        self._read_on()
        self._answering = self._loop.create_task(self._answer(head, body))

    async def _answer(self, head: Head, body: bytes) -> None:
        answer = await self._front.receive(head.action, head.headers, body, self._remote)
        self._answering = None
        if self._transport.is_closing():
            self._front.open.discard(self)
            return
        self._transport.write(self._front.written(answer))
        self._since = self._loop.time()
        if self._front.stopping:
            self._transport.close()
        else:
            self._proceed()

    def _hand_over(self) -> None:
        """From here on the connection is aiohttp's."""
        self._read_on()
        self._front.open.discard(self)
        handler = self._front.app()
        self._transport.set_protocol(handler)
        handler.connection_made(self._transport)
        handler.data_received(bytes(self._buffer))
        self._buffer.clear()

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            # It may have been lost in between.
            with suppress(RuntimeError):
                self._transport.resume_reading()


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


@lru_cache(32)
def _start(status: int, now: datetime) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nDate: {format_datetime(now, usegmt=True)}\r\n".encode()
