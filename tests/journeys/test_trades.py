"""Trades over the producer's API against the whole network: what a producer's app and an operator see of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from bap.calls import ApiError
from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.offers import Place
from protocol.errors import CANCELLATION_NOT_POSSIBLE, INVALID_RATING, QUANTITY_UNAVAILABLE
from tests.journeys.trading import DAY, WAIT_S, close, need, prepare, put_battery, select

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLANS_CHANGED = {"reason_id": "1", "reason": "Plans have changed"}


async def booked(operator: httpx.AsyncClient, battery_id: str) -> list[dict[str, Any]]:
    """What the operator's API shows as booked on a battery."""
    bookings: list[dict[str, Any]] = (await operator.get(f"/batteries/{battery_id}")).json()["bookings"]
    return bookings


async def test_a_search_finds_the_batteries_that_are_near_large_enough_in_service_and_free(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    far = Place(place.latitude + Decimal("0.1"), place.longitude)
    await put_battery(operator, "fits", place)
    await put_battery(operator, "too-far", far)
    await put_battery(operator, "too-small", place, energy_nominal_wh=200_000)
    await put_battery(operator, "too-slow", place, charge_power_w=50_000)
    await put_battery(operator, "out-of-service", place, in_service=False)
    wanted = await need(client, place)
    found = await client.search(**wanted, wait_s=WAIT_S)
    assert [(offer["item_id"], offer["fits"]) for offer in found["offers"]] == [("fits", True)]
    await close(client, wanted)
    await put_battery(operator, "newcomer", place)
    found = await client.search(**wanted, wait_s=WAIT_S)
    assert [offer["item_id"] for offer in found["offers"]] == ["newcomer"]
    other_day = await client.search(**await need(client, place, lead=5 * DAY), wait_s=WAIT_S)
    assert {offer["item_id"] for offer in other_day["offers"]} == {"fits", "newcomer"}


async def test_offers_stand_by_the_cost_of_this_use_and_the_quote_is_what_the_offer_said(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    near = Place(place.latitude + Decimal("0.01"), place.longitude)
    await put_battery(operator, "efficient", place)
    await put_battery(operator, "lossy", near, efficiency_charge=Decimal("0.8"))
    search = await client.search(**await need(client, place), wait_s=WAIT_S)
    totals = [Decimal(offer["total"]["amount"]) for offer in search["offers"]]
    assert totals == sorted(totals)
    assert {offer["item_id"]: offer["distance_m"] for offer in search["offers"]}["efficient"] == 0
    for offer in search["offers"]:
        contract = await client.select(search["search_id"], offer["offer_id"], wait_s=WAIT_S)
        assert contract["quote"] is not None
        assert (contract["item_id"], contract["quote"]["total"]) == (offer["item_id"], offer["total"])


async def test_a_trade_goes_step_by_step_to_a_contract_that_both_sides_hold_alike(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "step-by-step", place)
    wanted = await need(client, place)
    selected = await select(client, wanted)
    assert (selected["stage"], selected["state"], selected["order_id"]) == ("SELECTED", "transaction-quoted", None)
    assert selected["quote"] is not None
    assert {line["title"] for line in selected["quote"]["lines"]} >= {"CGST", "SGST"}
    held = await booked(operator, "step-by-step")
    assert [one["hold_until"] is not None for one in held] == [True]
    initialised = await client.init(selected["contract_id"], wait_s=WAIT_S)
    assert (initialised["stage"], initialised["consent"]["required"]) == ("INITIALISED", True)
    assert initialised["payment"] is not None
    assert initialised["payment"]["amount"] == selected["quote"]["total"]["amount"]
    active = await client.confirm(selected["contract_id"], consent=True, wait_s=WAIT_S)
    assert (active["stage"], active["status"], active["error"], active["pending"]) == ("ACTIVE", "ACTIVE", None, None)
    theirs = (await operator.get(f"/contracts/{active['order_id']}")).json()
    assert (theirs["stage"], theirs["transaction_id"]) == ("ACTIVE", active["contract_id"])
    assert (theirs["energy_wh"], theirs["giveback_wh"]) == (wanted["energy_wh"], active["giveback_wh"])
    assert theirs["quote"]["quote_id"] == selected["quote"]["quote_id"]
    assert theirs["quote"]["total"] == selected["quote"]["total"]["amount"]
    assert theirs["consent"]["submission_id"] is not None
    kept = [(one["contract_id"], one["hold_until"]) for one in await booked(operator, "step-by-step")]
    assert kept == [(active["order_id"], None)]


async def test_confirm_without_consent_to_automatic_dispatch_is_refused_with_where_to_read_the_terms(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "no-consent", place)
    contract_id = await prepare(client, await need(client, place))
    with pytest.raises(ApiError, match=r"consent\.url") as refusal:
        await client.confirm(contract_id, consent=False, wait_s=WAIT_S)
    assert refusal.value.status == 409
    assert (await client.contract(contract_id))["stage"] == "INITIALISED"


async def test_manual_dispatch_is_confirmed_when_its_terms_are_agreed_to(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "by-hand", place)
    contract_id = await prepare(client, {**await need(client, place), "mode": "Manual Dispatch"})
    contract = await client.confirm(contract_id, consent=True, wait_s=WAIT_S)
    assert (contract["stage"], contract["mode"]) == ("ACTIVE", "Manual Dispatch")


async def test_an_update_quotes_and_books_the_new_amount_and_one_that_does_not_fit_changes_nothing(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "updated", place)
    before = await close(client, await need(client, place, 100_000))
    after = await client.update(before["contract_id"], energy_wh=200_000, wait_s=WAIT_S)
    assert (after["stage"], after["state"], after["energy_wh"]) == ("ACTIVE", "transaction-updated", 200_000)
    assert before["quote"] is not None
    assert after["quote"] is not None
    assert after["quote"]["quote_id"] != before["quote"]["quote_id"]
    assert Decimal(after["quote"]["total"]["amount"]) > Decimal(before["quote"]["total"]["amount"])
    refused = await client.update(before["contract_id"], energy_wh=900_000, wait_s=WAIT_S)
    assert refused["error"] is not None
    assert (refused["error"]["code"], refused["energy_wh"]) == (QUANTITY_UNAVAILABLE, 200_000)
    assert refused["quote"] == after["quote"]
    theirs = (await operator.get(f"/contracts/{after['order_id']}")).json()
    assert (theirs["energy_wh"], theirs["stage"]) == (200_000, "ACTIVE")


async def test_cancelling_before_charging_costs_the_fee_and_frees_the_capacity_for_the_next(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "cancelled", place)
    wanted = await need(client, place)
    search = await client.search(**wanted, wait_s=WAIT_S)
    offer_id = search["offers"][0]["offer_id"]
    contract = await close(client, wanted)
    full = await client.select(search["search_id"], offer_id, wait_s=WAIT_S)
    assert full["error"] is not None
    assert (full["error"]["code"], full["stage"]) == (QUANTITY_UNAVAILABLE, "NEW")
    cancelled = await client.cancel(contract["contract_id"], **PLANS_CHANGED, wait_s=WAIT_S)
    assert (cancelled["stage"], cancelled["status"]) == ("CANCELLED", "CANCELLED")
    assert cancelled["cancellation"] is not None
    assert (cancelled["cancellation"]["by_consumer"], cancelled["cancellation"]["reason_id"]) == (True, "1")
    assert contract["quote"] is not None
    assert cancelled["quote"] is not None
    assert "CANCELLATION_FEE" in {line["title"] for line in cancelled["quote"]["lines"]}
    assert 0 < Decimal(cancelled["quote"]["total"]["amount"]) < Decimal(contract["quote"]["total"]["amount"])
    assert await booked(operator, "cancelled") == []
    again = await client.select(search["search_id"], offer_id, wait_s=WAIT_S)
    assert (again["stage"], again["energy_wh"], again["error"]) == ("SELECTED", wanted["energy_wh"], None)


async def test_cancelling_twice_is_refused_and_changes_nothing(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "cancelled-twice", place)
    contract_id = (await close(client, await need(client, place)))["contract_id"]
    cancelled = await client.cancel(contract_id, **PLANS_CHANGED, wait_s=WAIT_S)
    with pytest.raises(ApiError, match="cancel is not possible while the transaction is CANCELLED") as refusal:
        await client.cancel(contract_id, **PLANS_CHANGED, wait_s=WAIT_S)
    assert (refusal.value.status, refusal.value.code) == (409, CANCELLATION_NOT_POSSIBLE)
    assert await client.contract(contract_id) == cancelled


async def test_a_running_contract_can_be_tracked_rated_and_asked_about(
    network: Network, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "asked-about", place)
    contract_id = (await close(client, await need(client, place)))["contract_id"]
    supported = await client.support(contract_id, wait_s=WAIT_S)
    assert supported["support"] is not None
    assert supported["support"]["email"] == network.bpp.desk.settings.provider.email
    tracked = await client.track(contract_id, wait_s=WAIT_S)
    assert tracked["tracking_url"] is not None
    async with httpx.AsyncClient() as anybody:
        live = (await anybody.get(tracked["tracking_url"])).json()
        assert (live["order_id"], live["stage"]) == (tracked["order_id"], "ACTIVE")
        assert (await anybody.get(f"{tracked['tracking_url']}x")).status_code == 404
    rated = await client.rating(contract_id, value=4, wait_s=WAIT_S)
    assert (rated["error"], rated["pending"]) == (None, None)
    halved = await client.rating(contract_id, value="4.5", wait_s=WAIT_S)
    assert halved["error"] is not None
    assert halved["error"]["code"] == INVALID_RATING
    with pytest.raises(ApiError, match="from 1 to 5"):
        await client.rating(contract_id, value=6, wait_s=WAIT_S)
