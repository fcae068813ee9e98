"""``/api/v1/searches`` over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bap.app import Bap
from bap.client import ApiError, AsyncBapClient
from energy.offers import DispatchMode, Place
from energy.searches import Catalog, CatalogPage, SortBy
from energy.tariffs import Rate, RateUnit
from node.answers import nack
from protocol.errors import NotAuthorised
from tests.bap.examples import OFFER, PROVIDER
from tests.bap.market import Market, Refusal
from tests.bap.test_app import NEED, WAIT_S, api
from tests.energy.examples import TARIFF
from tests.waiting import until

BODY: dict[str, Any] = {
    "energy_wh": 300_000,
    "charge": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T04:00:00Z"},
    "giveback": {"start": "2026-11-05T20:00:00Z", "end": "2026-11-06T00:00:00Z"},
    "near": {"latitude": "12.9716", "longitude": 77.5946},
    "radius_m": 40_000,
}


@pytest.fixture
async def http(bap: Bap) -> AsyncIterator[httpx.AsyncClient]:
    participant = bap.participant
    headers = {"Authorization": f"Bearer {participant.token}"}
    async with httpx.AsyncClient(base_url=participant.identity.url.removesuffix("/beckn"), headers=headers) as opened:
        yield opened


async def test_offers_stand_side_by_side_cheapest_first_with_what_does_not_fit_last(
    client: AsyncBapClient, market: Market
) -> None:
    monthly, stored = TARIFF.rates
    dear = replace(TARIFF, rates=(replace(monthly, price=Decimal(120)), stored))
    flat = replace(TARIFF, rates=(Rate(RateUnit.FLAT, Decimal(5000)),))
    market.answers["search"] = lambda _intent: Catalog(
        PROVIDER,
        (
            replace(OFFER, item_id="dear", tariff=dear),
            replace(OFFER, item_id="small", free_energy_wh=100_000, tariff=flat),
            OFFER,
            replace(OFFER, item_id="flat", tariff=flat, modes=(DispatchMode.MANUAL,)),
        ),
    )
    search = await client.search(**NEED, wait_s=WAIT_S)
    found = [(one["item_id"], one["fits"], one["total"]["amount"]) for one in search["offers"]]
    assert found == [
        ("battery-1", True, "5610.90"),
        ("flat", True, "5900.00"),
        ("dear", True, "7380.90"),
        ("small", False, "5900.00"),
    ]
    assert search["offers"][3]["reason"] == "Only 100 of the 300 kWh are free."


async def test_an_offer_tells_price_model_distance_efficiency_and_free_profile(client: AsyncBapClient) -> None:
    search = await client.search(**NEED, wait_s=WAIT_S)
    (offer,) = search["offers"]
    assert offer["provider"] == {"id": "operator", "name": "Bengaluru Storage"}
    assert offer["tariff"]["rates"][0] == {"unit": "per-kWh-month", "price": "90"}
    assert (offer["distance_m"], offer["efficiency"], offer["cost_per_kwh"]) == (7143, "0.8836", "18.703")
    assert (offer["free_energy_wh"], offer["giveback_wh"]) == (380_000, 263_845)
    assert offer["profile"][0] == {
        "start": "2026-11-01T00:00:00.000Z",
        "end": "2026-11-03T12:00:00.000Z",
        "energy_wh": 380_000,
        "charge_power_w": 100_000,
        "discharge_power_w": 80_000,
    }
    assert offer["lines"][2] == {
        "title": "CGST",
        "amount": "427.95",
        "quantity": "4755",
        "unit": "%",
        "rate": "9",
    }


async def test_a_search_can_be_read_again_and_is_listed(client: AsyncBapClient) -> None:
    search = await client.search(**NEED, wait_s=WAIT_S, mode="Automatic Dispatch", max_price="25", min_efficiency="0.8")
    assert await client.read_search(search["search_id"]) == search
    assert search["intent"]["mode"] == "Automatic Dispatch"
    assert (search["intent"]["max_price"], search["intent"]["min_efficiency"]) == ("25", "0.8")
    (listed,) = await client.searches()
    assert {**listed, "offers": search["offers"]} == search


async def test_a_search_that_does_not_wait_finds_its_offers_later(client: AsyncBapClient) -> None:
    search = await client.search(**NEED, wait_s=0)

    async def answered() -> bool:
        return (await client.read_search(search["search_id"]))["answers"] == 1

    await until(answered)
    assert len((await client.read_search(search["search_id"]))["offers"]) == 1


async def test_a_search_that_nobody_answers_ends_with_its_time(client: AsyncBapClient, market: Market) -> None:
    market.answers["search"] = None
    search = await client.search(**NEED, wait_s=0.1)
    assert (search["answers"], search["offers"], search["error"]) == (0, [], None)


async def test_an_operator_that_says_no_has_answered_without_offers(client: AsyncBapClient, market: Market) -> None:
    market.answers["search"] = Refusal("40000", "We are closed.")
    search = await client.search(**NEED, wait_s=WAIT_S)
    assert (search["answers"], search["offers"]) == (1, [])


async def test_a_search_that_the_gateway_refuses_says_so_at_once(bap: Bap, market: Market) -> None:
    serve = market.peer.script
    refusal = nack(NotAuthorised("This producer may not search."), "gateway.test").response
    market.peer.script = lambda arrival: refusal if arrival.path == "/beckn/search" else serve(arrival)
    started = time.monotonic()
    async with api(bap) as client:
        search = await client.search(**NEED, wait_s=WAIT_S)
    assert search["error"] is not None
    assert search["error"]["code"] == "undelivered"
    assert "This producer may not search." in search["error"]["message"]
    assert time.monotonic() - started < WAIT_S


async def test_an_unknown_search_is_not_found(client: AsyncBapClient) -> None:
    with pytest.raises(ApiError, match="There is no search nothing") as caught:
        await client.read_search("nothing")
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"energy_wh": None}, "/energy_wh"),
        ({"charge": None}, "/charge"),
        ({"near": {"latitude": "north", "longitude": "0"}}, "/near/latitude"),
        ({"charge": BODY["giveback"], "giveback": BODY["charge"]}, "/giveback/start"),
        (
            {"charge": {"start": "2026-10-01T00:00:00Z", "end": "2026-10-01T04:00:00Z"}},
            "/charge/start",
        ),
        ({"price": "8"}, "/price"),
        ({"near": None}, "/near"),
        ({"near": None, "radius_m": None, "sort": "distance"}, "/near"),
        ({"sort": "cheapness"}, "/sort"),
        ({"min_rating": "6"}, "/min_rating"),
        ({"text": " "}, "/text"),
        ({"city_code": 80}, "/city_code"),
        ({"polygon": "12,77 13,77 13,78"}, "/polygon"),
        ({"polygon": [BODY["near"]] * 2}, "/polygon"),
        ({"polygon": [BODY["near"]] * 3}, "/polygon"),
        ({"polygon": [BODY["near"], BODY["near"], {"latitude": "99", "longitude": "0"}]}, "/polygon/2/latitude"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused_by_its_member_and_not_sent(
    http: httpx.AsyncClient, market: Market, change: dict[str, Any], pointer: str
) -> None:
    response = await http.post("/api/v1/searches", json={**BODY, **change})
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "urn:beckn-battery:invalid-request"
    assert pointer in [one["pointer"] for one in problem["errors"]]
    assert "search" not in market.asked


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"a=1", "text/plain", 415)],
)
async def test_a_body_that_is_no_json_object_is_refused(
    http: httpx.AsyncClient, content: bytes, content_type: str, status: int
) -> None:
    response = await http.post("/api/v1/searches", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert response.json()["status"] == status


@pytest.mark.parametrize(
    "path", ["/api/v1/searches", "/api/v1/contracts", "/api/v1/trade-time", "/console", "/nothing"]
)
async def test_nothing_is_told_without_the_token(http: httpx.AsyncClient, path: str) -> None:
    response = await http.get(path, headers={"Authorization": "Bearer wrong"})
    assert (response.status_code, response.json()["title"]) == (401, "Unauthorized")


async def test_trade_time_is_told_with_the_settings_it_comes_from(client: AsyncBapClient, bap: Bap) -> None:
    told = await client.trade_time()
    assert (told["epoch"], told["speed"]) == ("2026-10-31T00:00:00.000Z", 1)
    assert told["trade_time"] >= told["epoch"]


async def test_every_filter_reaches_the_operators_as_it_was_asked_for(client: AsyncBapClient, market: Market) -> None:
    corners = (("12.8", "77.4"), ("12.8", "77.8"), ("13.2", "77.6"))
    search = await client.search(
        **NEED,
        polygon=corners,
        city_code="std:080",
        provider_id="operator",
        provider_name="Bengaluru",
        item_id="battery-1",
        item_name="Hebbal",
        text="LFP",
        min_rating="4.5",
        sort="distance",
        min_power_w=50_000,
        wait_s=0,
    )

    async def asked() -> bool:
        return "search" in market.contents

    await until(asked)
    sent = market.contents["search"]
    assert sent.polygon == tuple(Place(Decimal(latitude), Decimal(longitude)) for latitude, longitude in corners)
    named = (sent.provider_id, sent.provider_name, sent.item_id, sent.item_name, sent.text, sent.city_code)
    assert named == ("operator", "Bengaluru", "battery-1", "Hebbal", "LFP", "std:080")
    assert (sent.min_rating, sent.sort, sent.min_power_w) == (Decimal("4.5"), SortBy.DISTANCE, 50_000)
    assert search["intent"]["polygon"][2] == {"latitude": "13.2", "longitude": "77.6"}
    assert (search["intent"]["sort"], search["intent"]["min_rating"]) == ("distance", "4.5")


async def test_a_search_may_look_everywhere(client: AsyncBapClient) -> None:
    search = await client.search(
        energy_wh=NEED["energy_wh"], charge=NEED["charge"], giveback=NEED["giveback"], wait_s=WAIT_S
    )
    (offer,) = search["offers"]
    assert (offer["fits"], offer["distance_m"], search["intent"]["near"]) == (True, None, None)


async def test_a_search_says_how_many_pages_of_its_answers_are_missing(client: AsyncBapClient, market: Market) -> None:
    market.answers["search"] = lambda _intent: Catalog(PROVIDER, (OFFER,), page=CatalogPage(1, 3, 3))
    search = await client.search(**NEED, wait_s=0)

    async def answered() -> bool:
        return (await client.read_search(search["search_id"]))["answers"] == 1

    await until(answered)
    assert (await client.read_search(search["search_id"]))["pages_missing"] == 2
