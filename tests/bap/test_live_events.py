"""How the client reads a stream: events from lines, over connections that are cut at any point."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bap.client import ApiError, BapClient
from bap.live_events import EventReader, LiveEvent

LINES = [
    *("retry: 50", ""),
    *("id: 1", "event: reading", 'data: {"soc_percent":"40"}', ""),
    *(": still here", ""),
    *("event: contract", "data: {", 'data: "stage": "ACTIVE"}', ""),
    *("id: 2", "event: end", "data: {}", ""),
]
EVENTS = [
    LiveEvent("reading", {"soc_percent": "40"}, "1"),
    LiveEvent("contract", {"stage": "ACTIVE"}),
    LiveEvent("end", {}, "2"),
]


def test_lines_become_events_and_hints_are_heeded() -> None:
    reader = EventReader()
    assert [event for line in LINES if (event := reader.feed(line)) is not None] == EVENTS
    assert (reader.retry_s, reader.last_event_id, reader.ended) == (0.05, "2", True)


@given(st.integers(0, len(LINES) - 1))
def test_half_an_event_of_a_connection_that_was_cut_counts_for_nothing(cut: int) -> None:
    reader = EventReader()
    first = [event for line in LINES[:cut] if (event := reader.feed(line)) is not None]
    seen = reader.begin().get("Last-Event-ID")
    assert seen == next((event.event_id for event in reversed(first) if event.event_id), None)
    rest = [event for line in LINES if (event := reader.feed(line)) is not None]
    assert rest == EVENTS


def test_a_cut_connection_is_made_again_from_the_last_event_on() -> None:
    asked: list[str | None] = []
    slept: list[float] = []
    text = "\n".join(LINES) + "\n"

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) == 2:
            raise httpx.ConnectError("down")
        part = text[: text.index("event: contract")] if len(asked) == 1 else text[text.index("event: contract") :]
        return httpx.Response(200, text=part)

    with BapClient("http://bap.example", "token", transport=httpx.MockTransport(answer)) as client:
        assert list(client.live("c", sleep=slept.append)) == EVENTS
    assert (asked, slept) == ([None, "1", "1"], [0.05, 0.05])


def test_a_refusal_is_told_and_not_tried_again() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(404, json={"title": "Not found", "detail": "No."}))
    with BapClient("http://bap.example", "token", transport=transport) as client, pytest.raises(ApiError, match="No"):
        next(client.live("c"))
