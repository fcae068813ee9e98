"""A contract's live stream: for whoever was told the link, from the last event on, until contract or link end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from energy.offers import CancelRequest, Tracking, TrackRequest
from tests.bpp.platform import Platform, sample, use
from tests.bpp.test_operation import QUARTER, finished, look_at, readings
from tests.messages import BPP_URL

USE = use()
STREAM = {"Accept": "text/event-stream"}


async def tracked(platform: Platform, order_id: str) -> str:
    """The path of a fresh link."""
    tracking = (await platform.answer("track", TrackRequest(order_id))).content
    assert isinstance(tracking, Tracking)
    return tracking.url.removeprefix(BPP_URL.removesuffix("/beckn"))


async def bought(platform: Platform) -> str:
    return str((await platform.buy()).order.order_id)


async def next_event(answer: Any) -> dict[str, Any]:
    """The next event that is not a comment or a hint."""
    fields: dict[str, str] = {}
    line = ""
    while "event" not in fields or line:
        line = (await asyncio.wait_for(answer.content.readline(), 10)).decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
    return {"id": int(fields.get("id", 0)), "event": fields["event"], **orjson.loads(fields["data"])}


async def test_what_is_told_by_on_status_is_told_on_the_stream(platform: Platform, stranger: Any) -> None:
    path = await tracked(platform, await bought(platform))
    await platform.sent()
    async with stranger.get(path, headers=STREAM) as answer:
        assert (answer.status, answer.headers["Referrer-Policy"]) == (200, "no-referrer")
        told = (await look_at(platform, USE.charge.start, readings(USE, power_w=37_500)))[-1].order
        event = await next_event(answer)
        assert (event["event"], event["state"]) == ("live", "transaction-in-progress")
        assert told.live is not None
        assert event["live"]["power_w"] == told.live.power_w == 37_500


async def test_a_stream_begins_with_what_was_told_last_and_goes_on_after_a_known_event(
    platform: Platform, stranger: Any
) -> None:
    path = await tracked(platform, await bought(platform))
    for number in range(4):
        at = USE.charge.start + number * QUARTER
        await look_at(platform, at, [sample(at, 5_000_000 + 9_375 * number, soc=Decimal(number) / 100)])
    async with stranger.get(path, headers=STREAM) as answer:
        newest = await next_event(answer)
    assert newest["live"]["soc_percent"] == "3"
    async with stranger.get(path, headers=STREAM | {"Last-Event-ID": "0"}) as answer:
        events = [await next_event(answer) for _ in range(4)]
    assert [event["live"]["soc_percent"] for event in events] == ["0", "1", "2", "3"]
    assert events[-1] == newest
    async with stranger.get(path, headers=STREAM | {"Last-Event-ID": str(events[1]["id"])}) as answer:
        assert [await next_event(answer) for _ in range(2)] == events[2:]


async def test_the_stream_of_a_settled_contract_ends_and_its_link_is_gone(platform: Platform, stranger: Any) -> None:
    path = await tracked(platform, await bought(platform))
    async with stranger.get(path, headers=STREAM | {"Last-Event-ID": "0"}) as answer:
        await finished(platform)
        events = [await next_event(answer)]
        while events[-1]["event"] != "end":
            events.append(await next_event(answer))
    assert events[-1]["stage"] == "COMPLETE"
    assert events[-2]["state"] == "transaction-settled"
    for headers in ({}, STREAM):
        gone = await stranger.get(path, headers=headers)
        assert (gone.status, gone.content_type) == (410, "application/problem+json")


async def test_a_cancelled_contract_ends_its_streams(platform: Platform, stranger: Any) -> None:
    order_id = await bought(platform)
    path = await tracked(platform, order_id)
    async with stranger.get(path, headers=STREAM) as answer:
        await platform.answer("cancel", CancelRequest(order_id, "1", ""))
        assert await next_event(answer) == {"id": 0, "event": "end", "reason": "contract-over", "stage": "CANCELLED"}
    assert (await stranger.get(path)).status == 410


async def test_a_link_is_good_for_a_day_and_a_new_one_can_be_asked_for(platform: Platform, stranger: Any) -> None:
    order_id = await bought(platform)
    path = await tracked(platform, order_id)
    platform.clock.now += timedelta(hours=24)
    expired = await stranger.get(path)
    assert expired.status == 410
    assert "send track for a new one" in (await expired.json())["detail"]
    assert (await stranger.get(await tracked(platform, order_id))).status == 200


async def test_a_link_to_another_contract_or_with_another_signature_finds_nothing(
    platform: Platform, stranger: Any
) -> None:
    path = await tracked(platform, await bought(platform))
    for forged in (f"{path}x", f"{path[:-4]}AAAA", path.replace("-4", "-5", 1)):
        assert (await stranger.get(forged, headers=STREAM)).status == 404
