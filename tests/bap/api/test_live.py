"""The producer's live stream over real HTTP, followed by the Python clients."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bap.app import Bap
from bap.client import ApiError, AsyncBapClient, BapClient
from bap.live_events import LiveEvent
from energy.offers import ContractState, OrderStatus
from tests.bap.examples import live
from tests.bap.market import Market
from tests.bap.test_app import trade

HOUR_MS = 3_600_000


async def tell(market: Market, contract_id: str, hour: int) -> None:
    order = market.contents["confirm"]
    told = market.running(order, state=ContractState.IN_PROGRESS, live=live(hour, energy_in_wh=75_000 * hour))
    assert await market.tell_unasked("on_status", contract_id, told) == 200


async def settle(market: Market, contract_id: str) -> None:
    done = market.running(market.contents["confirm"], state=ContractState.COMPLETED, status=OrderStatus.COMPLETE)
    assert await market.tell_unasked("on_status", contract_id, done) == 200


async def test_a_contract_is_followed_from_its_first_reading_to_its_end(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    events: list[LiveEvent] = []

    async def follow() -> None:
        async for event in client.live(contract_id):
            events.append(event)

    following = asyncio.create_task(follow())
    for hour in (1, 2):
        await tell(market, contract_id, hour)
    await settle(market, contract_id)
    await asyncio.wait_for(following, 10)
    readings = [event for event in events if event.name == "reading"]
    assert readings[-1].data["energy_in_wh"] == 150_000
    stages = [event.data["stage"] for event in events if event.name in {"contract", "end"}]
    assert (stages[0], stages[-2:]) == ("ACTIVE", ["COMPLETE", "COMPLETE"])
    assert events[-1] == LiveEvent("end", {"stage": "COMPLETE"})


async def test_who_comes_back_gets_the_readings_that_came_meanwhile(client: AsyncBapClient, market: Market) -> None:
    contract_id = await trade(client, market)
    for hour in (1, 2, 3):
        await tell(market, contract_id, hour)
    await settle(market, contract_id)

    async def readings(last_event_id: str | None) -> list[LiveEvent]:
        events = [event async for event in client.live(contract_id, last_event_id=last_event_id)]
        return [event for event in events if event.name == "reading"]

    every = await readings("0")
    assert [event.data["energy_in_wh"] for event in every] == [75_000, 150_000, 225_000]
    assert await readings(every[0].event_id) == every[1:]
    assert await readings(None) == every[-1:]


async def test_the_synchronous_client_follows_too(client: AsyncBapClient, bap: Bap, market: Market) -> None:
    contract_id = await trade(client, market)
    await tell(market, contract_id, 1)
    await settle(market, contract_id)

    def follow() -> list[str]:
        with BapClient(bap.participant.identity.url.removesuffix("/beckn"), bap.participant.token) as same:
            return [event.name for event in same.live(contract_id)]

    assert await asyncio.to_thread(follow) == ["reading", "contract", "end"]


async def test_a_contract_that_is_not_there_can_not_be_followed(client: AsyncBapClient) -> None:
    with pytest.raises(ApiError) as refused:
        await anext(client.live("nothing"))
    assert refused.value.status == 404


async def test_nobody_follows_without_a_token(bap: Bap) -> None:
    async with httpx.AsyncClient(base_url=bap.participant.identity.url.removesuffix("/beckn")) as stranger:
        assert (await stranger.get("/api/v1/contracts/any/live")).status_code == 401
