"""The inbox: durable before the ACK, decided once, in order, duplicates recognised. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from node.database import Database
from node.ids import IdMint, new_uuid
from node.inbox import Decision, Inbox, Received
from node.migrations.run import NODE_VERSIONS
from node.tables import DONE, PENDING, destinations, inbox
from protocol.errors import Duplicate, TradeRefused
from tests.messages import context, verified
from tests.waiting import until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def message(action: str = "select", **more: Any) -> Any:
    from protocol.context import write_body

    return verified(action, write_body(context(action, NOW, **more), {"order_id": new_uuid()}))


class Desk:
    """A handler whose decision writes one row named by the message; it can be held up or made to fail."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.fail = 0
        self.refusals: list[str] = []

    async def handle(self, received: Received) -> Decision:
        await self.go.wait()
        message_id = received.verified.context.message_id
        if self.fail:
            self.fail -= 1
            raise LookupError("a bug")
        self.seen.append(message_id)
        return lambda tx: effect(tx, message_id)

    async def refuse(self, _received: Received) -> Decision:
        def decision(tx: Connection) -> None:
            effect(tx, "must be rolled back")
            raise TradeRefused("40002", "not enough")

        return decision

    def refused(self, _received: Received, refusal: TradeRefused) -> Decision:
        self.refusals.append(refusal.trade_code)
        return lambda tx: effect(tx, f"refused {refusal.trade_code}")


def effect(tx: Connection, name: str) -> None:
    tx.execute(insert(destinations).values(destination=name, failures=0, retry_at_ms=0))


async def effects(database: Database) -> set[str]:
    return set(await database.read(lambda tx: tx.scalars(select(destinations.c.destination)).all()))


async def states(database: Database) -> list[str]:
    return list(await database.read(lambda tx: tx.scalars(select(inbox.c.state)).all()))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


def new_inbox(database: Database, desk: Desk) -> Inbox:
    handlers = {"select": desk.handle, "status": desk.handle, "confirm": desk.refuse}
    return Inbox(database, IdMint(), lambda: NOW, handlers, desk.refused, decisions_at_once=8)


async def test_an_accepted_message_has_its_effect_once(database: Database) -> None:
    desk = Desk()
    box = new_inbox(database, desk)
    arrived = message()
    assert await box.accept(arrived, "Signature")
    await until(lambda: _done(database, 1))
    assert await effects(database) == {arrived.context.message_id}


async def _done(database: Database, count: int) -> bool:
    return (await states(database)).count(DONE) == count


async def test_the_same_bytes_again_are_acknowledged_and_do_nothing(database: Database) -> None:
    desk = Desk()
    box = new_inbox(database, desk)
    arrived = message()
    answers = await asyncio.gather(*(box.accept(arrived, "Signature") for _ in range(10)))
    assert answers.count(True) == 1
    await until(lambda: _done(database, 1))
    assert not await box.accept(arrived, "Signature")
    assert desk.seen == [arrived.context.message_id]


async def test_other_bytes_under_a_known_message_id_are_refused_for_select(database: Database) -> None:
    box = new_inbox(database, Desk())
    message_id = new_uuid()
    await box.accept(message(message_id=message_id), "Signature")
    with pytest.raises(Duplicate) as refusal:
        await box.accept(message(message_id=message_id), "Signature")
    assert refusal.value.http_status == 409


async def test_other_bytes_under_a_known_message_id_are_one_more_message_for_status(database: Database) -> None:
    box = new_inbox(database, Desk())
    message_id = new_uuid()
    assert await box.accept(message("status", message_id=message_id), "Signature")
    assert await box.accept(message("status", message_id=message_id), "Signature")


async def test_messages_of_one_transaction_are_decided_in_the_order_they_came(database: Database) -> None:
    desk = Desk()
    desk.go.clear()
    box = new_inbox(database, desk)
    transaction_id = new_uuid()
    arrived = [message(transaction_id=transaction_id) for _ in range(12)]
    for one in arrived:
        await box.accept(one, "Signature")
    desk.go.set()
    await until(lambda: _done(database, 12))
    assert desk.seen == [one.context.message_id for one in arrived]


async def test_what_was_accepted_and_not_decided_is_decided_by_the_next_start(database: Database) -> None:
    held = Desk()
    held.go.clear()
    first = new_inbox(database, held)
    arrived = message()
    await first.accept(arrived, "Signature")
    await first.stop(0.05)
    assert await states(database) == [PENDING]
    desk = Desk()
    await new_inbox(database, desk).start()
    await until(lambda: _done(database, 1))
    assert await effects(database) == {arrived.context.message_id}


async def test_a_business_refusal_undoes_the_decision_and_is_answered(database: Database) -> None:
    desk = Desk()
    await new_inbox(database, desk).accept(message("confirm"), "Signature")
    await until(lambda: _done(database, 1))
    assert await effects(database) == {"refused 40002"}


async def test_a_bug_in_a_handler_is_tried_again_and_then_succeeds(database: Database) -> None:
    desk = Desk()
    desk.fail = 1
    arrived = message()
    await new_inbox(database, desk).accept(arrived, "Signature")
    await until(lambda: _done(database, 1))
    assert await effects(database) == {arrived.context.message_id}
