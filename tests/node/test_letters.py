"""What an operator may do with dead letters and failed messages, and that the running sender and decider notice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import Connection, insert, select, update

from node import letters
from node.audit import Actor, verify
from node.clocks import milliseconds
from node.database import Database
from node.hashchain import entries
from node.ids import IdMint, new_uuid
from node.inbox import Decision, Inbox, Received
from node.letters import EXPIRED_TRIED_FOR, NotPossible
from node.migrations.run import NODE_VERSIONS
from node.outbox import Letter, enqueue
from node.tables import DEAD, DONE, DROPPED, FAILED, PENDING, SENT, audit, destinations, inbox, outbox
from protocol.context import write_body
from protocol.errors import TradeRefused
from tests.messages import context, verified
from tests.waiting import until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
TTL = timedelta(seconds=30)
ANNA = Actor("operator anna", "a command on desk-1")
PEER = "http://127.0.0.1:1/beckn"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def letter_in(database: Database, state: str, reason: str | None = "no answer") -> int:
    sent = context("on_select", NOW, ttl=TTL)
    body = write_body(sent, {"order": {}})
    posted = Letter(PEER, "on_select", sent.transaction_id, sent.message_id, body, sent.holds_until)

    def put(tx: Connection) -> int:
        outbox_id = enqueue(tx, IdMint(), posted, NOW)
        values = {"state": state, "attempts": 5, "last_error": reason}
        tx.execute(update(outbox).where(outbox.c.id == outbox_id).values(values))
        return outbox_id

    return await database.write(put)


async def changes(database: Database) -> list[tuple[str, dict[str, object]]]:
    found = await database.read(lambda tx: list(entries(tx, audit)))
    return [(entry.actor, orjson.loads(entry.change)) for entry in found]


async def row_of(database: Database, outbox_id: int) -> object:
    return await database.read(lambda tx: tx.execute(select(outbox).where(outbox.c.id == outbox_id)).one())


async def test_dead_and_pending_letters_are_listed_with_peer_reason_and_attempts(database: Database) -> None:
    dead, waiting = await letter_in(database, DEAD), await letter_in(database, PENDING, None)
    await letter_in(database, SENT, None)
    found = await database.read(letters.letters)
    assert [(one.row_id, one.state, one.peer, one.attempts, one.reason) for one in found] == [
        (dead, DEAD, PEER, 5, "no answer"),
        (waiting, PENDING, PEER, 5, None),
    ]


async def test_a_letter_is_shown_with_the_exact_body_that_is_sent(database: Database) -> None:
    outbox_id = await letter_in(database, DEAD)
    found, body = await database.read(lambda tx: letters.letter(tx, outbox_id))
    assert orjson.loads(body)["context"]["message_id"] == found.message_id


async def test_a_retried_letter_is_pending_at_once_and_holds_until_its_own_ttl(database: Database) -> None:
    outbox_id, soon = await letter_in(database, DEAD), NOW + timedelta(seconds=5)
    rest = {"destination": PEER, "failures": 3, "retry_at_ms": milliseconds(NOW + timedelta(hours=1))}
    await database.write(lambda tx: tx.execute(insert(destinations).values(rest)).rowcount)
    tried_until = await database.write(lambda tx: letters.retry_letter(tx, outbox_id, ANNA, soon))
    row = await row_of(database, outbox_id)
    assert tried_until == NOW + TTL
    assert (row.state, row.attempts, row.due_at_ms) == (PENDING, 0, milliseconds(soon))  # type: ignore[attr-defined]
    assert await database.read(lambda tx: tx.execute(select(destinations)).first()) is None


async def test_a_letter_whose_ttl_has_passed_is_retried_only_when_asked_for(database: Database) -> None:
    outbox_id, late = await letter_in(database, DEAD), NOW + timedelta(hours=1)
    with pytest.raises(NotPossible, match="--even-expired"):
        await database.write(lambda tx: letters.retry_letter(tx, outbox_id, ANNA, late))
    assert await changes(database) == []
    tried_until = await database.write(lambda tx: letters.retry_letter(tx, outbox_id, ANNA, late, even_expired=True))
    assert tried_until == late + EXPIRED_TRIED_FOR


async def test_a_dropped_letter_says_who_dropped_it_and_why(database: Database) -> None:
    outbox_id = await letter_in(database, DEAD)
    await database.write(lambda tx: letters.drop_letter(tx, outbox_id, ANNA, "they closed", NOW))
    row = await row_of(database, outbox_id)
    assert row.state == DROPPED  # type: ignore[attr-defined]
    assert row.last_error == "dropped by operator anna: they closed; it was dead because: no answer"  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", [PENDING, SENT, DROPPED])
async def test_a_letter_that_is_not_dead_is_neither_retried_nor_dropped(database: Database, state: str) -> None:
    outbox_id = await letter_in(database, state)
    with pytest.raises(NotPossible, match="only a dead letter"):
        await database.write(lambda tx: letters.retry_letter(tx, outbox_id, ANNA, NOW))
    with pytest.raises(NotPossible, match="only a dead letter"):
        await database.write(lambda tx: letters.drop_letter(tx, outbox_id, ANNA, "no", NOW))


async def test_an_unknown_letter_is_named_in_the_refusal(database: Database) -> None:
    with pytest.raises(NotPossible, match="there is no letter 7"):
        await database.write(lambda tx: letters.drop_letter(tx, 7, ANNA, "no", NOW))


async def test_every_change_of_a_letter_is_in_the_audit_chain_without_its_body(database: Database) -> None:
    outbox_id = await letter_in(database, DEAD)
    await database.write(lambda tx: letters.retry_letter(tx, outbox_id, ANNA, NOW))
    await database.write(lambda tx: tx.execute(update(outbox).values(state=DEAD)).rowcount)
    await database.write(lambda tx: letters.drop_letter(tx, outbox_id, ANNA, "secret reason", NOW))
    told = await changes(database)
    assert [(actor, change["what"], change["from"], change["outbox_id"]) for actor, change in told] == [
        ("operator anna", "retry letter", "a command on desk-1", outbox_id),
        ("operator anna", "drop letter", "a command on desk-1", outbox_id),
    ]
    assert "secret reason" not in str(told)
    assert (await database.read(verify))[1] is None


class Decider:
    """Handles ``select`` as soon as it is mended."""

    def __init__(self, database: Database) -> None:
        self.broken = True
        self.now = NOW
        self.inbox = Inbox(database, IdMint(), lambda: self.now, {"select": self.handle}, self.refused, 4)

    async def handle(self, _received: Received) -> Decision:
        if self.broken:
            raise LookupError("a bug")
        return lambda tx: None

    def refused(self, _received: Received, refusal: TradeRefused) -> Decision:
        raise AssertionError from refusal


async def test_a_failed_message_that_is_retried_is_decided_by_the_running_inbox(database: Database) -> None:
    decider = Decider(database)
    await decider.inbox.start()
    arrived = verified("select", write_body(context("select", NOW), {"order_id": new_uuid()}))
    failed = update(inbox).values(state=FAILED, attempts=8, last_error="LookupError: a bug")
    decider.broken = False
    await decider.inbox.accept(arrived, "Signature")

    async def state(wanted: str) -> bool:
        return await database.read(lambda tx: tx.scalar(select(inbox.c.state))) == wanted

    await until(lambda: state(DONE))
    await database.write(lambda tx: tx.execute(failed).rowcount)
    [one] = await database.read(letters.messages)
    assert (one.peer, one.action, one.reason) == ("bap.test", "select", "LookupError: a bug")
    await database.write(lambda tx: letters.retry_message(tx, one.row_id, ANNA, NOW))
    await until(lambda: state(DONE))
    await decider.inbox.stop(1)
    assert [(actor, change["what"]) for actor, change in await changes(database)] == [
        ("bap.test", "decided"),
        ("operator anna", "retry message"),
        ("bap.test", "decided"),
    ]


async def test_a_message_that_did_not_fail_is_not_retried(database: Database) -> None:
    decider = Decider(database)
    decider.broken = False
    await decider.inbox.start()
    await decider.inbox.accept(verified("select", write_body(context("select", NOW), {"order_id": "1"})), "Signature")

    async def decided() -> bool:
        return await database.read(lambda tx: tx.scalar(select(inbox.c.state))) == DONE

    await until(decided)
    await decider.inbox.stop(1)
    inbox_id = await database.read(lambda tx: tx.scalar(select(inbox.c.id)))
    with pytest.raises(NotPossible, match=f"message {inbox_id} is DONE"):
        await database.write(lambda tx: letters.retry_message(tx, inbox_id or 0, ANNA, NOW))
