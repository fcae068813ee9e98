"""``/api/v1/contracts`` over HTTP: what is refused, what is awaited, and what goes wrong at the operator's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bap.app import Bap
from bap.client import ApiError, AsyncBapClient
from bap.settings import BillingSettings
from bap.store import searches
from energy.discounts import discounted, percent_at_most
from energy.offers import ContractState, FeedbackForm, Negotiation, Order, OrderStatus, SupportContact
from energy.quantities import Money
from energy.searches import Catalog
from energy.tariffs import lines_total
from node.answers import nack
from node.problems import Problem, json_response
from node.settings import TradeTimeSettings
from protocol.errors import NotValid
from tests.bap.examples import OFFER, PROVIDER, QUOTE, SUBMISSION_ID, invoice_bytes, live, quote, referring_to
from tests.bap.market import EVE, Market, Refusal, bap_settings, running
from tests.bap.test_app import NEED, WAIT_S, api, begin, trade
from tests.energy.examples import TARIFF, at
from tests.waiting import until


async def test_a_contract_that_was_just_selected_tells_everything_agreed_so_far(client: AsyncBapClient) -> None:
    found = await client.contract(await begin(client))
    assert (found["stage"], found["state"], found["order_id"]) == ("SELECTED", "transaction-quoted", None)
    assert (found["provider"], found["item_id"]) == ({"id": "operator", "name": "Bengaluru Storage"}, "battery-1")
    assert (found["energy_wh"], found["giveback_wh"]) == (300_000, 263_845)
    assert found["quote"] is not None
    assert found["quote"]["expires_at"] is not None
    assert [line["title"] for line in found["quote"]["lines"]][-1] == "SGST"
    assert found["consent"] == {"required": False, "url": None, "submitted": False}
    assert (found["live"], found["invoice"], found["error"], found["alerts"]) == (None, None, None, [])


async def test_a_refused_selection_is_a_contract_with_the_operators_reason(
    client: AsyncBapClient, market: Market
) -> None:
    market.answers["select"] = Refusal("40002", "Only 20 kWh are left.", "/message/order/items/0/quantity")
    found = await client.contract(await begin(client))
    assert (found["stage"], found["pending"]) == ("NEW", None)
    assert found["error"] == {
        "code": "40002",
        "message": "Only 20 kWh are left.",
        "path": "/message/order/items/0/quantity",
    }


async def test_a_request_that_the_operator_does_not_take_is_told_with_its_reason(
    client: AsyncBapClient, market: Market
) -> None:
    serve = market.peer.script
    refusal = nack(NotValid("The item has no price."), "bpp.test").response
    market.peer.script = lambda arrival: refusal if arrival.path == "/beckn/select" else serve(arrival)
    found = await client.contract(await begin(client))
    assert found["pending"] is None
    assert found["error"] is not None
    assert (found["error"]["code"], found["error"]["path"]) == ("undelivered", "")
    assert "The item has no price." in found["error"]["message"]


async def test_an_answer_that_does_not_come_is_pending(client: AsyncBapClient, market: Market) -> None:
    contract_id = await begin(client)
    market.answers["init"] = None
    found = await client.init(contract_id, {"name": "Asha Farms"}, wait_s=0.05)
    assert found["pending"] is not None
    assert found["pending"]["action"] == "init"
    assert (found["stage"], found["error"]) == ("SELECTED", None)


@pytest.mark.parametrize("step", ["confirm", "status", "track", "support", "update", "cancel", "rating"])
async def test_a_step_that_is_not_possible_yet_is_refused_with_what_is(client: AsyncBapClient, step: str) -> None:
    contract_id = await begin(client)
    more = {
        "confirm": {"consent": True},
        "update": {"energy_wh": 1},
        "cancel": {"reason_id": "5", "reason": "changed plans"},
        "rating": {"value": 5},
    }
    with pytest.raises(ApiError) as caught:
        await getattr(client, step)(contract_id, **more.get(step, {}))
    assert (caught.value.status, caught.value.path) == (409, "/context/action")
    assert caught.value.detail == (
        f"{step} is not possible while the transaction is SELECTED; possible now: init, select."
    )


@pytest.mark.parametrize(
    "step", ["init", "confirm", "status", "track", "support", "update", "cancel", "rating", "contract", "invoice"]
)
async def test_a_contract_that_nobody_knows_is_not_found(client: AsyncBapClient, step: str) -> None:
    more = {
        "init": {"billing": {"name": "Asha"}},
        "confirm": {"consent": True},
        "update": {"energy_wh": 1},
        "cancel": {"reason_id": "5", "reason": "changed plans"},
        "rating": {"value": 5},
    }
    with pytest.raises(ApiError, match="There is no contract nothing") as caught:
        await getattr(client, step)("nothing", **more.get(step, {}))
    assert caught.value.status == 404


async def test_an_offer_that_nobody_made_is_not_found(client: AsyncBapClient) -> None:
    search = await client.search(**NEED, wait_s=WAIT_S)
    for search_id, offer_id in ((search["search_id"], "nothing"), ("nothing", search["offers"][0]["offer_id"])):
        with pytest.raises(ApiError) as caught:
            await client.select(search_id, offer_id)
        assert caught.value.status == 404


async def test_an_offer_with_impossible_figures_is_neither_shown_nor_sold(
    client: AsyncBapClient, market: Market, bap: Bap
) -> None:
    impossible = replace(OFFER, tariff=replace(OFFER.tariff, currency="ZZZ"))
    market.answers["search"] = lambda _intent: Catalog(PROVIDER, (impossible,))
    search = await client.search(**NEED, wait_s=WAIT_S)
    assert (search["answers"], search["offers"]) == (1, [])
    (kept,) = await bap.participant.database.read(lambda tx: searches.offers_of(tx, search["search_id"]))
    with pytest.raises(ApiError, match="ZZZ") as caught:
        await client.select(search["search_id"], kept.offer_id)
    assert (caught.value.status, caught.value.title) == (409, "Offer unusable")


@pytest.mark.parametrize(
    ("step", "more", "pointer"),
    [
        ("init", {"billing": {"email": "a@b.example"}}, "/billing/name"),
        ("init", {"billing": {"name": "Asha", "email": "nobody"}}, "/billing/email"),
        ("init", {"billing": {"name": "Asha", "tax": "29"}}, "/billing/tax"),
        ("init", {}, "/billing"),
        ("update", {"energy_wh": 0}, "/energy_wh"),
        ("cancel", {"reason_id": "5", "reason": ""}, "/reason"),
        ("rating", {"value": 6}, "/value"),
        ("rating", {"value": "good"}, "/value"),
        ("confirm", {"consent": "yes"}, "/consent"),
        ("status", {"wait_s": 100}, "/wait_s"),
    ],
)
async def test_a_bad_member_of_a_step_is_refused_by_its_pointer(
    client: AsyncBapClient, step: str, more: dict[str, object], pointer: str
) -> None:
    contract_id = await begin(client)
    with pytest.raises(ApiError) as caught:
        await getattr(client, step)(contract_id, **more)
    assert caught.value.status == 422
    assert pointer in [one["pointer"] for one in caught.value.errors]


async def test_the_platforms_own_billing_is_used_when_none_is_given(market: Market, tmp_path: Path) -> None:
    settings = bap_settings(tmp_path, market, billing=BillingSettings("Asha Farms", state_code="29"))
    async with running(settings) as bap, api(bap) as client:
        contract_id = await begin(client)
        assert (await client.init(contract_id, wait_s=WAIT_S))["stage"] == "INITIALISED"
    assert (market.contents["init"].billing.name, market.contents["init"].billing.state_code) == ("Asha Farms", "29")


async def test_without_consent_nothing_is_submitted_and_nothing_confirmed(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await begin(client)
    await client.init(contract_id, {"name": "Asha Farms"}, wait_s=WAIT_S)
    with pytest.raises(ApiError, match="Read what has to be agreed to") as caught:
        await client.confirm(contract_id, consent=False)
    assert (caught.value.status, caught.value.title) == (409, "Consent missing")
    assert "confirm" not in market.asked
    assert not [arrival for arrival in market.peer.arrivals if "/forms/" in arrival.path]


async def test_consent_that_the_operator_does_not_take_leaves_the_contract_as_it_was(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await begin(client)
    before = await client.init(contract_id, {"name": "Asha Farms"}, wait_s=WAIT_S)
    market.documents["/beckn/forms/secret"] = Problem(409, "Closed", "The form is closed.").response()
    with pytest.raises(ApiError, match="The form is closed") as caught:
        await client.confirm(contract_id, consent=True)
    assert caught.value.status == 502
    assert await client.contract(contract_id) == before


async def test_a_contract_without_a_form_is_confirmed_without_consent(client: AsyncBapClient, market: Market) -> None:
    market.answers["init"] = lambda order: replace(market.initialised(order), form=None)  # type: ignore[type-var]
    contract_id = await begin(client)
    await client.init(contract_id, {"name": "Asha Farms"}, wait_s=WAIT_S)
    assert (await client.confirm(contract_id, consent=False, wait_s=WAIT_S))["stage"] == "ACTIVE"


async def test_a_form_is_submitted_once_even_when_the_confirmation_is_refused_and_tried_again(
    client: AsyncBapClient, market: Market
) -> None:
    confirm = market.answers["confirm"]
    market.answers["confirm"] = Refusal("40003", "The quote's time is over.")
    contract_id = await trade(client, market)
    assert (await client.contract(contract_id))["stage"] == "INITIALISED"
    market.answers["confirm"] = confirm
    assert (await client.confirm(contract_id, consent=True, wait_s=WAIT_S))["stage"] == "ACTIVE"
    submitted = [
        arrival for arrival in market.peer.arrivals if "/forms/" in arrival.path and "Content-Type" in arrival.headers
    ]
    assert len(submitted) == 1


async def test_a_number_that_a_person_got_at_the_form_confirms_without_submitting_it(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await begin(client)
    await client.init(contract_id, {"name": "Asha Farms"}, wait_s=WAIT_S)
    active = await client.confirm(contract_id, submission_id=SUBMISSION_ID, wait_s=WAIT_S)
    assert (active["stage"], market.contents["confirm"].form.submission_id) == ("ACTIVE", SUBMISSION_ID)
    assert not [arrival for arrival in market.peer.arrivals if "/forms/" in arrival.path]


async def test_a_second_confirm_while_the_first_is_awaited_is_refused(client: AsyncBapClient, market: Market) -> None:
    market.answers["confirm"] = None
    contract_id = await trade_without_answer(client, market)
    with pytest.raises(ApiError, match="answer to confirm is awaited") as caught:
        await client.confirm(contract_id, consent=True)
    assert caught.value.status == 409


async def trade_without_answer(client: AsyncBapClient, market: Market) -> str:
    market.documents["/beckn/forms/secret"] = json_response({"submission_id": "submission-1"})
    contract_id = await begin(client)
    await client.init(contract_id, {"name": "Asha Farms"}, wait_s=WAIT_S)
    await client.confirm(contract_id, consent=True, wait_s=0)
    await until(lambda: "confirm" in market.asked)
    return contract_id


async def test_an_invoice_that_has_not_come_is_not_found(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    with pytest.raises(ApiError, match="no invoice for this contract yet") as caught:
        await client.invoice(contract_id)
    assert caught.value.status == 404


async def test_an_invoice_that_was_changed_after_it_was_signed_is_not_shown(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id, document = await trade(client, market), invoice_bytes()
    reference = referring_to(document, f"{market.peer.url}/invoices/secret")
    changed = document.replace(b"5598.86", b"9598.86")
    market.documents["/beckn/invoices/secret"] = web.Response(body=changed)
    told = market.running(market.contents["confirm"], state=ContractState.SETTLED, status=OrderStatus.COMPLETE)
    await market.tell_unasked("on_status", contract_id, replace(told, invoice=reference))
    assert [one["stage"] async for one in client.follow(contract_id, interval_s=0.01)][-1] == "COMPLETE"
    with pytest.raises(ApiError, match="the document that was signed") as caught:
        await client.invoice(contract_id)
    assert caught.value.status == 502


async def test_live_values_grow_old_and_a_battery_that_lags_is_told(market: Market, tmp_path: Path) -> None:
    # Trade time stands two hours into charging: half of the energy should be in.
    clock = TradeTimeSettings(EVE, bap_settings(tmp_path, market).trade_time.started, 1)
    async with running(bap_settings(tmp_path, market, trade_time=clock)) as bap, api(bap) as client:
        contract_id = await trade(client, market)
    later = replace(clock, epoch=at(2))
    async with running(bap_settings(tmp_path, market, trade_time=later)) as bap, api(bap) as client:
        market.asked["confirm"] = replace(market.asked["confirm"], bap_uri=bap.participant.identity.url)
        told = market.running(
            market.contents["confirm"],
            state=ContractState.IN_PROGRESS,
            live=live(1.5, energy_in_wh=75_000, measured_at=at(1.5)),
        )
        assert await market.tell_unasked("on_status", contract_id, told) == 200
        followed = [one async for one in client.follow(contract_id, until={"transaction-in-progress"}, interval_s=0.01)]
    found = followed[-1]
    assert found["live"] is not None
    assert found["live"]["soc_percent"] == "42"
    assert found["live"]["age_s"] >= timedelta(minutes=30).total_seconds()
    assert len(found["alerts"]) == 2
    assert "75 kWh had been taken in" in found["alerts"][1]


def bargained(order: Order) -> Order:
    """An operator that asks 5 610.90 and comes down to what is offered, but not below 5 000."""
    plain = QUOTE
    if order.negotiation is None:
        return replace(order, quote=plain)
    offered = max(order.negotiation.offered, Money(500_000, "INR"))
    percent = percent_at_most(TARIFF, plain.lines, offered)
    lines = discounted(TARIFF, plain.lines, percent)
    quote = replace(plain, lines=lines, total=lines_total(lines, "INR"))
    return replace(order, quote=quote, negotiation=Negotiation(order.negotiation.offered, plain.total, 2))


async def test_a_price_is_bargained_for_until_both_sides_name_the_same(client: AsyncBapClient, market: Market) -> None:
    market.answers["select"] = bargained
    search = await client.search(**NEED, wait_s=WAIT_S)
    offer_id = search["offers"][0]["offer_id"]
    begun = await client.select(search["search_id"], offer_id, offered_total="4000", wait_s=WAIT_S)
    assert begun["negotiation"] == {
        "offered": {"amount": "4000.00", "currency": "INR"},
        "listed": {"amount": "5610.90", "currency": "INR"},
        "accepted": False,
        "rounds_left": 2,
    }
    agreed = await client.offer(begun["contract_id"], offered_total="5200.00", wait_s=WAIT_S)
    assert agreed["negotiation"] is not None
    assert agreed["negotiation"]["accepted"] is True
    assert agreed["quote"] is not None
    assert agreed["quote"]["total"]["amount"] == "5200.00"
    assert market.contents["select"].negotiation == Negotiation(Money(520_000, "INR"))
    assert market.asked["select"].transaction_id == begun["contract_id"]


async def test_an_operator_that_does_not_bargain_answers_with_its_price(client: AsyncBapClient, market: Market) -> None:
    market.answers["select"] = lambda order: replace(order, quote=QUOTE, negotiation=None)
    contract_id = await begin(client)
    found = await client.offer(contract_id, offered_total="5000", wait_s=WAIT_S)
    assert found["negotiation"] == {
        "offered": {"amount": "5000.00", "currency": "INR"},
        "listed": None,
        "accepted": False,
        "rounds_left": None,
    }


@pytest.mark.parametrize("total", ["-1", "5000.001", "cheap"])
async def test_an_offer_that_is_no_amount_is_refused(client: AsyncBapClient, total: str) -> None:
    contract_id = await begin(client)
    with pytest.raises(ApiError) as caught:
        await client.offer(contract_id, offered_total=total)
    assert caught.value.status == 422
    assert [one["pointer"] for one in caught.value.errors] == ["/offered_total"]


async def test_an_offer_before_the_first_quote_is_refused(client: AsyncBapClient, market: Market) -> None:
    market.answers["select"] = None
    search = await client.search(**NEED, wait_s=WAIT_S)
    begun = await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=0)
    with pytest.raises(ApiError) as caught:
        await client.offer(begun["contract_id"], offered_total="5000")
    assert caught.value.status == 409


async def test_windows_and_retrieval_are_asked_for_and_kept_as_they_were_asked(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await trade(client, market)
    giveback = (at(120), at(124))
    changed = await client.update(contract_id, giveback=giveback, return_wh=100_000, wait_s=WAIT_S)
    assert (changed["error"], changed["state"]) == (None, "transaction-updated")
    assert changed["giveback"] == {"start": "2026-11-06T00:00:00.000Z", "end": "2026-11-06T04:00:00.000Z"}
    assert changed["giveback_wh"] == 100_000
    asked = market.contents["update"]
    assert (asked.target, asked.return_wh, asked.energy_wh) == ("fulfillments", 100_000, None)


async def test_who_pays_and_that_it_was_paid_change_no_price(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    before = await client.contract(contract_id)
    after = await client.update(contract_id, billing={"name": "Asha Rao"}, paid_reference="UTR 4711", wait_s=WAIT_S)
    assert (after["error"], after["quote"]) == (None, before["quote"])
    asked = market.contents["update"]
    assert (asked.target, asked.billing.name) == ("billing,payments", "Asha Rao")
    assert (asked.payment.paid, asked.payment.reference) == (True, "UTR 4711")


async def test_another_price_for_who_pays_is_not_accepted(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    dearer = quote(replace(market.use, energy_wh=400_000))
    market.answers["update"] = lambda _: replace(market.running(market.contents["confirm"]), quote=dearer)
    refused = await client.update(contract_id, billing={"name": "Asha Rao"}, wait_s=WAIT_S)
    assert refused["error"] is not None
    assert refused["error"]["code"] == "40003"


async def test_an_update_of_nothing_is_refused(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    with pytest.raises(ApiError, match="Say what to change"):
        await client.update(contract_id)


async def test_what_cancelling_would_cost_is_asked_without_cancelling(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    asked = await client.cancel(contract_id, reason_id="1", reason="changed plans", soft=True, wait_s=WAIT_S)
    assert (asked["stage"], asked["status"], asked["error"]) == ("ACTIVE", "ACTIVE", None)
    assert asked["cancellation_quote"] is not None
    assert asked["cancellation_quote"]["total"]["amount"] == "5610.90"
    meant = await client.cancel(contract_id, reason_id="1", reason="changed plans", wait_s=WAIT_S)
    assert (meant["stage"], meant["cancellation"] is not None) == ("CANCELLED", True)


async def test_a_cancellation_that_is_answered_with_an_order_that_goes_on_came_to_nothing(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await trade(client, market)
    market.answers["cancel"] = lambda _: market.running(market.contents["confirm"])
    found = await client.cancel(contract_id, reason_id="1", reason="changed plans", wait_s=WAIT_S)
    assert (found["stage"], found["cancellation_quote"]) == ("ACTIVE", None)
    assert found["error"] is not None


@pytest.mark.parametrize(
    ("category", "rated_id"),
    [("Item", "battery-1"), ("Provider", "operator"), ("Fulfillment", "automatic-dispatch"), ("Support", "order-1")],
)
async def test_what_belongs_to_an_order_is_rated_by_its_own_id(
    client: AsyncBapClient, market: Market, category: Any, rated_id: str
) -> None:
    contract_id = await trade(client, market)
    await client.rating(contract_id, value=4, category=category, wait_s=WAIT_S)
    rated = market.contents["rating"]
    assert (rated.category, rated.rated_id) == (category, rated_id)


@pytest.mark.parametrize(
    ("url", "shown"), [("{}/feedback/secret", "{}/feedback/secret"), ("http://elsewhere.example/form", None)]
)
async def test_a_form_for_more_words_is_shown_when_it_is_the_operators(
    client: AsyncBapClient, market: Market, url: str, shown: str | None
) -> None:
    contract_id = await trade(client, market)
    market.answers["rating"] = lambda _: FeedbackForm(url.format(market.peer.url))
    found = await client.rating(contract_id, value=4, wait_s=WAIT_S)
    assert found["feedback_url"] == (None if shown is None else shown.format(market.peer.url))
    assert (found["error"] is None) is (shown is not None)


async def test_a_ticket_is_opened_at_the_operators_and_its_state_is_remembered(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await trade(client, market)
    market.answers["support"] = lambda asked: SupportContact(asked.ref_id, "", "", f"{market.peer.url}/tickets/secret")
    with pytest.raises(ApiError, match="Ask for support first"):
        await client.tickets(contract_id)
    await client.support(contract_id, wait_s=WAIT_S)
    ticket = {"ticket_id": "t", "kind": "issue", "state": "open", "subject": "Late", "updated_at": "", "notes": []}
    market.documents["/beckn/tickets/secret"] = json_response({"once": "n", "tickets": [ticket]})
    assert await client.open_ticket(contract_id, kind="issue", subject="Late", text="It is late.") == [ticket]
    assert await client.answer_ticket(contract_id, "t", text="Still.") == [ticket]
    market.documents["/beckn/tickets/secret"] = json_response({"tickets": [ticket | {"state": "closed"}]})
    assert (await client.tickets(contract_id))[0]["state"] == "closed"
    assert [one["state"] for one in (await client.contract(contract_id))["tickets"]] == ["closed"]
