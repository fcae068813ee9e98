"""A peer takes the connection and says nothing: the call ends at its limit, and other peers do not wait for it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.faults.once import check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.faults.proxy import PassOn
from tests.journeys.trading import WAIT_S, found, need, put_battery

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def hanging(_pass_on: PassOn) -> None:
    """Say nothing until the caller has enough."""
    await asyncio.Event().wait()


async def test_an_operator_that_hangs_on_a_message_gets_it_again_and_acts_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "hangs", place)
    proxy = processes.proxies["bpp"]
    before = len(proxy.times("confirm"))
    proxy.once("confirm", hanging)
    await confirm(client, contract_id)
    await check_once(processes, contract_id, "hangs")
    assert len(proxy.times("confirm")) - before == 2


async def test_while_a_peer_hangs_another_one_is_served(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "hangs-beside", place)
    wanted = await need(client, place)
    search = await found(client, wanted)
    # The operator hangs; the gateway, which the same platform calls, does not.
    with processes.proxies["bpp"].during("select", hanging):
        asked = await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=0)
        again = await client.search(**wanted, wait_s=WAIT_S)
        assert [offer["item_id"] for offer in again["offers"]] == ["hangs-beside"]
        assert (await client.contract(asked["contract_id"]))["stage"] == "NEW"
