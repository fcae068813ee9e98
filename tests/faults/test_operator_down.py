"""The operator is down: what waits for it, and what is said when the time for it has passed."""

from __future__ import annotations

import httpx
import pytest

from bap.calls import ApiError
from bap.client import AsyncBapClient
from bap.store.records import UNDELIVERED
from energy.offers import Place
from tests.faults.once import SETTLED_WITHIN_S
from tests.faults.processes import TRACK_TTL_S, Processes
from tests.journeys.trading import WAIT_S, close, found, need, prepare, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_with_the_operator_down_a_request_waits_and_is_answered_when_it_is_back(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "asked-while-down", place)
    search = await found(client, await need(client, place))
    await processes.kill("bpp")
    contract = await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=0)
    assert (contract["stage"], contract["error"]) == ("NEW", None)
    assert contract["pending"] is not None
    assert contract["pending"]["action"] == "select"
    await processes.start("bpp")

    async def quoted() -> bool:
        return (await client.contract(contract["contract_id"]))["stage"] == "SELECTED"

    await until(quoted, SETTLED_WITHIN_S, "the quote")


@pytest.mark.long
async def test_with_the_operator_down_a_request_whose_time_passes_is_told_as_undelivered_and_the_contract_stands(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "down-for-long", place)
    contract = await close(client, await need(client, place))
    await processes.kill("bpp")
    asked = await client.track(contract["contract_id"], wait_s=0)
    assert asked["pending"] is not None

    async def given_up() -> bool:
        return (await client.contract(contract["contract_id"]))["error"] is not None

    await until(given_up, TRACK_TTL_S + SETTLED_WITHIN_S, "the dead letter")
    known = await client.contract(contract["contract_id"])
    assert known["error"] is not None
    assert (known["error"]["code"], known["stage"], known["pending"]) == (UNDELIVERED, "ACTIVE", None)
    assert "track could not be delivered" in known["error"]["message"]
    await processes.start("bpp")
    tracked = await client.track(contract["contract_id"], wait_s=WAIT_S)
    assert (tracked["error"], tracked["tracking_url"] is not None) == (None, True)


async def test_with_the_operator_down_consent_can_not_be_given_and_the_producer_is_told_so(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "no-consent-while-down", place)
    contract_id = await prepare(client, await need(client, place))
    await processes.kill("bpp")
    with pytest.raises(ApiError) as refusal:
        await client.confirm(contract_id, consent=True, wait_s=0)
    assert (refusal.value.status, refusal.value.title) == (502, "Peer failed")
    assert (await client.contract(contract_id))["pending"] is None
    await processes.start("bpp")
    confirmed = await client.confirm(contract_id, consent=True, wait_s=WAIT_S)
    assert confirmed["stage"] == "ACTIVE"
