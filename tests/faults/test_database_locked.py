"""Another process holds a platform's database: no message is acknowledged meanwhile, and afterwards all goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.faults.once import IN, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@contextmanager
def locked(processes: Processes, role: str) -> Iterator[None]:
    """Hold the write lock of a role's database, as a backup program may that is written badly."""
    holder = sqlite3.connect(processes.database(role), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.parametrize(("receiver", "action"), [("bpp", "confirm"), ("bap", "on_confirm")])
async def test_a_platform_whose_database_is_locked_refuses_for_now_and_acts_once_when_it_is_free(
    processes: Processes,
    client: AsyncBapClient,
    operator: httpx.AsyncClient,
    place: Place,
    receiver: str,
    action: str,
) -> None:
    contract_id = await ready_to_confirm(client, operator, f"locked-{receiver}", place)
    proxy = processes.proxies[receiver]
    held, before = proxy.hold(action), len(proxy.statuses)
    await confirm(client, contract_id)
    await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
    with locked(processes, receiver):
        held.release()
        await until(lambda: (action, 500) in proxy.statuses[before:], SETTLED_WITHIN_S, "a refusal")
        assert processes.rows(receiver, IN, contract_id, action) == []
    await check_once(processes, contract_id, f"locked-{receiver}")
