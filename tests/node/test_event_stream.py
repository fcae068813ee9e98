"""Streams: every event once and in order, a sign of life in between, an end for everybody when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import ClientPayloadError, ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from node.event_stream import END, STREAMS_OF_ONE_MAX, Event, keep_streams, last_event_id, stream, wants_stream
from node.problems import problems


class Told:
    """What there is to tell; `put` tells more."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.news = asyncio.Event()

    def put(self, *events: Event) -> None:
        self.events += events
        self.news.set()


@asynccontextmanager
async def serving(told: Told, heartbeat_s: float = 5.0) -> AsyncIterator[TestClient[Any, Any]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        seen = last_event_id(request) or 0

        async def next_events() -> Sequence[Event]:
            nonlocal seen
            found = [event for event in told.events if (event.event_id or 0) > seen]
            seen = max([seen, *(event.event_id or 0 for event in found)])
            return found

        return await stream(request, "one", told.news, next_events, heartbeat_s=heartbeat_s)

    app = web.Application(middlewares=[problems])
    app.router.add_get("/", serve)
    keep_streams(app)
    async with TestClient(TestServer(app)) as client:
        yield client


async def event_of(answer: ClientResponse) -> dict[str, Any]:
    """The next event, comments and all."""
    lines: list[str] = []
    while (line := (await asyncio.wait_for(answer.content.readline(), 5)).decode().rstrip("\n")) or not lines:
        lines.append(line)
    fields = dict(line.partition(": ")[::2] for line in lines if line)
    return {name: orjson.loads(value) if name == "data" else value for name, value in fields.items()}


async def test_events_come_as_they_are_told_and_end_with_the_end() -> None:
    told = Told()
    told.put(Event("live", {"soc": "40"}, 1))
    async with serving(told) as client, client.get("/") as answer:
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert await event_of(answer) == {"retry": "2000"}
        assert await event_of(answer) == {"id": "1", "event": "live", "data": {"soc": "40"}}
        told.put(Event("live", {"soc": "41"}, 2), Event(END, {}, 3))
        assert (await event_of(answer))["data"] == {"soc": "41"}
        assert (await event_of(answer))["event"] == "end"
        assert await answer.content.read() == b""


async def test_who_was_cut_off_goes_on_after_the_last_event_it_saw() -> None:
    told = Told()
    told.put(*(Event("live", {}, number) for number in range(1, 5)), Event(END, {}, 5))
    async with serving(told) as client:
        for asked in ({"headers": {"Last-Event-ID": "3"}}, {"params": {"last_event_id": "3"}}):
            async with client.get("/", **asked) as answer:  # type: ignore[arg-type]
                text = await answer.text()
            assert [line for line in text.splitlines() if line.startswith("id:")] == ["id: 4", "id: 5"]


async def test_a_stream_without_news_shows_that_it_is_alive() -> None:
    async with serving(Told(), heartbeat_s=0.01) as client, client.get("/") as answer:
        await event_of(answer)
        assert await event_of(answer) == {"": "still here"}


@pytest.mark.parametrize("event_id", ["", "-1", "x", "1" * 30, "١"])
async def test_an_event_id_that_is_none_of_ours_is_a_problem(event_id: str) -> None:
    async with serving(Told()) as client, client.get("/", params={"last_event_id": event_id}) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"


async def test_one_thing_is_followed_by_a_bounded_number_and_a_place_is_free_again_when_one_goes() -> None:
    told = Told()
    async with serving(told, heartbeat_s=0.01) as client:
        taken = [await client.get("/") for _ in range(STREAMS_OF_ONE_MAX)]
        refused = await client.get("/")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "15")
        taken[0].close()
        while (again := await client.get("/")).status == 429:
            again.release()
            await asyncio.sleep(0.01)
        assert again.status == 200


async def test_a_server_that_stops_ends_its_streams() -> None:
    async with serving(Told()) as client:
        answer = await client.get("/")
        await event_of(answer)
        await asyncio.wait_for(client.server.close(), 5)
        with pytest.raises(ClientPayloadError):
            await asyncio.wait_for(answer.content.read(), 5)


def test_only_who_asks_for_a_stream_gets_one() -> None:
    assert wants_stream(make_mocked_request("GET", "/", {"Accept": "text/event-stream"}))
    assert not wants_stream(make_mocked_request("GET", "/", {"Accept": "application/json"}))
