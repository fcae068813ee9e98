"""A message comes late: within its ttl it counts, after it it does not, and its copy that overtook it counts once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from protocol.lifecycle import Stage
from tests.bap import examples
from tests.faults.once import SETTLED_WITHIN_S, check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.faults.scripted_operator import ACK, Scene
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_callback_after_its_ttl_is_a_nack_and_its_request_waits_on(scene: Scene) -> None:
    await scene.ask()
    sent_at = datetime.now(UTC) - timedelta(minutes=1)
    late = scene.body("on_select", examples.SELECTED, timestamp=sent_at, ttl=timedelta(seconds=30))
    reply = await scene.send("on_select", late)
    assert reply.content["message"]["ack"]["status"] == "NACK"
    assert await scene.stored() == 0
    in_time = scene.body("on_select", examples.SELECTED)
    assert (await scene.send("on_select", in_time)).content == ACK
    await scene.decided(1)
    assert (await scene.known()).stage is Stage.SELECTED


async def test_a_message_that_was_held_up_while_its_copy_went_through_acts_once(
    processes: Processes, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await ready_to_confirm(client, operator, "held-up", place)
    proxy = processes.proxies["bpp"]
    before = len(proxy.times("confirm"))
    held = proxy.hold("confirm")
    await confirm(client, contract_id)
    await asyncio.wait_for(held.arrived.wait(), SETTLED_WITHIN_S)
    # The sender has enough of waiting and sends it again, which goes through.
    await until(lambda: len(proxy.times("confirm")) - before == 2, SETTLED_WITHIN_S, "a second attempt")
    await check_once(processes, contract_id, "held-up")
    held.release()
    await asyncio.wait_for(held.passed_on.wait(), SETTLED_WITHIN_S)
    await check_once(processes, contract_id, "held-up")
