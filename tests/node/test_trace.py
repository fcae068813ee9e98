"""One trade in order, from one database and from two, and its diagram."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy import event as event_of

import energy.ledger as ledger_of
from energy.ledger import Account, entry_of
from node import ledger, trace
from node.audit import Actor, record
from node.clocks import milliseconds
from node.database import Database
from node.ids import IdMint
from node.migrations.run import NODE_VERSIONS
from node.outbox import Letter, enqueue
from node.personal_columns import Sealed
from node.tables import DEAD, DONE, PENDING, SENT, inbox, outbox
from node.trace import Event, Kind
from protocol.context import write_body
from tests.messages import BAP_ID, BPP_ID, BPP_URL, context

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TRADE = "6f1f7c8e-5d3a-4b59-9a58-0b0f6d7f1a11"


def sent(tx: Connection, at: datetime, state: str, **more: object) -> None:
    """A ``select`` of ours in the outbox."""
    about = context("select", at, transaction_id=TRADE)
    body = write_body(about, {"order": {}})
    outbox_id = enqueue(tx, IdMint(), Letter(BPP_URL, "select", TRADE, about.message_id, body, about.holds_until), at)
    ended = {"state": state, "finished_at_ms": milliseconds(at + SECOND), "attempts": 1, **more}
    tx.execute(update(outbox).where(outbox.c.id == outbox_id).values(ended))


def came(tx: Connection, at: datetime, action: str, sender_id: str, state: str = DONE) -> None:
    """A message of a peer, decided a second later unless it is pending."""
    inbox_id = IdMint().next()
    row: dict[str, object] = {
        "id": inbox_id,
        "dedup_key": at.isoformat().encode(),
        "digest": b"d",
        "sender_id": sender_id,
    }
    row |= {"key_id": "k", "gateway_id": None, "action": action, "transaction_id": TRADE, "message_id": "m"}
    row |= {"body": Sealed(b"{}"), "authorization": "Signature", "received_at_ms": milliseconds(at), "state": state}
    tx.execute(insert(inbox).values(**row, attempts=0))
    if state == PENDING:
        return
    facts = {"action": action, "transaction_id": TRADE, "message_id": "m", "inbox_id": inbox_id}
    record(tx, at + SECOND, Actor(sender_id, "the sender itself"), "decided", **facts)


@pytest.fixture
async def database(database_url: str) -> object:
    opened = Database(database_url, [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def test_a_trade_is_told_in_order_with_letters_messages_decisions_and_commands(database: Database) -> None:
    def put(tx: Connection) -> None:
        sent(tx, NOW, SENT, response_status=200)
        came(tx, NOW + 3 * SECOND, "on_select", BPP_ID)
        record(tx, NOW + 9 * SECOND, Actor("operator anna", "desk"), "retry letter", transaction_id=TRADE)
        record(tx, NOW + 9 * SECOND, Actor("operator anna", "desk"), "retry letter", transaction_id="another")

    await database.write(put)
    events = await database.read(lambda tx: trace.story(tx, BAP_ID, TRADE))
    assert [(event.kind, event.action) for event in events] == [
        (Kind.QUEUED, "select"),
        (Kind.SENT, "select"),
        (Kind.CAME, "on_select"),
        (Kind.DONE, "on_select"),
        (Kind.DONE, ""),
    ]
    assert events[1].text == "to bpp.test, delivered (200) after 1 attempt"
    assert events[-1].text == "retry letter, by operator anna"


async def test_a_letter_that_is_still_tried_says_why_and_a_dead_one_too(database: Database) -> None:
    def put(tx: Connection) -> None:
        sent(tx, NOW, PENDING, attempts=3, last_error="no answer", finished_at_ms=None)
        sent(tx, NOW + SECOND, DEAD, attempts=5, last_error="its ttl has passed")

    await database.write(put)
    events = await database.read(lambda tx: trace.story(tx, BAP_ID, TRADE))
    texts = {event.kind: event.text for event in events}
    assert texts[Kind.TRIED] == "3 attempts failed, the next is due: no answer"
    assert texts[Kind.DEAD] == "to bpp.test, dead after 5 attempts: its ttl has passed"


async def test_a_trace_of_one_trade_reads_no_table_to_its_end(database: Database) -> None:
    if await database.read(lambda tx: tx.dialect.name) != "sqlite":
        pytest.skip("the plan of a query is read on SQLite")

    def plans(tx: Connection) -> list[str]:
        came(tx, NOW, "on_select", BPP_ID)
        asked: list[tuple[str, object]] = []

        @event_of.listens_for(tx, "before_cursor_execute")
        def note(_tx: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
            asked.append((statement, values))

        assert trace.story(tx, BAP_ID, TRADE) != []
        event_of.remove(tx, "before_cursor_execute", note)
        explained = [tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values) for query, values in asked]
        return [row.detail for rows in explained for row in rows]

    found = await database.write(plans)
    assert [plan.split(" USING ")[-1].split(" (")[0] for plan in found] == [
        "INDEX outbox_transaction",
        "INDEX audit_about",
        "INDEX inbox_pending",
        "INDEX sqlite_autoindex_inbox_1",
    ]


async def test_a_message_that_is_still_to_be_decided_is_told_too(database: Database) -> None:
    await database.write(lambda tx: came(tx, NOW, "on_select", BPP_ID, PENDING))
    [event] = await database.read(lambda tx: trace.story(tx, BAP_ID, TRADE))
    assert (event.kind, event.text) == (Kind.CAME, f"from {BPP_ID}, acknowledged; now PENDING")


async def test_a_call_of_our_own_api_is_told_by_the_trade_that_it_names(database: Database) -> None:
    facts = {"subject": TRADE}
    await database.write(
        lambda tx: record(tx, NOW, Actor("asha", "::1"), "POST /contracts/{contract_id}/init", **facts)
    )
    [event] = await database.read(lambda tx: trace.story(tx, BAP_ID, TRADE))
    assert event.text == "POST /contracts/{contract_id}/init, by asha"


async def test_nothing_is_told_of_an_unknown_transaction_nor_by_a_wildcard(database: Database) -> None:
    await database.write(lambda tx: came(tx, NOW, "on_select", BPP_ID))
    for unknown in ("another", "%", '"'):
        assert await database.read(lambda tx, name=unknown: trace.story(tx, BAP_ID, name)) == []


def event(second: int, place: str, kind: Kind, **more: str) -> Event:
    return Event(NOW + second * SECOND, place, kind, more.pop("text", "so"), **more)


def test_the_parts_of_two_participants_are_one_story_and_each_message_one_arrow() -> None:
    asked = {"action": "select", "source": BAP_ID, "target": BPP_ID}
    bap = [event(0, BAP_ID, Kind.QUEUED, **asked), event(2, BAP_ID, Kind.SENT, **asked)]
    bpp = [event(1, BPP_ID, Kind.CAME, **asked), event(3, BPP_ID, Kind.DONE, action="select", text="decided")]
    drawn = trace.diagram(trace.ordered([bap, bpp]))
    assert drawn == (
        "sequenceDiagram\n"
        "    participant p1 as bap.test\n"
        "    participant p2 as bpp.test\n"
        "    p1->>p2: select\n"
        "    Note over p2: select: decided\n"
    )


def test_a_message_whose_sender_is_not_traced_is_drawn_by_its_receiver() -> None:
    drawn = trace.diagram([event(1, BPP_ID, Kind.CAME, action="select", source=BAP_ID, target=BPP_ID)])
    assert "p1->>p2: select" in drawn


def test_what_means_something_to_mermaid_is_not_in_a_diagrams_texts() -> None:
    dead = {"action": "select", "source": BAP_ID, "target": BPP_ID, "text": "dead: <b>#1;\nend"}
    drawn = trace.diagram([event(1, BAP_ID, Kind.DEAD, **dead)])
    assert drawn.splitlines()[-1] == "    p1-xp2: select: dead: b 1 end"


async def test_what_the_ledger_has_of_a_trade_is_told_at_the_wire_time_of_its_booking(database: Database) -> None:
    paid, owed = Account(ledger_of.Kind.BANK, "bap.test"), Account(ledger_of.Kind.RECEIVABLE, "bap.test")
    entry = entry_of("payment/1", ledger_of.Event.PAYMENT, TRADE, "1.00 INR were paid.", {paid: 100, owed: -100}, "INR")
    await database.write(lambda tx: ledger.book(tx, NOW, [entry]))
    [told] = await database.read(lambda tx: trace.booked(tx, BPP_ID, [TRADE, "another"], lambda at: at + SECOND))
    assert (told.at, told.kind, told.text) == (NOW + SECOND, Kind.BOOKED, "entry 1: 1.00 INR were paid.")
    assert "entry 1" in trace.diagram([told])
