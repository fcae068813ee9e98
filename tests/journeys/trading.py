"""The steps of a trade that many journeys take, over the public APIs of both sides.

Every journey gets a place of its own on the map with batteries of its own (`put_battery`), so that journeys on one
network never compete for capacity and a search finds what the journey put there and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx

from bap.client import AsyncBapClient, Wanted
from bap.shapes import Contract, Search
from bpp.catalog import ListedBattery
from bpp.fleet_json import write_battery
from energy.intervals import align_up
from energy.offers import CancellationTerms, DispatchMode, Place
from protocol.errors import QUANTITY_UNAVAILABLE, QUOTE_UNAVAILABLE
from protocol.moments import parse_timestamp
from tests.energy.examples import BATTERY, TARIFF

WAIT_S = 10
SEARCHES = 5
RIVALS = 4
RADIUS_M = 5_000
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def places() -> Iterator[Place]:
    """Places so far from one another and from Bengaluru that no search near one finds the batteries of another."""
    return (Place(Decimal(20) + number, Decimal("80.5")) for number in count())


def battery_document(battery_id: str, place: Place, *, in_service: bool = True, **more: Any) -> dict[str, Any]:
    """The example battery (500 kWh nameplate, 100 kW) at that place, as the operator's API takes it."""
    battery = replace(BATTERY, battery_id=battery_id, name=battery_id, place=place, **more)
    modes, terms = (DispatchMode.AUTOMATIC, DispatchMode.MANUAL), CancellationTerms(Decimal(10))
    return write_battery(ListedBattery(battery, TARIFF, modes, terms, 1_000, in_service))


async def put_battery(operator: httpx.AsyncClient, battery_id: str, place: Place, **more: Any) -> None:
    """Register it over the operator's API."""
    answer = await operator.post("/batteries", json=battery_document(battery_id, place, **more))
    assert answer.status_code == 200, answer.text


async def need(
    client: AsyncBapClient,
    place: Place,
    energy_wh: int = 300_000,
    *,
    lead: timedelta = DAY,
    length: timedelta = 4 * HOUR,
) -> Wanted:
    """Charging that begins in ``lead`` of trade time for so long, and as long a return a quarter of that later."""
    now = parse_timestamp((await client.trade_time())["trade_time"])
    start = align_up(now + lead)
    back = align_up(start + length + length / 4)
    return {
        "energy_wh": energy_wh,
        "charge": (start, start + length),
        "giveback": (back, back + length),
        "near": (place.latitude, place.longitude),
        "radius_m": RADIUS_M,
    }


async def found(client: AsyncBapClient, wanted: Wanted) -> Search:
    """A search with its offers, asked again while there are none: the operator's index follows its database."""
    for _ in range(SEARCHES):
        search = await client.search(**wanted, wait_s=WAIT_S)
        if search["offers"]:
            return search
    raise AssertionError(f"nothing is offered: {search}")


async def select(client: AsyncBapClient, wanted: Wanted) -> Contract:
    """Search, and ask for a quote of the first offer."""
    search = await found(client, wanted)
    return await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=WAIT_S)


async def prepare(client: AsyncBapClient, wanted: Wanted) -> str:
    """From the search to the terms; the id of a contract that is ready to be confirmed."""
    contract = await select(client, wanted)
    contract = await client.init(contract["contract_id"], wait_s=WAIT_S)
    assert contract["stage"] == "INITIALISED", contract["error"]
    return contract["contract_id"]


async def close(client: AsyncBapClient, wanted: Wanted) -> Contract:
    """From the search to the confirmed contract."""
    contract = await client.confirm(await prepare(client, wanted), consent=True, wait_s=WAIT_S)
    assert contract["stage"] == "ACTIVE", contract["error"]
    return contract


def winner_of(contracts: list[Contract], stage: str) -> Contract:
    """The one that reached the stage; all others must have been told that it does not fit any more."""
    won = [contract for contract in contracts if contract["stage"] == stage]
    lost = [contract for contract in contracts if contract["stage"] != stage]
    assert len(won) == 1, [(contract["stage"], contract["error"]) for contract in contracts]
    codes = {None if contract["error"] is None else contract["error"]["code"] for contract in lost}
    assert codes <= {QUANTITY_UNAVAILABLE, QUOTE_UNAVAILABLE}
    return won[0]
