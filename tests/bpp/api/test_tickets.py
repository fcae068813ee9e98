"""Tickets and feedback: written at an address of their own, answered in the operator's API; and maintenance."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from energy.offers import FeedbackForm, RatingRequest, SupportContact, SupportRequest
from node.ids import new_uuid
from protocol.forms import read_form
from protocol.moments import timestamp_text
from tests.bpp.platform import OTHER_TRADE, Platform, order, use
from tests.energy.examples import BATTERY
from tests.messages import BPP_URL

JSON = {"Accept": "application/json"}
OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}
ASKED = {"kind": "question", "subject": "Losses", "text": "How much is <lost>?", "name": "Asha"}


async def link_of(platform: Platform, ref_id: str = "anything", **where: Any) -> str:
    contact = (await platform.answer("support", SupportRequest(ref_id), **where)).content
    assert isinstance(contact, SupportContact)
    return contact.url.removeprefix(BPP_URL.removesuffix("/beckn"))


async def told(stranger: Any, path: str) -> dict[str, Any]:
    return dict(await (await stranger.post(path, data={}, headers=JSON)).json())


async def write(stranger: Any, path: str, **fields: str) -> Any:
    once = (await told(stranger, path))["once"]
    return await stranger.post(path, data={"once": once, **fields}, headers=JSON)


async def test_a_ticket_goes_from_the_producers_page_to_the_operator_and_back(
    platform: Platform, stranger: Any, operator: Any
) -> None:
    order_id = str((await platform.buy()).order.order_id)
    path = await link_of(platform, order_id)
    assert (await write(stranger, path, **ASKED)).status == 200
    (theirs,) = (await (await operator.get("/api/v1/tickets?state=open")).json())["tickets"]
    assert (theirs["kind"], theirs["subject"], theirs["contract_id"]) == ("question", "Losses", order_id)
    ticket = f"/api/v1/tickets/{theirs['ticket_id']}"
    answered = await (await operator.post(f"{ticket}/notes", json={"text": "36.2 kWh."})).json()
    assert (answered["state"], [note["side"] for note in answered["notes"]]) == ("answered", ["producer", "operator"])
    (ours,) = (await told(stranger, path))["tickets"]
    assert (ours["state"], ours["notes"][1]["text"]) == ("answered", "36.2 kWh.")
    await write(stranger, path, ticket_id=ours["ticket_id"], text="Thank you!")
    closed = await operator.put(f"{ticket}/state", json={"state": "closed"})
    assert (await closed.json())["state"] == "closed"
    late = await write(stranger, path, ticket_id=ours["ticket_id"], text="One more thing")
    assert (late.status, "closed" in (await late.json())["detail"]) == (400, True)


async def test_the_page_shows_what_was_written_and_nothing_of_it_is_markup(platform: Platform, stranger: Any) -> None:
    path = await link_of(platform)
    form = read_form(await (await stranger.get(path)).read())
    assert form is not None
    shown = await stranger.post(path, data=dict(form.fields) | ASKED)
    page = await shown.text()
    assert [answer.status for answer in shown.history] == [303]
    assert "How much is &lt;lost&gt;?" in page
    assert "Asha" in page
    assert "A question, open" in page
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


async def test_a_form_is_good_once(platform: Platform, stranger: Any) -> None:
    path = await link_of(platform)
    fields = {"once": (await told(stranger, path))["once"], **ASKED}
    assert (await stranger.post(path, data=fields, headers=JSON)).status == 200
    assert (await stranger.post(path, data=fields, headers=JSON)).status == 400
    assert (await stranger.post(path, data=ASKED)).status == 400
    assert len((await told(stranger, path))["tickets"]) == 1


@pytest.mark.parametrize("change", [{"kind": "gossip"}, {"subject": ""}, {"text": " "}, {"text": "x" * 4_001}])
async def test_a_ticket_that_says_too_little_or_too_much_is_not_taken(
    platform: Platform, stranger: Any, change: dict[str, str]
) -> None:
    path = await link_of(platform)
    assert (await write(stranger, path, **(ASKED | change))).status == 400
    assert (await told(stranger, path))["tickets"] == []


async def test_a_link_is_its_platforms_alone_and_ends(platform: Platform, stranger: Any) -> None:
    path, theirs = await link_of(platform), await link_of(platform, **OTHER_BAP)
    await write(stranger, path, **ASKED)
    (ours,) = (await told(stranger, path))["tickets"]
    assert (await told(stranger, theirs))["tickets"] == []
    foreign = await write(stranger, theirs, ticket_id=ours["ticket_id"], text="Let me in")
    assert (await foreign.json())["detail"] == "There is no such ticket here."
    platform.clock.now += timedelta(hours=72)
    assert (await stranger.get(path)).status == 404
    assert (await stranger.post(path, data=ASKED)).status == 404
    assert (await stranger.get(f"/beckn/tickets/{new_uuid()}")).status == 404


async def maintenance(operator: Any, battery_id: str = BATTERY.battery_id) -> str:
    content = {"kind": "maintenance", "subject": "New fans", "text": "Two hours.", "battery_id": battery_id}
    opened = await operator.post("/api/v1/tickets", json=content)
    assert opened.status == 201
    return f"/api/v1/tickets/{(await opened.json())['ticket_id']}"


def window(start_h: int, hours: int = 4) -> dict[str, str]:
    start = use(start_h=start_h).charge.start
    return {"start": timestamp_text(start), "end": timestamp_text(start + timedelta(hours=hours))}


async def test_maintenance_takes_a_battery_out_of_the_book_until_it_is_over(platform: Platform, operator: Any) -> None:
    ticket = await maintenance(operator)
    taken = await operator.put(f"{ticket}/maintenance", json=window(50))
    assert (await taken.json())["maintenance"] == window(50)
    assert (await platform.answer("select", order())).code == "40002"
    assert (await platform.answer("select", order(use=use(start_h=60)), **OTHER_BAP)).code is None
    assert (await operator.delete(f"{ticket}/maintenance")).status == 200
    assert (await platform.answer("select", order(use=use(20_000)))).code is None


async def test_closing_its_ticket_ends_a_maintenance(platform: Platform, operator: Any) -> None:
    ticket = await maintenance(operator)
    await operator.put(f"{ticket}/maintenance", json=window(50))
    closed = await (await operator.put(f"{ticket}/state", json={"state": "closed"})).json()
    assert closed["maintenance"] is None
    assert (await platform.answer("select", order())).code is None


async def test_a_battery_that_is_sold_is_not_taken_out(platform: Platform, operator: Any) -> None:
    order_id = str((await platform.buy()).order.order_id)
    refused = await operator.put(f"{await maintenance(operator)}/maintenance", json=window(50))
    assert refused.status == 409
    assert order_id in (await refused.json())["detail"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"start": "2026-11-03T00:00:00Z", "end": "2026-11-03T00:15:00Z"}, 409),
        ({"start": "2026-11-03T00:05:00Z", "end": "2026-11-03T01:00:00Z"}, 409),
        ({"start": "2026-11-03T02:00:00Z", "end": "2026-11-03T01:00:00Z"}, 422),
        ({"start": "tomorrow", "end": "2026-11-03T01:00:00Z"}, 422),
        ({"start": "2026-11-03T00:00:00Z", "end": "2026-11-03T01:00:00Z", "battery_id": "another"}, 409),
        ({"begin": "2026-11-03T00:00:00Z"}, 422),
    ],
)
async def test_a_maintenance_that_can_not_be_planned_is_refused(
    platform: Platform, operator: Any, content: dict[str, str], status: int
) -> None:
    assert (await operator.put(f"{await maintenance(operator)}/maintenance", json=content)).status == status
    assert (await platform.answer("select", order())).code is None


async def test_only_a_maintenance_ticket_takes_a_battery_out(platform: Platform, operator: Any) -> None:
    content = {"kind": "issue", "subject": "Noise", "text": "It hums.", "battery_id": BATTERY.battery_id}
    opened = await (await operator.post("/api/v1/tickets", json=content)).json()
    refused = await operator.put(f"/api/v1/tickets/{opened['ticket_id']}/maintenance", json=window(50))
    assert refused.status == 409


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/api/v1/tickets/unknown", None, 404),
        ("POST", "/api/v1/tickets/unknown/notes", {"text": "?"}, 404),
        ("GET", "/api/v1/tickets?state=lost", None, 422),
        ("POST", "/api/v1/tickets", {"kind": "issue", "subject": "s"}, 422),
        ("POST", "/api/v1/tickets", {"kind": "issue", "subject": "s", "text": "t", "contract_id": "unknown"}, 409),
    ],
)
async def test_what_the_operator_asks_wrongly_is_refused(
    operator: Any, method: str, path: str, content: object, status: int
) -> None:
    assert (await operator.request(method, path, json=content)).status == status


async def feedback_of(platform: Platform) -> str:
    order_id = str((await platform.buy()).order.order_id)
    answer = (await platform.answer("rating", RatingRequest("Order", order_id, Decimal(4)))).content
    assert isinstance(answer, FeedbackForm)
    assert answer.url is not None
    return answer.url.removeprefix(BPP_URL.removesuffix("/beckn"))


async def test_feedback_is_written_on_a_page_and_read_by_the_operator(
    platform: Platform, stranger: Any, operator: Any
) -> None:
    path = await feedback_of(platform)
    form = read_form(await (await stranger.get(path)).read())
    assert form is not None
    sent = await stranger.post(path, data=dict(form.fields) | {"words": "Prompt & friendly"})
    assert "Prompt &amp; friendly" in await sent.text()
    (rating,) = (await (await operator.get("/api/v1/ratings")).json())["ratings"]
    assert (rating["category"], rating["value"], rating["feedback"]) == ("Order", 4, "Prompt & friendly")
    assert rating["battery_id"] == BATTERY.battery_id


async def test_feedback_without_words_or_with_a_used_form_is_not_taken(platform: Platform, stranger: Any) -> None:
    path = await feedback_of(platform)
    form = read_form(await (await stranger.get(path)).read())
    assert form is not None
    fields = dict(form.fields)
    assert (await stranger.post(path, data=fields | {"words": " "})).status == 400
    assert (await stranger.post(path, data=fields | {"words": "Good"}, headers=JSON)).status == 200
    assert (await stranger.post(path, data=fields | {"words": "Bad"}, headers=JSON)).status == 400
    assert (await stranger.get(f"/beckn/feedback/{new_uuid()}")).status == 404
    assert (await stranger.post(f"/beckn/feedback/{new_uuid()}", data={"words": "?"})).status == 404
