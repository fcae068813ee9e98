"""The consent form, live values and invoices: open to who knows the address, and to nobody else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from bpp.contracts import Consent
from bpp.store import trade
from energy.offers import Order, StatusRequest, Tracking, TrackRequest
from node.ids import new_uuid
from protocol.lifecycle import Stage
from tests.bpp.platform import BILLING, Platform, order, sample, use
from tests.bpp.test_operation import finished
from tests.messages import BPP_URL


async def consent_of(platform: Platform) -> Consent:
    consent = (await platform.contract_of_trade()).consent
    assert consent is not None
    return consent


async def form_of(platform: Platform, wanted: Order | None = None) -> str:
    """The path of the consent form after ``init``."""
    wanted = wanted or order()
    await platform.answer("select", wanted)
    terms = (await platform.answer("init", order(use=wanted.use, billing=BILLING))).order
    assert terms.form is not None
    assert terms.form.url is not None
    return terms.form.url.removeprefix(BPP_URL.removesuffix("/beckn"))


async def test_the_form_says_what_is_handed_over_and_to_whom(platform: Platform, stranger: Any) -> None:
    answer = await stranger.get(await form_of(platform))
    page = await answer.text()
    assert answer.content_type == "text/html"
    for fact in ("Garden City Storage", "Hebbal 1", "300 kWh", "2026-11-01 02:00", "5610.90 INR"):
        assert fact in page
    assert "Sun &amp; Sons &lt;Rooftop&gt;" in page
    assert "<script" not in page


async def test_the_page_may_load_and_run_nothing(platform: Platform, stranger: Any) -> None:
    headers = (await stranger.get(await form_of(platform))).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_consent_given_in_a_browser_shows_the_number_that_confirm_needs(
    platform: Platform, stranger: Any
) -> None:
    path = await form_of(platform)
    page = await (await stranger.post(path, data={"consent": "yes"})).text()
    known = await consent_of(platform)
    assert str(known.submission_id) in page
    assert known.given_by == BILLING.name
    assert known.given_at == platform.clock.now


async def test_a_program_gives_consent_and_reads_the_number_as_json(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    answer = await stranger.post(path, data={"consent": "yes"}, headers={"Accept": "application/json"})
    submission = (await answer.json())["submission_id"]
    assert submission == (await consent_of(platform)).submission_id


async def test_consent_given_twice_is_one_consent(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    json = {"Accept": "application/json"}
    first = await (await stranger.post(path, data={"consent": "yes"}, headers=json)).json()
    second = await (await stranger.post(path, data={"consent": "yes"}, headers=json)).json()
    assert first == second
    assert first["submission_id"] in await (await stranger.get(path)).text()


@pytest.mark.parametrize("fields", [{}, {"consent": "no"}, {"agree": "yes"}])
async def test_without_a_yes_there_is_no_consent(platform: Platform, stranger: Any, fields: dict[str, str]) -> None:
    path = await form_of(platform)
    assert (await stranger.post(path, data=fields)).status == 400
    assert (await consent_of(platform)).submission_id is None


async def test_an_address_that_was_guessed_finds_nothing(platform: Platform, stranger: Any) -> None:
    await form_of(platform)
    for path in ("forms", "track", "invoices"):
        assert (await stranger.get(f"/beckn/{path}/{new_uuid()}")).status == 404
    assert (await stranger.post(f"/beckn/forms/{new_uuid()}", data={"consent": "yes"})).status == 404


async def test_a_new_selection_closes_the_old_form(platform: Platform, stranger: Any) -> None:
    old = await form_of(platform)
    await form_of(platform, order(use=use(200_000)))
    assert (await stranger.post(old, data={"consent": "yes"})).status == 404


async def test_a_form_is_closed_when_its_trade_went_on_without_it(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    moved_on = replace(await platform.contract_of_trade(), stage=Stage.CANCELLED)
    await platform.database.write(lambda tx: trade.save(tx, moved_on))
    assert (await stranger.get(path)).status == 409
    assert (await stranger.post(path, data={"consent": "yes"})).status == 409


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
