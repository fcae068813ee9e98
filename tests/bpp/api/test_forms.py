"""The form of a trade: page by page, each good for one submission, open to who knows the address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bpp.contracts import Consent, FormPage
from bpp.store import trade
from bpp.terms import digest_of, facts_of
from energy.offers import DispatchMode, Order
from node.ids import new_uuid
from protocol.forms import read_form
from protocol.lifecycle import Stage
from tests.bpp.platform import BILLING, PROVIDER, Platform, order, use
from tests.messages import BPP_URL

JSON = {"Accept": "application/json"}


async def consent_of(platform: Platform) -> Consent:
    consent = (await platform.contract_of_trade()).consent
    assert consent is not None
    return consent


async def form_of(platform: Platform, wanted: Order | None = None) -> str:
    """The path of the form after ``init``."""
    wanted = wanted or order()
    await platform.answer("select", wanted)
    terms = (await platform.answer("init", replace(wanted, billing=BILLING))).order
    assert terms.form is not None
    assert terms.form.url is not None
    return terms.form.url.removeprefix(BPP_URL.removesuffix("/beckn"))


async def fill_in(stranger: Any, path: str) -> dict[str, str]:
    """What a browser would send when every box is ticked."""
    form = read_form(await (await stranger.get(path)).read())
    assert form is not None
    assert (form.action, form.method) == ("", "post")
    return dict(form.fields)


async def agree_to_all(stranger: Any, path: str) -> str:
    """The whole form, as a program submits it."""
    while True:
        told = await (await stranger.post(path, data=await fill_in(stranger, path), headers=JSON)).json()
        if told["next"] is None:
            return str(told["submission_id"])


async def test_consent_says_what_is_handed_over_and_to_whom(platform: Platform, stranger: Any) -> None:
    answer = await stranger.get(await form_of(platform))
    page = await answer.text()
    assert answer.content_type == "text/html"
    for fact in ("Step 1 of 2", "Garden City Storage", "Hebbal 1", "300 kWh", "2026-11-01 02:00"):
        assert fact in page
    assert "Sun &amp; Sons &lt;Rooftop&gt;" in page
    assert "<script" not in page


async def test_the_terms_say_amount_windows_price_control_losses_penalty_and_what_cancelling_costs(
    platform: Platform, stranger: Any
) -> None:
    page = await (await stranger.get(await form_of(platform, order(mode=DispatchMode.MANUAL)))).text()
    facts = (
        "Step 1 of 1",
        "300 kWh, from 2026-11-01 02:00 to 2026-11-01 10:00 UTC",
        "5610.90 INR, taxes included",
        "427.95 INR: 9 % of 4755",
        "does so by hand",
        "You bear them",
        "None: energy is billed as metered",
        "10 % of the charges above",
        "never more than the price",
        "due 15 days after its date",
    )
    assert [fact for fact in facts if fact not in page] == []


async def test_the_pages_may_load_and_run_nothing(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    answers = [await stranger.get(path), await stranger.post(path, data=await fill_in(stranger, path))]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_person_goes_from_page_to_page_to_the_number_that_confirm_needs(
    platform: Platform, stranger: Any
) -> None:
    path = await form_of(platform)
    terms = await stranger.post(path, data=await fill_in(stranger, path))
    assert "Terms of the contract" in await terms.text()
    assert [answer.status for answer in terms.history] == [303]
    assert (await consent_of(platform)).submission_id is None
    end = await (await stranger.post(path, data=await fill_in(stranger, path))).text()
    known = await consent_of(platform)
    assert str(known.submission_id) in end
    assert (known.given_by, known.given_at) == (BILLING.name, platform.clock.now)


async def test_what_was_told_on_each_page_is_kept_as_a_digest(platform: Platform, stranger: Any) -> None:
    await agree_to_all(stranger, await form_of(platform))
    contract, consent = await platform.contract_of_trade(), await consent_of(platform)
    told = {page: digest_of(facts_of(page, [contract], PROVIDER.name, 15)) for page in FormPage}
    assert {each.page: each.digest_sha256 for each in consent.agreements} == told
    assert len(set(told.values())) == 2


async def test_a_program_agrees_page_by_page_and_reads_the_number_as_json(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    told = await (await stranger.post(path, data=await fill_in(stranger, path), headers=JSON)).json()
    assert told == {"submission_id": None, "next": f"{BPP_URL}/forms/{path.rpartition('/')[2]}"}
    told = await (await stranger.post(path, data=await fill_in(stranger, path), headers=JSON)).json()
    assert told == {"submission_id": (await consent_of(platform)).submission_id, "next": None}


async def test_a_form_that_was_submitted_gives_the_same_number_again(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    number = await agree_to_all(stranger, path)
    assert (await (await stranger.post(path, data={}, headers=JSON)).json())["submission_id"] == number
    assert number in await (await stranger.get(path)).text()
    assert number in await (await stranger.post(path, data={"terms": "yes"})).text()


async def test_a_page_is_good_for_one_submission(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    fields = await fill_in(stranger, path) | {"terms": "yes"}
    await stranger.post(path, data=fields)
    again = await stranger.post(path, data=fields)
    assert again.status == 400
    assert "This page was out of date" in await again.text()
    assert (await consent_of(platform)).submission_id is None


@pytest.mark.parametrize("change", [{"once": "guessed"}, {"once": ""}, {"consent": "no"}, {"consent": ""}])
async def test_without_the_pages_token_and_a_yes_nothing_is_agreed(
    platform: Platform, stranger: Any, change: dict[str, str]
) -> None:
    path = await form_of(platform)
    fields = await fill_in(stranger, path) | change
    answer = await stranger.post(path, data=fields)
    assert (answer.status, 'role="alert"' in await answer.text()) == (400, True)
    assert (await stranger.post(path, data=fields, headers=JSON)).status == 400
    assert (await consent_of(platform)).agreements == ()


async def test_a_body_that_is_no_form_is_refused(platform: Platform, stranger: Any) -> None:
    answer = await stranger.post(await form_of(platform), json={"consent": "yes"})
    assert answer.status == 415


async def test_an_address_that_was_guessed_finds_no_form(platform: Platform, stranger: Any) -> None:
    await form_of(platform)
    assert (await stranger.get(f"/beckn/forms/{new_uuid()}")).status == 404
    assert (await stranger.post(f"/beckn/forms/{new_uuid()}", data={"consent": "yes"})).status == 404


async def test_a_new_selection_closes_the_old_form(platform: Platform, stranger: Any) -> None:
    old = await form_of(platform)
    await form_of(platform, order(use=use(200_000)))
    assert (await stranger.get(old)).status == 404


async def test_a_form_is_closed_when_its_trade_went_on_without_it(platform: Platform, stranger: Any) -> None:
    path = await form_of(platform)
    fields = await fill_in(stranger, path)
    moved_on = replace(await platform.contract_of_trade(), stage=Stage.CANCELLED)
    await platform.database.write(lambda tx: trade.save(tx, moved_on))
    assert (await stranger.get(path)).status == 409
    assert (await stranger.post(path, data=fields)).status == 409
    assert (await stranger.post(path, data=fields, headers=JSON)).status == 409
