"""Tickets at the operator's link: read and written there and nowhere else, and believed member by member."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from bap.store.records import Contract, Ticket, TicketNote
from bap.tickets import read_tickets, write_ticket
from energy.offers import SupportContact
from node.client import PeerClient
from node.problems import Problem, json_response
from protocol.errors import PeerFailed
from protocol.lifecycle import Stage
from tests.bap.examples import contract
from tests.peers import LOCAL, Arrival, Peer, peer

TOLD = {
    "ticket_id": "ticket-1",
    "kind": "question",
    "state": "answered",
    "subject": "Losses",
    "updated_at": "2026-11-20T10:00:00.000Z",
    "notes": [{"side": "producer", "text": "How much?", "at": "2026-11-20T10:00:00.000Z", "name": None}],
}
KNOWN = Ticket(
    "ticket-1",
    "question",
    "answered",
    "Losses",
    "2026-11-20T10:00:00.000Z",
    (TicketNote("producer", "How much?", "2026-11-20T10:00:00.000Z"),),
)


@pytest.fixture
async def operator() -> AsyncIterator[Peer]:
    async with peer() as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[PeerClient]:
    opened = PeerClient(timeout_s=5, max_answer_bytes=100_000, rules=LOCAL.rules)
    await opened.start()
    yield opened
    await opened.stop()


def supported(operator: Peer, url: str | None = None) -> Contract:
    """A contract whose operator gave a link."""
    contact = SupportContact("order-1", "", "", f"{operator.url}/tickets/secret" if url is None else url)
    return contract(Stage.ACTIVE, bpp_uri=operator.url, support=contact)


async def test_tickets_are_read_at_the_link(operator: Peer, client: PeerClient) -> None:
    operator.script = lambda _: json_response({"once": "n1", "tickets": [TOLD]})
    assert await read_tickets(client, supported(operator)) == (KNOWN,)
    assert operator.arrivals[0].path == "/beckn/tickets/secret"


async def test_a_ticket_is_written_with_the_token_that_the_page_gave(operator: Peer, client: PeerClient) -> None:
    written: list[dict[str, str]] = []

    def serve(arrival: Arrival) -> web.Response:
        if arrival.body:
            written.append(dict(parse_qsl(arrival.body.decode())))
        return json_response({"once": "n1", "tickets": [TOLD] if written else []})

    operator.script = serve
    fields = {"kind": "question", "subject": "Losses", "text": "How much?"}
    assert await write_ticket(client, supported(operator), fields) == (KNOWN,)
    assert written == [{"once": "n1", **fields}]


async def test_without_a_link_support_has_to_be_asked_for_first(operator: Peer, client: PeerClient) -> None:
    for known in (contract(Stage.ACTIVE, bpp_uri=operator.url), supported(operator, "")):
        with pytest.raises(Problem, match="Ask for support first"):
            await read_tickets(client, known)


async def test_a_link_to_another_server_is_not_followed(operator: Peer, client: PeerClient) -> None:
    with pytest.raises(PeerFailed, match="another server"):
        await write_ticket(client, supported(operator, "http://elsewhere.example/tickets"), {"text": "?"})
    assert operator.arrivals == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"tickets": "none"},
        {"tickets": [{}]},
        {"tickets": ["ticket-1"]},
        {"tickets": [TOLD | {"state": 1}]},
        {"tickets": [TOLD | {"notes": [{"side": "producer"}]}]},
        {"tickets": [TOLD | {"notes": None}]},
    ],
)
async def test_what_is_no_list_of_tickets_is_not_believed(
    operator: Peer, client: PeerClient, content: dict[str, Any]
) -> None:
    operator.script = lambda _: json_response(content)
    with pytest.raises(PeerFailed, match="did not give"):
        await read_tickets(client, supported(operator))


async def test_a_link_that_is_over_says_so(operator: Peer, client: PeerClient) -> None:
    operator.script = lambda _: Problem(404, "Not found", "This link is over.").response()
    with pytest.raises(PeerFailed, match=r"404: This link is over\."):
        await read_tickets(client, supported(operator))


async def test_a_page_that_gives_no_token_is_not_written_to(operator: Peer, client: PeerClient) -> None:
    operator.script = lambda _: json_response({"tickets": []})
    with pytest.raises(PeerFailed, match="a token to write with"):
        await write_ticket(client, supported(operator), {"text": "?"})
    assert len(operator.arrivals) == 1
