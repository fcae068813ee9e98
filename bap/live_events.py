"""Following a contract's live stream from Python: what `bap.client` does with ``/api/v1/contracts/{id}/live``.

A connection that is cut is made again, and what was missed meanwhile comes first (``Last-Event-ID``). The stream is
over when the contract is: its last event is ``end``. Needs httpx and the standard library.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from bap.calls import Call

END = "end"
SILENT_S = 45.0
"""The server sends something every 15 seconds: after three times that nobody is there."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event: ``reading`` (`bap.shapes.Reading`), ``contract`` (`bap.shapes.Contract`), or ``end`` as the last."""

    name: str
    data: Any
    event_id: str | None = None


class EventReader:
    """Reads the lines of a stream into events (WHATWG HTML, 9.2.6), over as many connections as it takes."""

    def __init__(self, last_event_id: str | None = None) -> None:
        self.last_event_id = last_event_id
        self.retry_s = 2.0
        self.ended = False
        self._name = ""
        self._data: list[str] = []
        self._event_id: str | None = None

    def begin(self) -> dict[str, str]:
        """What a new connection has to say; half an event of the last one is forgotten."""
        self._name, self._data, self._event_id = "", [], None
        seen = {} if self.last_event_id is None else {"Last-Event-ID": self.last_event_id}
        return {"Accept": "text/event-stream", **seen}

    def feed(self, line: str) -> LiveEvent | None:
        """Take one line; the event that it ends."""
        if not line:
            return self._event()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id":
            self._event_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value) / 1_000
        return None

    def _event(self) -> LiveEvent | None:
        name, data, event_id = self._name, self._data, self._event_id
        self._name, self._data, self._event_id = "", [], None
        if not data:
            return None
        self.last_event_id = event_id or self.last_event_id
        self.ended = name == END
        return LiveEvent(name, json.loads("\n".join(data)), event_id)


def live(
    http: httpx.Client, contract_id: str, timeout_s: float, last_event_id: str | None, sleep: Callable[[float], None]
) -> Iterator[LiveEvent]:
    """The events of a contract.

    Raises:
        ApiError: the platform refused.
    """
    reader = EventReader(last_event_id)
    while not reader.ended:
        try:
            with http.stream("GET", _path(contract_id), headers=reader.begin(), timeout=_patience(timeout_s)) as answer:
                if not answer.is_success:
                    answer.read()
                    _REFUSED.result(answer)
                for line in answer.iter_lines():
                    event = reader.feed(line)
                    if event is not None:
                        yield event
        except httpx.TransportError:
            pass  # The connection is made again below.
        if not reader.ended:
            sleep(reader.retry_s)


async def live_async(
    http: httpx.AsyncClient,
    contract_id: str,
    timeout_s: float,
    last_event_id: str | None,
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[LiveEvent]:
    """The same, to await."""
    reader = EventReader(last_event_id)
    while not reader.ended:
        try:
            async with http.stream(
                "GET", _path(contract_id), headers=reader.begin(), timeout=_patience(timeout_s)
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    _REFUSED.result(answer)
                async for line in answer.aiter_lines():
                    event = reader.feed(line)
                    if event is not None:
                        yield event
        except httpx.TransportError:
            pass  # The connection is made again below.
        if not reader.ended:
            await sleep(reader.retry_s)


_REFUSED: Call[Any] = Call("GET", "")


def _path(contract_id: str) -> str:
    return f"/api/v1/contracts/{quote(contract_id, safe='')}/live"


def _patience(timeout_s: float) -> httpx.Timeout:
    return httpx.Timeout(timeout_s, read=SILENT_S)
