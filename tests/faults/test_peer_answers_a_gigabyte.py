"""A peer answers with a gigabyte, or sends one: it is cut off, and the process does not grow by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from node.tables import PENDING
from tests.faults.answers import GIGABYTE, MEGABYTE, a_gigabyte
from tests.faults.once import LETTER, SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

GROWTH_MAX = 100 * MEGABYTE
MESSAGES = 8


def most_memory(processes: Processes, role: str) -> int:
    """The most bytes that a process has had in memory so far."""
    status = Path(f"/proc/{processes.pid(role)}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


async def test_a_gigabyte_in_place_of_an_ack_is_cut_off_and_the_message_arrives_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "gigabyte", place)
    proxy = processes.proxies["bpp"]
    before = most_memory(processes, "bap")
    with proxy.during("confirm", a_gigabyte):
        seen = len(proxy.times("confirm"))
        await confirm(client, contract_id)
        await until(lambda: len(proxy.times("confirm")) - seen >= 3, SETTLED_WITHIN_S, "a third attempt")
        [(state, _, reason)] = processes.rows("bap", LETTER, contract_id, "confirm")
        assert (state, "at most" in reason) == (PENDING, True), reason
    assert most_memory(processes, "bap") - before < GROWTH_MAX
    await check_once(processes, contract_id, "gigabyte")


async def flood() -> AsyncIterator[bytes]:
    """The message that has no end."""
    for _ in range(GIGABYTE // MEGABYTE):
        yield b" " * MEGABYTE


async def test_messages_of_a_gigabyte_are_refused_at_their_limit_and_the_platform_goes_on(
    processes: Processes, client: AsyncBapClient
) -> None:
    before = most_memory(processes, "bap")
    async with aiohttp.ClientSession() as session:
        for _ in range(MESSAGES):
            url = f"{processes.base_url('bap')}/beckn/on_select"
            try:
                async with session.post(url, data=flood(), headers={"Content-Type": "application/json"}) as answer:
                    assert answer.status == 413
            except aiohttp.ClientError:
                # It may hang up before we have said all that we had to say.
                continue
    assert most_memory(processes, "bap") - before < GROWTH_MAX
    assert await client.trade_time()
