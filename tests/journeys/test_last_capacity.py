"""Two producers want the last capacity of a battery at the same time: it is sold once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.journeys import network as networks
from tests.journeys.trading import RIVALS, WAIT_S, need, prepare, put_battery, winner_of


async def orders_of(api: httpx.AsyncClient, battery_id: str) -> list[str]:
    """The ids of the orders that the operator has taken for a battery."""
    orders = (await api.get("/contracts")).json()["contracts"]
    return [order["contract_id"] for order in orders if order["battery_id"] == battery_id]


@pytest.mark.asyncio(loop_scope="module")
async def test_of_four_selections_at_once_one_is_quoted_and_keeps_the_capacity_until_it_is_confirmed(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "last-quote", place)
    search = await client.search(**await need(client, place), wait_s=WAIT_S)
    offer_id = search["offers"][0]["offer_id"]
    asked = [client.select(search["search_id"], offer_id, wait_s=WAIT_S) for _ in range(RIVALS)]
    quoted = winner_of(list(await asyncio.gather(*asked)), "SELECTED")
    await client.init(quoted["contract_id"], wait_s=WAIT_S)
    active = await client.confirm(quoted["contract_id"], consent=True, wait_s=WAIT_S)
    assert active["stage"] == "ACTIVE"
    assert await orders_of(operator, "last-quote") == [active["order_id"]]


async def test_of_four_confirmations_at_once_where_quotes_hold_nothing_one_contract_becomes_active(
    tmp_path: Path, place: Place
) -> None:
    async with (
        networks.running(tmp_path, bpp={"terms": {"hold_s": 0}}) as network,
        networks.producer(network) as client,
        networks.operator(network) as operator,
    ):
        await put_battery(operator, "last-confirm", place)
        wanted = await need(client, place)
        ready = [await prepare(client, wanted) for _ in range(RIVALS)]
        confirmed = [client.confirm(contract_id, consent=True, wait_s=WAIT_S) for contract_id in ready]
        active = winner_of(list(await asyncio.gather(*confirmed)), "ACTIVE")
        assert await orders_of(operator, "last-confirm") == [active["order_id"]]
        bookings = (await operator.get("/batteries/last-confirm")).json()["bookings"]
        assert [booking["contract_id"] for booking in bookings] == [active["order_id"]]
