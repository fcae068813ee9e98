"""An ACK is a promise, whatever is killed: the contract becomes ACTIVE on both sides, and it becomes so once."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from aiohttp import web

from bap.client import AsyncBapClient
from energy.offers import Place
from node.tables import DONE, PENDING, SENT
from tests.faults.once import IN, ORDERS, OUT, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.faults.proxy import PassOn, Script
from tests.journeys.trading import need, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def killing(processes: Processes, role: str, *, answered: bool, after: asyncio.Event | None = None) -> Script:
    """Pass the message on; once its answer is here, kill a server, and lose the answer or hand it over.

    ``after``: something else that has to have happened by then.
    """

    async def script(pass_on: PassOn) -> web.Response | None:
        answer = await pass_on()
        assert answer is not None
        assert answer.status == 200
        if after is not None:
            await after.wait()
        await processes.kill(role)
        return answer if answered else None

    return script


def cut_short(processes: Processes, role: str, action: str) -> Script:
    """Kill a server when half of the message is there."""

    async def script(_pass_on: PassOn) -> None:
        url = httpx.URL(processes.base_url(role))
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"POST /beckn/{action} HTTP/1.1\r\nHost: here\r\nContent-Length: 2000\r\n\r\n".encode())
        writer.write(b'{"context":')
        await writer.drain()
        await processes.kill(role)
        writer.close()

    return script


async def killed(processes: Processes, role: str) -> None:
    """Wait until a script has killed the server, then start it again."""
    await until(lambda: not processes.is_running(role), SETTLED_WITHIN_S, f"{role} killed")
    await processes.start(role)


async def test_the_operator_is_killed_while_its_on_confirm_is_held_and_the_contract_becomes_active_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "held", place)
    held = processes.proxies["bap"].hold("on_confirm")
    await confirm(client, contract_id)
    await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
    await until(lambda: processes.rows("bap", OUT, contract_id, "confirm") == [(SENT,)], what="the ACK of confirm")
    await processes.kill("bpp")
    held.drop()
    waiting = await client.contract(contract_id)
    assert waiting["stage"] == "INITIALISED"
    assert waiting["pending"] is not None
    assert processes.rows("bpp", OUT, contract_id, "on_confirm") == [(PENDING,)]
    await processes.start("bpp")
    await check_once(processes, contract_id, "held")


async def test_the_operator_is_killed_the_moment_it_has_acknowledged_confirm(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "at-the-ack", place)
    processes.proxies["bpp"].once("confirm", killing(processes, "bpp", answered=True))
    await confirm(client, contract_id)
    await killed(processes, "bpp")
    await check_once(processes, contract_id, "at-the-ack")


async def test_the_operator_is_killed_in_the_middle_of_confirm_and_nothing_of_it_stays_until_it_is_sent_again(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "before-the-ack", place)

    processes.proxies["bpp"].once("confirm", cut_short(processes, "bpp", "confirm"))
    await confirm(client, contract_id)
    await until(lambda: not processes.is_running("bpp"), SETTLED_WITHIN_S, "the BPP killed")
    assert processes.rows("bpp", IN, contract_id, "confirm") == []
    assert processes.rows("bpp", ORDERS, contract_id)[0][1] == "INITIALISED"
    await processes.start("bpp")
    await check_once(processes, contract_id, "before-the-ack")


async def test_the_producer_is_killed_after_sending_confirm_and_does_not_know_that_it_arrived(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "sender-dies", place)
    told = asyncio.Event()
    processes.proxies["bpp"].once("confirm", killing(processes, "bap", answered=False, after=told))
    await confirm(client, contract_id)
    told.set()
    await killed(processes, "bap")
    await check_once(processes, contract_id, "sender-dies")


async def test_the_producer_is_killed_the_moment_it_has_acknowledged_on_confirm_and_the_operator_does_not_know(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "receiver-dies", place)
    told = asyncio.Event()
    processes.proxies["bap"].once("on_confirm", killing(processes, "bap", answered=False, after=told))
    await confirm(client, contract_id)
    told.set()
    await killed(processes, "bap")
    await check_once(processes, contract_id, "receiver-dies")


async def test_the_producer_is_killed_while_on_confirm_arrives_and_takes_it_when_it_is_back(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "receiver-dies-early", place)
    held = processes.proxies["bap"].hold("on_confirm")
    await confirm(client, contract_id)
    await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
    processes.proxies["bap"].once("on_confirm", cut_short(processes, "bap", "on_confirm"))
    held.drop()
    await until(lambda: not processes.is_running("bap"), SETTLED_WITHIN_S, "the BAP killed")
    assert processes.rows("bap", IN, contract_id, "on_confirm") == []
    await processes.start("bap")
    await check_once(processes, contract_id, "receiver-dies-early")


async def test_the_gateway_is_killed_after_its_ack_of_a_search_and_the_offers_come_all_the_same(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    await put_battery(operator, "searched-for", place)
    processes.proxies["gateway"].once("search", killing(processes, "gateway", answered=True))
    search = await client.search(**await need(client, place), wait_s=0)
    await killed(processes, "gateway")
    search_id = search["search_id"]

    async def offered() -> bool:
        return bool((await client.read_search(search_id))["offers"])

    await until(offered, SETTLED_WITHIN_S, "the offers")
    found = await client.read_search(search_id)
    assert ([offer["item_id"] for offer in found["offers"]], found["answers"]) == (["searched-for"], 1)
    assert processes.rows("bpp", IN, search_id, "search") == [(DONE,)]
