"""Server-sent events: a response that goes on, for browsers and programs that follow something (WHATWG HTML, 9.2).

* An event has an id; who was cut off says the last one it saw (`Last-Event-ID`) and gets what it missed.
* Nothing is queued for a reader. What is new is read from the database when the reader has taken what was before, so a
  slow one costs no memory, and one that takes nothing for `WRITE_S` is cut off.
* A comment every `HEARTBEAT_S` shows that the stream is alive, and finds out who has gone.
* There are at most so many streams (`Streams`), in all and for one thing. When the server stops, all of them end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from node.problems import Problem

EVENT_STREAM = "text/event-stream"
HEARTBEAT_S = 15.0
WRITE_S = 30.0
RETRY_MS = 2_000
STREAMS_MAX = 2_000
STREAMS_OF_ONE_MAX = 16
END = "end"
"""The name of a stream's last event: nothing will follow, also not on another connection."""
_ID_LENGTH_MAX = 19
_HEADERS = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``data`` is its JSON. Without an id it is not counted among what a reader has seen."""

    name: str
    data: Mapping[str, Any]
    event_id: int | None = None

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        number = b"" if self.event_id is None else b"id: %d\n" % self.event_id
        return number + b"event: %s\ndata: %s\n\n" % (self.name.encode(), orjson.dumps(self.data))


NextEvents = Callable[[], Awaitable[Sequence[Event]]]
"""What came since it was asked last, oldest first; an `END` among them is the last."""


class Streams:
    """The open streams of a server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._of_one: Counter[str] = Counter()

    @contextmanager
    def place(self, key: str) -> Iterator[None]:
        """One place among those that follow ``key``.

        Raises:
            Problem: 429, there is none.
        """
        if len(self._tasks) >= STREAMS_MAX or self._of_one[key] >= STREAMS_OF_ONE_MAX:
            sentence = f"At most {STREAMS_OF_ONE_MAX} streams may follow this at once: close one."
            raise Problem(429, "Too many streams", sentence, retry_after_s=round(HEARTBEAT_S))
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._of_one[key] += 1
        try:
            yield
        finally:
            self._tasks.discard(task)
            self._of_one[key] -= 1
            if not self._of_one[key]:
                del self._of_one[key]

    async def end_all(self, _app: web.Application) -> None:
        """The server stops."""
        for task in tuple(self._tasks):
            task.cancel()


_STREAMS: web.AppKey[Streams] = web.AppKey("streams", Streams)


def keep_streams(app: web.Application) -> None:
    """Let the application have streams, which end when it stops."""
    streams = app[_STREAMS] = Streams()
    app.on_shutdown.append(streams.end_all)


def wants_stream(request: web.Request) -> bool:
    """Whether the caller can read a stream."""
    return EVENT_STREAM in request.headers.get("Accept", "")


def last_event_id(request: web.Request) -> int | None:
    """The last event that the caller has seen: in the header, or, for a first request, in the query.

    Raises:
        Problem: 400, it is none of ours.
    """
    text = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _ID_LENGTH_MAX):
        raise Problem(400, "Invalid event id", "Last-Event-ID must be the id of an event of this stream.")
    return int(text)


async def stream(
    request: web.Request,
    key: str,
    news: asyncio.Event,
    next_events: NextEvents,
    headers: Mapping[str, str] | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> web.StreamResponse:
    """Send what comes until the end; ``news`` is set when something may have.

    Raises:
        Problem: 429, too many streams follow ``key``.
    """
    with request.app[_STREAMS].place(key):
        response = web.StreamResponse(headers={**_HEADERS, **(headers or {})})
        await response.prepare(request)
        try:
            await _write(response, b"retry: %d\n\n" % RETRY_MS)
            while True:
                # Cleared before it is looked, so that nothing in between is missed.
                news.clear()
                events = await next_events()
                for event in events:
                    await _write(response, event.encoded())
                if events and events[-1].name == END:
                    return response
                if not events and not await _happens(news, heartbeat_s):
                    await _write(response, b": still here\n\n")
        except (ConnectionError, TimeoutError):
            return response  # The reader has gone, or takes nothing.


async def _write(response: web.StreamResponse, data: bytes) -> None:
    await asyncio.wait_for(response.write(data), WRITE_S)


async def _happens(news: asyncio.Event, within_s: float) -> bool:
    try:
        await asyncio.wait_for(news.wait(), within_s)
    except TimeoutError:
        return False
    return True
