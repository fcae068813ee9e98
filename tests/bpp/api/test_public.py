"""Live values and invoices: open to who knows the address, and to nobody else."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from energy.offers import InvoiceReference, StatusRequest, Tracking, TrackRequest
from node.ids import new_uuid
from tests.bpp.platform import Platform, sample
from tests.bpp.test_operation import finished
from tests.messages import BPP_URL


async def test_an_address_that_was_guessed_finds_nothing(platform: Platform, stranger: Any) -> None:
    await platform.buy()
    for path in ("track", "invoices"):
        assert (await stranger.get(f"/beckn/{path}/{new_uuid()}")).status == 404


async def test_live_values_are_shown_at_the_tracked_address(platform: Platform, stranger: Any) -> None:
    order_id = str((await platform.buy()).order.order_id)
    tracking = (await platform.answer("track", TrackRequest(order_id))).content
    assert isinstance(tracking, Tracking)
    path = tracking.url.removeprefix(BPP_URL.removesuffix("/beckn"))
    assert (await (await stranger.get(path)).json())["live"] is None
    await platform.add_samples(sample(platform.trade, 5, power_w=700))
    shown = await (await stranger.get(path)).json()
    assert (shown["order_id"], shown["state"]) == (order_id, "transaction-confirmed")
    assert shown["live"]["power_w"] == 700
    told = (await platform.answer("status", StatusRequest(order_id))).order
    assert told.live is not None
    assert shown["live"]["quality"] == told.live.quality


async def test_the_invoices_bytes_have_the_digest_that_was_told(platform: Platform, stranger: Any) -> None:
    await platform.buy()
    reference = (await finished(platform)).order.invoice
    assert reference is not None
    answer = await stranger.get(reference.url.removeprefix(BPP_URL.removesuffix("/beckn")))
    assert answer.content_type == reference.media_type
    assert hashlib.sha256(await answer.read()).hexdigest() == reference.digest_sha256


async def test_what_is_no_page_is_left_to_the_network_endpoints(stranger: Any) -> None:
    answer = await stranger.get("/beckn/nothing")
    assert answer.status == 404
    assert (await answer.json())["message"]["ack"]["status"] == "NACK"


async def invoice_path(platform: Platform) -> tuple[str, InvoiceReference]:
    """Where the one invoice is, and what was told of it."""
    await platform.buy()
    reference = (await finished(platform)).order.invoice
    assert reference is not None
    return reference.url.removeprefix(BPP_URL.removesuffix("/beckn")), reference


@pytest.mark.parametrize(
    ("suffix", "accept", "media_type"),
    [
        (".json", "text/html", "application/json"),
        (".pdf", "*/*", "application/pdf"),
        (".xml", "*/*", "application/xml"),
        (".csv", "*/*", "text/csv"),
        ("", "*/*", "application/json"),
        ("", "application/pdf", "application/pdf"),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/pdf"),
    ],
)
async def test_an_invoice_comes_in_the_form_of_its_suffix_or_as_asked_for(
    platform: Platform, stranger: Any, suffix: str, accept: str, media_type: str
) -> None:
    path, _ = await invoice_path(platform)
    answer = await stranger.get(path + suffix, headers={"Accept": accept})
    assert (answer.status, answer.content_type) == (200, media_type)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_form_that_there_is_not_finds_nothing(platform: Platform, stranger: Any) -> None:
    path, _ = await invoice_path(platform)
    assert (await stranger.get(f"{path}.docx")).status == 404


async def test_the_operators_key_has_signed_the_invoices_bytes(platform: Platform, stranger: Any) -> None:
    path, reference = await invoice_path(platform)
    body = await (await stranger.get(path)).read()
    key = platform.bpp.participant.keyring.own.signing.verify_key
    assert (reference.algorithm, reference.kind) == ("ed25519", "invoice")
    assert key.verify(body, base64.b64decode(str(reference.signature))) == body
