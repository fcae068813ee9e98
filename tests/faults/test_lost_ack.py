"""The message arrives and its ACK does not: it comes again, is acknowledged again, and acts once."""

from __future__ import annotations

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from tests.faults.answers import losing_the_answer
from tests.faults.once import check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("receiver", "action"), [("bpp", "confirm"), ("bap", "on_confirm")])
async def test_a_message_whose_ack_is_lost_comes_again_and_acts_once(
    processes: Processes,
    client: AsyncBapClient,
    operator: httpx.AsyncClient,
    place: Place,
    receiver: str,
    action: str,
) -> None:
    contract_id = await ready_to_confirm(client, operator, f"lost-{action}", place)
    proxy = processes.proxies[receiver]
    before = len(proxy.times(action))
    proxy.once(action, losing_the_answer)
    await confirm(client, contract_id)
    await check_once(processes, contract_id, f"lost-{action}")
    assert len(proxy.times(action)) - before == 2
