"""``/api/v1/contracts`` over HTTP: what is refused, what is awaited, and what goes wrong at the operator's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from bap.app import Bap
from bap.client import ApiError, AsyncBapClient
from bap.settings import BillingSettings
from bap.store import searches
from energy.offers import Catalog, ContractState, OrderStatus
from node.answers import nack
from node.problems import Problem, json_response
from node.settings import TradeTimeSettings
from protocol.errors import NotValid
from tests.bap.examples import OFFER, PROVIDER, invoice_bytes, live, referring_to
from tests.bap.market import EVE, Market, Refusal, bap_settings, running
from tests.bap.test_app import NEED, WAIT_S, api, begin, trade
from tests.energy.examples import at
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
    refusal = nack(NotValid("The item has no price."), "bpp.test")
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
    assert caught.value.status == 400
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
    with pytest.raises(ApiError, match="Read the terms") as caught:
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
    assert len([arrival for arrival in market.peer.arrivals if "/forms/" in arrival.path]) == 1


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
