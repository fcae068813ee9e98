"""SIGTERM: a server ends in order, within its limit and with exit code 0, and is back within three seconds."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from bap.client import AsyncBapClient
from beckn_battery.configuration import ROLES
from energy.offers import Place
from node.tables import PENDING
from tests.faults.once import OUT, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import STOP_WITHIN_S, Processes
from tests.journeys.trading import close, need, put_battery

pytestmark = pytest.mark.asyncio(loop_scope="session")

BACK_WITHIN_S = 3
# The machine may be busy with something else for one of them.
TRIES = 3
EXIT_S = 1
LEASES = "SELECT state, lease_until_ms FROM outbox WHERE transaction_id = ? AND action = ?"


async def is_back(processes: Processes, role: str) -> bool:
    """Start a server, and again if it was slow: whether it was ready in time."""
    for attempt in range(TRIES):
        if attempt:
            assert await processes.terminate(role) == 0
        if await processes.start(role) < BACK_WITHIN_S:
            return True
    return False


async def test_servers_stop_with_exit_code_0_are_ready_again_within_three_seconds_and_know_their_contracts(
    processes: Processes, operator: httpx.AsyncClient, client: AsyncBapClient, place: Place
) -> None:
    await put_battery(operator, "before-the-stop", place)
    wanted = await need(client, place, 100_000)
    before = await close(client, wanted)
    logged = {role: len(processes.log(role)) for role in ROLES}
    for role in reversed(ROLES):
        assert await processes.terminate(role) == 0
    assert {role: await is_back(processes, role) for role in ROLES} == dict.fromkeys(ROLES, True)
    async with processes.producer() as again:
        assert await again.contract(before["contract_id"]) == before
        after = await close(again, wanted)
    assert after["order_id"] != before["order_id"]
    for role in ROLES:
        assert "Traceback" not in processes.log(role)[logged[role] :]


async def test_an_answer_that_is_in_flight_at_the_stop_goes_out_after_the_next_start_and_counts_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "stopped", place)
    held = processes.proxies["bap"].hold("on_confirm")
    await confirm(client, contract_id)
    await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
    began = time.monotonic()
    assert await processes.terminate("bpp") == 0
    assert time.monotonic() - began < STOP_WITHIN_S + EXIT_S
    held.drop()
    assert processes.rows("bpp", LEASES, contract_id, "on_confirm") == [(PENDING, 0)]
    await processes.start("bpp")
    await check_once(processes, contract_id, "stopped")
    assert len(processes.rows("bpp", OUT, contract_id, "on_confirm")) == 1
