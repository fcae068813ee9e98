"""A message comes twice: with the same bytes it acts once, with others under its id it is refused."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from bap.client import AsyncBapClient
from energy.offers import Place
from node.audit import DECIDED
from node.ids import new_uuid
from protocol.lifecycle import Stage
from tests.bap import examples
from tests.faults.answers import twice
from tests.faults.once import check_once, confirm, ready_to_confirm
from tests.faults.processes import Processes
from tests.faults.scripted_operator import ACK, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_callback_that_comes_twice_acts_once(scene: Scene) -> None:
    await scene.ask()
    body = scene.body("on_select", examples.SELECTED)
    replies = [await scene.send("on_select", body) for _ in range(3)]
    await scene.decided(1)
    assert [reply.content for reply in replies] == [ACK, ACK, ACK]
    assert await scene.stored() == 1
    assert await scene.outcomes() == [("on_select", DECIDED, None)]
    assert (await scene.known()).stage is Stage.SELECTED


async def test_another_answer_under_a_known_message_id_is_a_nack_and_the_first_holds(scene: Scene) -> None:
    await scene.ask()
    await scene.tell("on_select", examples.SELECTED)
    dearer = scene.body("on_select", replace(examples.SELECTED, quote=examples.quote(quote_id=new_uuid())))
    reply = await scene.send("on_select", dearer)
    assert reply.content["message"]["ack"]["status"] == "NACK"
    assert reply.content["error"]["paths"] == "/context/message_id"
    assert (await scene.known()).quote == examples.SELECTED.quote


@pytest.mark.parametrize(("receiver", "action"), [("bpp", "confirm"), ("bap", "on_confirm")])
async def test_a_message_that_arrives_twice_at_the_same_moment_is_acknowledged_twice_and_acts_once(
    processes: Processes,
    client: AsyncBapClient,
    operator: httpx.AsyncClient,
    place: Place,
    receiver: str,
    action: str,
) -> None:
    contract_id = await ready_to_confirm(client, operator, f"twice-{action}", place)
    processes.proxies[receiver].once(action, twice)
    await confirm(client, contract_id)
    await check_once(processes, contract_id, f"twice-{action}")
