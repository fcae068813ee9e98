"""A platform's key is rotated while its message is under way: what the old key signed counts during its overlap."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.faults.once import SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.faults.proxy import PassOn
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIGNED_WITH = "SELECT key_id FROM inbox WHERE transaction_id = ? AND action = ?"


def keys(processes: Processes, role: str, command: str) -> list[tuple[str, str]]:
    """Run ``beckn-battery keys``; ids and states of what it prints."""
    printed = processes.command("keys", command, "--config", str(processes.local.file(role)))
    return [(line.split()[0], line.split()[1]) for line in printed.splitlines() if line]


async def rotate(processes: Processes, role: str) -> tuple[str, str]:
    """Give a role a new key, which it takes up on SIGHUP: by itself it looks once an hour. Old and new id."""
    [(old, _)] = [key for key in keys(processes, role, "list") if key[1] == "current"]
    keys(processes, role, "rotate")

    def signs() -> bool:
        processes.hang_up(role)
        return (old, "overlap") in keys(processes, role, "list")

    await until(signs, SETTLED_WITHIN_S, f"the new key of {role}")
    [(new, _)] = [key for key in keys(processes, role, "list") if key[1] == "current"]
    return old, new


@pytest.mark.parametrize(
    ("sender", "receiver", "action", "later"),
    [("bap", "bpp", "confirm", "status"), ("bpp", "bap", "on_confirm", "on_status")],
)
async def test_a_message_under_way_is_taken_with_the_old_key_and_the_next_ones_with_the_new_one(
    processes: Processes,
    client: AsyncBapClient,
    operator: httpx.AsyncClient,
    place: Place,
    sender: str,
    receiver: str,
    action: str,
    later: str,
) -> None:
    contract_id = await ready_to_confirm(client, operator, f"rotated-{sender}", place)
    proxy = processes.proxies[receiver]

    async def lost(_pass_on: PassOn) -> None:
        """Only the held one shall arrive, until it did."""

    held = proxy.hold(action)
    with proxy.during(action, lost):
        await confirm(client, contract_id)
        await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
        old, new = await rotate(processes, sender)
        before = len(proxy.statuses)
        held.release()
        await asyncio.wait_for(held.passed_on.wait(), SETTLED_WITHIN_S)
        assert (action, 200) in proxy.statuses[before:]
    await check_once(processes, contract_id, f"rotated-{sender}")
    assert processes.rows(receiver, SIGNED_WITH, contract_id, action) == [(old,)]
    await client.status(contract_id)
    await until(lambda: bool(processes.rows(receiver, SIGNED_WITH, contract_id, later)), SETTLED_WITHIN_S, later)
    assert set(processes.rows(receiver, SIGNED_WITH, contract_id, later)) == {(new,)}
