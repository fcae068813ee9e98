"""The whole platform against a scripted market: every step over real HTTP, signed both ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from bap.app import Bap
from bap.client import AsyncBapClient, Wanted
from energy.offers import ContractState, OrderStatus
from node.problems import json_response
from protocol.errors import SettingsWrong
from tests.bap.examples import ORDER_ID, SUBMISSION_ID, invoice_bytes, live, referring_to
from tests.bap.market import Market, bap_settings, running
from tests.energy.examples import USE
from tests.waiting import until

NEED: Wanted = {
    "energy_wh": USE.energy_wh,
    "charge": (USE.charge.start, USE.charge.end),
    "giveback": (USE.giveback.start, USE.giveback.end),
    "near": ("12.9716", "77.5946"),
    "radius_m": 40_000,
}
WAIT_S = 10


def api(bap: Bap) -> AsyncBapClient:
    participant = bap.participant
    return AsyncBapClient(participant.identity.url.removesuffix("/beckn"), participant.token)


async def begin(client: AsyncBapClient) -> str:
    """A search and its first offer selected; the contract's id."""
    search = await client.search(**NEED, wait_s=WAIT_S)
    selected = await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=WAIT_S)
    return selected["contract_id"]


async def trade(client: AsyncBapClient, market: Market) -> str:
    """From the search to the confirmed contract; its id."""
    market.documents["/beckn/forms/secret"] = json_response({"submission_id": SUBMISSION_ID})
    contract_id = await begin(client)
    await client.init(contract_id, {"name": "Asha Farms", "state_code": "29"}, wait_s=WAIT_S)
    await client.confirm(contract_id, consent=True, wait_s=WAIT_S)
    return contract_id


async def test_a_search_becomes_a_contract_at_the_quoted_price(client: AsyncBapClient, market: Market) -> None:
    found = await client.contract(await trade(client, market))
    assert (found["stage"], found["order_id"], found["pending"], found["error"]) == ("ACTIVE", ORDER_ID, None, None)
    assert found["quote"] is not None
    assert found["quote"]["total"] == {"amount": "5610.90", "currency": "INR"}
    assert found["consent"]["submitted"] is True
    confirmed = market.contents["confirm"]
    assert confirmed.form.submission_id == SUBMISSION_ID
    assert confirmed.billing.name == "Asha Farms"


async def test_each_request_has_a_message_id_of_its_own_and_the_searchs_transaction(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await trade(client, market)
    contexts = [market.asked[action] for action in ("search", "select", "init", "confirm")]
    assert {context.transaction_id for context in contexts} == {contract_id}
    assert len({context.message_id for context in contexts}) == 4
    assert all(context.city_code == "std:080" and context.country_code == "IND" for context in contexts)


async def test_every_other_step_is_answered_and_told_in_the_contract(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    assert (await client.status(contract_id, wait_s=WAIT_S))["state"] == "transaction-not-started"
    assert (await client.track(contract_id, wait_s=WAIT_S))["tracking_url"] == f"{market.peer.url}/track/secret"
    support = (await client.support(contract_id, wait_s=WAIT_S))["support"]
    assert support is not None
    assert support["email"] == "desk@bpp.example"
    assert (await client.rating(contract_id, value=5, wait_s=WAIT_S))["error"] is None
    assert str(market.contents["rating"].value) == "5"
    updated = await client.update(contract_id, energy_wh=200_000, wait_s=WAIT_S)
    assert (updated["energy_wh"], updated["state"]) == (200_000, "transaction-updated")
    cancelled = await client.cancel(contract_id, reason_id="5", reason="grid down", wait_s=WAIT_S)
    assert (cancelled["stage"], cancelled["status"], cancelled["pending"]) == ("CANCELLED", "CANCELLED", None)
    assert cancelled["cancellation"] is not None
    assert cancelled["cancellation"]["reason"] == "grid down"


async def test_live_values_that_come_unasked_are_followed_until_the_contract_is_complete(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await trade(client, market)
    order = market.contents["confirm"]
    for hour in (1, 2):
        told = market.running(order, state=ContractState.IN_PROGRESS, live=live(hour, energy_in_wh=75_000 * hour))
        assert await market.tell_unasked("on_status", contract_id, told) == 200
    done = market.running(order, state=ContractState.COMPLETED, status=OrderStatus.COMPLETE)
    assert await market.tell_unasked("on_status", contract_id, done) == 200
    followed = [found async for found in client.follow(contract_id, interval_s=0.01)]
    assert followed[-1]["stage"] == "COMPLETE"
    assert [reading["energy_in_wh"] for reading in await client.readings(contract_id)] == [75_000, 150_000]


async def test_an_invoice_is_fetched_once_and_nothing_in_it_differs_from_what_was_agreed(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id, document = await trade(client, market), invoice_bytes()
    invoice = referring_to(document, f"{market.peer.url}/invoices/secret")
    market.documents["/beckn/invoices/secret"] = web.Response(body=document, content_type="application/json")
    told = market.running(market.contents["confirm"], state=ContractState.SETTLED, status=OrderStatus.COMPLETE)
    await market.tell_unasked("on_status", contract_id, replace(told, invoice=invoice))
    assert [found["stage"] async for found in client.follow(contract_id, interval_s=0.01)][-1] == "COMPLETE"
    checked = await client.invoice(contract_id)
    assert checked["differences"] == []
    assert (checked["number"], checked["document"]["total"]) == ("BB/26-27/000001", "5598.86")
    del market.documents["/beckn/invoices/secret"]
    assert await client.invoice(contract_id) == checked


async def test_a_second_contract_of_the_same_search_has_a_transaction_of_its_own(client: AsyncBapClient) -> None:
    search = await client.search(**NEED, wait_s=WAIT_S)
    offer_id = search["offers"][0]["offer_id"]
    first = await client.select(search["search_id"], offer_id, wait_s=WAIT_S)
    second = await client.select(search["search_id"], offer_id, energy_wh=100_000, wait_s=WAIT_S)
    assert first["contract_id"] == search["search_id"]
    assert second["contract_id"] not in {search["search_id"], ""}
    assert (second["stage"], second["energy_wh"], second["search_id"]) == ("SELECTED", 100_000, search["search_id"])
    assert {one["contract_id"] for one in await client.contracts()} == {first["contract_id"], second["contract_id"]}


async def test_a_contract_is_found_again_by_the_next_process_and_goes_on(market: Market, tmp_path: Path) -> None:
    settings = bap_settings(tmp_path, market)
    market.answers["init"] = None
    async with running(settings) as bap, api(bap) as client:
        contract_id = await begin(client)
        pending = (await client.init(contract_id, {"name": "Asha Farms"}, wait_s=0))["pending"]
        assert pending is not None
        assert pending["action"] == "init"
        await until(lambda: "init" in market.asked)
    async with running(settings) as bap, api(bap) as client:
        assert (await client.contract(contract_id))["pending"] == pending
        terms = market.initialised(market.contents["init"])
        assert await market.tell("on_init", market.asked["init"], terms) == 200
        followed = [found async for found in client.follow(contract_id, until={"INITIALISED"}, interval_s=0.01)]
        assert followed[-1]["pending"] is None


async def test_a_port_in_use_is_one_clear_line(bap: Bap, market: Market, tmp_path: Path) -> None:
    taken = bap_settings(tmp_path / "other", market, port=bap.participant.settings.port)
    with pytest.raises(SettingsWrong, match=f"port {taken.port} on 127.0.0.1 is in use"):
        await Bap(taken).start()


async def test_a_trade_is_the_same_on_both_databases(market: Market, tmp_path: Path, database_url: str) -> None:
    settings = bap_settings(tmp_path, market, database_url=database_url)
    async with running(settings) as bap, api(bap) as client:
        contract_id = await trade(client, market)
        assert (await client.status(contract_id, wait_s=WAIT_S))["state"] == "transaction-not-started"
        cancelled = await client.cancel(contract_id, reason_id="5", reason="grid down", wait_s=WAIT_S)
        assert (cancelled["stage"], cancelled["error"]) == ("CANCELLED", None)
        assert len(await client.searches()) == len(await client.contracts()) == 1
