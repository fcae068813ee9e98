"""What was acknowledged is decided, also when the process died in between, and once."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from energy.wire.v1.writer import write
from node.ids import IdMint
from node.inbox import Decision, Inbox, Received
from node.tables import DONE, inbox
from protocol.context import write_body
from protocol.lifecycle import Stage
from tests.bpp.platform import TRADE, Clock, Platform, order, running
from tests.messages import BAP_ID, context, verified
from tests.waiting import until


async def _hang(_received: Received) -> Decision:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def die_after_the_ack(platform: Platform, action: str, body: bytes) -> None:
    """Acknowledge a message as the server does, and stop before its decision."""
    dying = Inbox(platform.database, IdMint(), platform.clock, {action: _hang}, platform.desk.refused, 1)
    assert await dying.accept(verified(action, body), "Signature")
    await dying.stop(within_s=0)


async def _all_done(platform: Platform) -> bool:
    states = await platform.database.read(lambda tx: tx.scalars(select(inbox.c.state)).all())
    return set(states) == {DONE}


@pytest.mark.parametrize("restarts", [1, 2])
async def test_a_confirm_that_was_acknowledged_becomes_one_contract_after_a_restart(
    tmp_path: Path, restarts: int
) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        agreed = await platform.agree(order())
        body = write_body(context("confirm", clock.now, transaction_id=TRADE), write("confirm", agreed))
        await die_after_the_ack(platform, "confirm", body)
        assert await platform.sent() == []
    for _ in range(restarts):
        async with running(tmp_path, clock) as platform:
            await platform.bpp.participant.inbox.start()
            await until(partial(_all_done, platform))
            answers = [letter for letter in await platform.sent() if letter.action == "on_confirm"]
            assert [answer.code for answer in answers] == [None]
            order_id = str(answers[0].order.order_id)
            assert (await platform.contract(order_id)).stage is Stage.ACTIVE


async def test_the_same_confirm_again_is_no_news_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        agreed = await platform.agree(order())
        body = write_body(context("confirm", clock.now, transaction_id=TRADE), write("confirm", agreed))
        await die_after_the_ack(platform, "confirm", body)
    async with running(tmp_path, clock) as platform:
        await platform.bpp.participant.inbox.start()
        assert not await platform.bpp.participant.inbox.accept(verified("confirm", body, BAP_ID), "Signature")
        await until(partial(_all_done, platform))
        assert len([letter for letter in await platform.sent() if letter.action == "on_confirm"]) == 1
