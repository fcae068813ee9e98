"""Two batteries of one operator in one order, over the public APIs: from the search to both invoices, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bap.calls import ApiError
from bap.client import AsyncBapClient, Beside
from bap.shapes import Contract
from beckn_battery.network import Network
from energy.invoices import check
from energy.offers import Place
from protocol.errors import QUANTITY_UNAVAILABLE
from protocol.moments import parse_timestamp, timestamp_text
from simulator.fleet import CENTRE
from tests.journeys import network as networks
from tests.journeys.trading import DAY, HOUR, WAIT_S, found, need, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEED = 3_600
SETTLED_WITHIN_S = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """A fast network with a fleet that really charges and returns."""
    async with networks.running(tmp_path_factory.mktemp("network"), speed=SPEED, batteries=3) as started:
        yield started


async def selected(client: AsyncBapClient, wanted: Any, **second: Any) -> Contract:
    """Search, and ask for one quote for the first two offers."""
    search = await found(client, wanted)
    offers = search["offers"]
    beside: Beside = {"offer_id": offers[1]["offer_id"], **second}  # type: ignore[typeddict-item]
    return await client.select(search["search_id"], offers[0]["offer_id"], beside=[beside], wait_s=WAIT_S)


async def held(operator: httpx.AsyncClient, *battery_ids: str) -> list[int]:
    """How much is booked on each battery."""
    return [len((await operator.get(f"/batteries/{each}")).json()["bookings"]) for each in battery_ids]


def each_of(contract: Contract) -> list[Contract]:
    return [contract, *contract["others"]]


async def test_two_batteries_go_from_one_search_to_one_order_and_an_invoice_each(client: AsyncBapClient) -> None:
    wanted = await need(client, CENTRE, 50_000, lead=3 * HOUR, length=HOUR)
    begun = await selected(client, {**wanted, "radius_m": 40_000, "mode": "Automatic Dispatch"}, energy_wh=20_000)
    contract_id = begun["contract_id"]
    assert [each["energy_wh"] for each in each_of(begun)] == [50_000, 20_000]
    assert len({each["item_id"] for each in each_of(begun)}) == 2
    assert all(each["quote"] is not None for each in each_of(begun)), begun["error"]
    initialised = await client.init(contract_id, wait_s=WAIT_S)
    assert {each["stage"] for each in each_of(initialised)} == {"INITIALISED"}, initialised["error"]
    active = await client.confirm(contract_id, consent=True, wait_s=WAIT_S)
    assert {each["stage"] for each in each_of(active)} == {"ACTIVE"}, active["error"]
    assert len({each["order_id"] for each in each_of(active)}) == 1

    async def settled() -> bool:
        return (await client.contract(contract_id))["stage"] == "COMPLETE"

    await until(settled, SETTLED_WITHIN_S, "the end of both")
    done = await client.contract(contract_id)
    assert {(each["stage"], each["state"]) for each in each_of(done)} == {("COMPLETE", "transaction-settled")}
    for part in each_of(done):
        invoice = await client.invoice(contract_id, part["item_id"])
        assert (check(invoice["document"]), invoice["differences"]) == ([], [])
        readings = await client.readings(contract_id, part["item_id"])
        assert readings[-1]["energy_in_wh"] == part["energy_wh"]
    with pytest.raises(ApiError, match="not in this contract"):
        await client.invoice(contract_id, "another")


async def test_when_one_battery_has_no_room_nothing_is_held_on_the_other(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    for battery_id in ("roomy", "also-roomy"):
        await put_battery(operator, battery_id, place)
    refused = await selected(client, await need(client, place, lead=20 * DAY), energy_wh=900_000)
    assert refused["error"] is not None
    assert refused["error"]["code"] == QUANTITY_UNAVAILABLE
    assert refused["error"]["path"] == "/message/order/items/1/quantity/selected/measure/value"
    assert await held(operator, "roomy", "also-roomy") == [0, 0]


async def test_the_second_battery_is_changed_by_its_id_and_both_are_cancelled_together(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    for battery_id in ("one-of-two", "two-of-two"):
        await put_battery(operator, battery_id, place)
    begun = await selected(client, await need(client, place, 100_000, lead=20 * DAY))
    contract_id, (second,) = begun["contract_id"], begun["others"]
    await client.init(contract_id, wait_s=WAIT_S)
    await client.confirm(contract_id, consent=True, wait_s=WAIT_S)
    with pytest.raises(ApiError, match="name one as item_id"):
        await client.update(contract_id, energy_wh=50_000, wait_s=WAIT_S)
    changed = await client.update(contract_id, energy_wh=50_000, item_id=second["item_id"], wait_s=WAIT_S)
    assert [each["energy_wh"] for each in each_of(changed)] == [100_000, 50_000], changed["error"]
    moved = await client.update(
        contract_id, giveback=(begun["giveback"]["end"], shifted(begun)), item_id=second["item_id"], wait_s=WAIT_S
    )
    assert [each["giveback"]["start"] for each in each_of(moved)] == [
        begun["giveback"]["start"],
        begun["giveback"]["end"],
    ]
    ended = await client.cancel(contract_id, reason_id="1", reason="Plans have changed", wait_s=WAIT_S)
    assert {each["stage"] for each in each_of(ended)} == {"CANCELLED"}
    assert await held(operator, "one-of-two", "two-of-two") == [0, 0]


def shifted(contract: Contract) -> str:
    """Four hours after the end of the return window."""
    end = parse_timestamp(contract["giveback"]["end"])
    return timestamp_text(end + 4 * HOUR)


async def test_a_battery_twice_or_one_of_a_search_that_has_it_not_is_refused_before_anything_is_sent(
    client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "only-one", place)
    search = await found(client, await need(client, place, lead=20 * DAY))
    offer_id = search["offers"][0]["offer_id"]
    with pytest.raises(ApiError, match="each once"):
        await client.select(search["search_id"], offer_id, beside=[{"offer_id": offer_id}])
    with pytest.raises(ApiError, match="has no offer"):
        await client.select(search["search_id"], offer_id, beside=[{"offer_id": "unknown"}])
    with pytest.raises(ApiError, match="/beside: Write a list"):
        await client.select(search["search_id"], offer_id, beside=[])
