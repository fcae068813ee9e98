"""The operator's form and the invoice: from the operator's own server only, and only with the signed digest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from bap.paperwork import PAGES_MAX, differences, fetch_invoice, read_invoice, submit_forms
from energy.offers import InvoiceReference
from node.client import PeerClient
from node.problems import Problem, json_response
from protocol.errors import PeerFailed
from protocol.lifecycle import Stage
from tests.bap.examples import contract, invoice_bytes, referring_to
from tests.peers import LOCAL, Arrival, Peer, peer


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


PAGE = "<form method=post><input type=hidden name=once value=n{}><input type=checkbox name=terms value=yes></form>"


class TwoPages:
    """A form of two pages, each good for one submission."""

    def __init__(self, following: str = "/beckn/forms/secret") -> None:
        self.agreed = 0
        self.following = following

    def __call__(self, arrival: Arrival) -> web.Response:
        if "Accept" not in arrival.headers or arrival.headers["Accept"] == "*/*":
            return web.Response(text=PAGE.format(self.agreed), content_type="text/html")
        assert arrival.body == f"once=n{self.agreed}&terms=yes".encode()
        self.agreed += 1
        if self.agreed == 2:
            return json_response({"submission_id": "submission-1", "next": None})
        return json_response({"submission_id": None, "next": self.following})


async def test_every_page_of_the_form_is_read_and_agreed_to_with_its_own_token(
    operator: Peer, client: PeerClient
) -> None:
    operator.script = TwoPages()
    known = contract(Stage.INITIALISED, bpp_uri=operator.url)
    assert await submit_forms(client, known, f"{operator.url}/forms/secret") == "submission-1"
    assert [len(arrival.body) > 0 for arrival in operator.arrivals] == [False, True, False, True]
    sent = operator.arrivals[1].headers
    assert (sent["Content-Type"], sent["Accept"]) == ("application/x-www-form-urlencoded", "application/json")


async def test_a_form_that_was_submitted_before_gives_its_number_again(operator: Peer, client: PeerClient) -> None:
    operator.script = lambda _: json_response({"submission_id": "submission-1"})
    known = contract(Stage.INITIALISED, bpp_uri=operator.url)
    assert await submit_forms(client, known, f"{operator.url}/forms/secret") == "submission-1"
    assert operator.arrivals[-1].body == b""


async def test_nothing_is_agreed_to_with_anybody_but_the_operator(operator: Peer, client: PeerClient) -> None:
    with pytest.raises(PeerFailed, match="another server"):
        await submit_forms(client, contract(Stage.INITIALISED), f"{operator.url}/forms/secret")
    assert operator.arrivals == []


@pytest.mark.parametrize("elsewhere", ["http://bank.example/pay", "//bank.example/pay"])
async def test_a_page_that_leads_elsewhere_is_not_followed(operator: Peer, client: PeerClient, elsewhere: str) -> None:
    known = contract(Stage.INITIALISED, bpp_uri=operator.url)
    operator.script = TwoPages(elsewhere)
    with pytest.raises(PeerFailed, match="another server"):
        await submit_forms(client, known, f"{operator.url}/forms/secret")
    operator.script = lambda _: web.Response(text=f'<form action="{elsewhere}">', content_type="text/html")
    with pytest.raises(PeerFailed, match="another server"):
        await submit_forms(client, known, f"{operator.url}/forms/secret")


async def test_a_form_without_end_is_left_after_a_few_pages(operator: Peer, client: PeerClient) -> None:
    operator.script = lambda _: json_response({"next": "/beckn/forms/secret"})
    with pytest.raises(PeerFailed, match="did not give a submission_id"):
        await submit_forms(client, contract(bpp_uri=operator.url), f"{operator.url}/forms/secret")
    assert len(operator.arrivals) == 2 * PAGES_MAX


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Problem(409, "Closed", "Nothing is asked for any more.").response, "a form: 409: Nothing is asked for"),
        (lambda: json_response({}), "a submission_id: status 200"),
        (lambda: json_response({"submission_id": ""}), "a submission_id: status 200"),
        (lambda: json_response({"submission_id": "x" * 256}), "a submission_id: status 200"),
        (lambda: web.Response(text="<html>"), "a submission_id: status 200"),
    ],
)
async def test_a_form_that_is_not_taken_says_why(
    operator: Peer, client: PeerClient, answer: Callable[[], web.Response], said: str
) -> None:
    operator.script = lambda _: answer()
    with pytest.raises(PeerFailed, match=f"did not give {said}"):
        await submit_forms(client, contract(bpp_uri=operator.url), f"{operator.url}/forms/secret")


def reference(operator: Peer, content: bytes) -> InvoiceReference:
    operator.script = lambda _: web.Response(body=content)
    return referring_to(content, f"{operator.url}/invoices/secret")


async def test_an_invoice_with_the_signed_digest_is_taken_byte_for_byte(operator: Peer, client: PeerClient) -> None:
    content = invoice_bytes()
    known = contract(Stage.COMPLETE, bpp_uri=operator.url)
    assert await fetch_invoice(client, known, reference(operator, content)) == content


async def test_an_invoice_that_is_not_what_was_signed_is_refused(operator: Peer, client: PeerClient) -> None:
    invoice = replace(reference(operator, invoice_bytes()), digest_sha256="0" * 64)
    with pytest.raises(PeerFailed, match="the document that was signed"):
        await fetch_invoice(client, contract(Stage.COMPLETE, bpp_uri=operator.url), invoice)


async def test_an_invoice_on_another_server_is_not_asked_for(operator: Peer, client: PeerClient) -> None:
    with pytest.raises(PeerFailed, match="another server"):
        await fetch_invoice(client, contract(Stage.COMPLETE), reference(operator, b"{}"))
    assert operator.arrivals == []


async def test_an_invoice_that_is_not_there_says_so(operator: Peer, client: PeerClient) -> None:
    invoice = reference(operator, b"{}")
    operator.script = lambda _: Problem(404, "Not found", "There is no invoice at this address.").response()
    with pytest.raises(PeerFailed, match="404: There is no invoice at this address"):
        await fetch_invoice(client, contract(Stage.COMPLETE, bpp_uri=operator.url), invoice)


@pytest.mark.parametrize("content", [b"[]", b"\xff", b'{"a":1,"a":2}', b"[" * 100])
def test_an_invoice_that_is_no_json_object_can_not_be_read(content: bytes) -> None:
    with pytest.raises(PeerFailed, match="did not give a JSON object"):
        read_invoice(content, "http://bpp.example/invoice")


def document(**changes: Any) -> dict[str, Any]:
    return {**orjson.loads(invoice_bytes()), **changes}


def test_an_invoice_of_what_was_metered_at_the_agreed_price_has_no_differences() -> None:
    assert differences(contract(Stage.COMPLETE), document()) == []


def test_an_invoice_for_another_contract_says_so() -> None:
    found = differences(contract(Stage.COMPLETE), document(contract_id="order-2"))
    assert found == ["the contract is order-2, it should be order-1"]


def test_an_invoice_that_does_not_add_up_says_so_even_for_a_cancelled_contract() -> None:
    found = differences(contract(Stage.CANCELLED), document(total="1.00"))
    assert found == ["total is 1.00 but its lines add up to 5598.86"]
