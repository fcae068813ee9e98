"""Callbacks come out of order: before their request, behind a newer one, ahead of their step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from energy.offers import ContractState, OrderStatus
from node.audit import REFUSED
from node.ids import new_uuid
from protocol.errors import ACTION_NOT_APPLICABLE, ORDER_NOT_FOUND
from protocol.lifecycle import Stage
from tests.bap import examples
from tests.faults.scripted_operator import ACK, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_callback_before_its_request_was_committed_is_acknowledged_and_changes_nothing(scene: Scene) -> None:
    early = scene.body("on_select", examples.SELECTED)
    assert (await scene.send("on_select", early)).content == ACK
    await scene.decided(1)
    await scene.ask()
    assert (await scene.send("on_select", early)).content == ACK
    assert await scene.outcomes() == [("on_select", REFUSED, ORDER_NOT_FOUND)]
    assert (await scene.known()).quote is None


async def test_an_overtaken_status_does_not_put_the_contract_back(scene: Scene) -> None:
    running = examples.contract(Stage.ACTIVE)
    own = scene.operator.participant.identity
    scene.contract = replace(
        running, contract_id=scene.contract.contract_id, bpp_id=own.subscriber_id, bpp_uri=own.url, told_at=None
    )
    await scene.ask("status")
    now = datetime.now(UTC)
    ended = replace(examples.status(2), state=ContractState.COMPLETED, status=OrderStatus.COMPLETE)
    await scene.tell("on_status", ended, timestamp=now)
    await scene.tell("on_status", examples.status(1), timestamp=now - timedelta(seconds=2), message_id=new_uuid())
    known = await scene.known()
    assert (known.stage, known.state) == (Stage.COMPLETE, ContractState.COMPLETED)
    assert known.live == ended.live


async def test_an_answer_to_a_later_step_than_was_asked_for_is_refused(scene: Scene) -> None:
    await scene.ask()
    await scene.tell("on_confirm", examples.CONFIRMED)
    assert await scene.outcomes() == [("on_confirm", REFUSED, ACTION_NOT_APPLICABLE)]
    assert (await scene.known()).stage is Stage.NEW
