"""The registry takes its time, or never answers: who is known does not wait for it, and nobody floods it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.faults.processes import PEER_TIMEOUT_S, Processes
from tests.faults.proxy import PassOn
from tests.faults.strangers import FROM, greeting, peer, registry_of, say
from tests.journeys.subscriber import subscribed
from tests.journeys.trading import close, need, put_battery

pytestmark = pytest.mark.asyncio(loop_scope="session")

MESSAGES = 12


async def test_messages_of_a_newcomer_wait_for_one_slow_lookup_and_are_all_taken(
    processes: Processes, tmp_path: Path
) -> None:
    proxy, go_on = processes.proxies["registry"], asyncio.Event()

    async def slowly(pass_on: PassOn) -> web.Response | None:
        await go_on.wait()
        return await pass_on()

    async with subscribed(registry_of(processes), peer(processes, "bap"), tmp_path, "slow.test") as newcomer:
        with proxy.during("lookup", slowly):
            before = len(proxy.times("lookup"))
            told = [asyncio.create_task(say(newcomer, greeting(newcomer))) for _ in range(MESSAGES)]
            await asyncio.wait(told, timeout=PEER_TIMEOUT_S / 3)
            assert not any(one.done() for one in told)
            assert len(proxy.times("lookup")) - before == 1
            go_on.set()
            assert {reply.status for reply in await asyncio.gather(*told)} == {200}
        own_id = newcomer.participant.identity.subscriber_id
        assert len(processes.rows("bap", FROM, own_id)) == MESSAGES


async def test_while_the_registry_hangs_known_platforms_trade_and_a_newcomer_is_told_to_come_again(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place, tmp_path: Path
) -> None:
    await put_battery(operator, "registry-hangs", place)
    await close(client, await need(client, place, 50_000))

    async def never(_pass_on: PassOn) -> None:
        await asyncio.Event().wait()

    async with subscribed(registry_of(processes), peer(processes, "bap"), tmp_path, "hung.test") as newcomer:
        body = greeting(newcomer)
        with processes.proxies["registry"].during("lookup", never):
            waiting = asyncio.create_task(say(newcomer, body))
            await close(client, await need(client, place, 50_000))
            assert (await waiting).status == 503
        assert (await say(newcomer, body)).status == 200
