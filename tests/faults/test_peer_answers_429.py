"""A peer answers 429 with Retry-After: nothing comes before that time, and then all of it."""

from __future__ import annotations

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.faults.answers import answering
from tests.faults.once import check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes

pytestmark = pytest.mark.asyncio(loop_scope="session")

RETRY_AFTER_S = 2
# Due times are kept in whole milliseconds.
ROUNDING_S = 0.01


async def test_a_peer_that_asks_for_a_pause_gets_it_and_then_the_message_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "answers-429", place)
    proxy = processes.proxies["bpp"]
    before = len(proxy.times("confirm"))
    proxy.once("confirm", answering(429, Retry_After=str(RETRY_AFTER_S)))
    await confirm(client, contract_id)
    await check_once(processes, contract_id, "answers-429")
    refused, taken = proxy.times("confirm")[before:]
    # Without the header it would have come again within half a second.
    assert taken - refused >= RETRY_AFTER_S - ROUNDING_S
