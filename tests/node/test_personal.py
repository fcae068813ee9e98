"""Finding and erasing one person in messages: nothing of the person stays, everything else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest
from sqlalchemy import Connection, insert, select

from node.audit import Actor, verify
from node.database import Database
from node.hashchain import entries
from node.ids import IdMint
from node.inbox import dedup_key
from node.migrations.run import NODE_VERSIONS
from node.outbox import Letter, enqueue
from node.personal import ERASED, MESSAGES, Person, erase, find
from node.personal_columns import Sealed
from node.tables import DEAD, DONE, DROPPED, FAILED, PENDING, SENT, audit, inbox, outbox
from protocol.context import write_body
from tests.messages import BPP_URL, context, verified

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
INBOX, OUTBOX = MESSAGES
ANNA = Actor("operator anna", "desk")
ASHA = {"name": "Asha Rao", "email": "Asha@farms.example", "phone": "+91 80 5550 0100", "address": "Hebbal"}
BERT = {"name": "Bert", "email": "bert@farms.example"}
BY_EMAIL = Person("email", "asha@FARMS.example")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


def order(billing: dict[str, str]) -> dict[str, object]:
    fulfillments = [{"customer": {"contact": {"email": billing["email"]}, "person": {"name": billing["name"]}}}]
    return {"order": {"id": "order-1", "billing": billing, "fulfillments": fulfillments, "quote": {"price": "5610.90"}}}


async def put_letter(database: Database, billing: dict[str, str], state: str = SENT) -> int:
    about = context("confirm", NOW)
    body = write_body(about, order(billing))
    letter = Letter(BPP_URL, "confirm", about.transaction_id, about.message_id, body, about.holds_until)

    def put(tx: Connection) -> int:
        outbox_id = enqueue(tx, IdMint(), letter, NOW)
        tx.execute(outbox.update().where(outbox.c.id == outbox_id).values(state=state))
        return outbox_id

    return await database.write(put)


async def put_message(database: Database, billing: dict[str, str], state: str = DONE) -> int:
    body = write_body(context("confirm", NOW), order(billing)).replace(b"Asha Rao", b"\\u0041sha Rao")
    came = verified("confirm", body)
    row = {"id": IdMint().next(), "dedup_key": dedup_key(came), "digest": came.digest, "sender_id": came.sender_id}
    row |= {"key_id": "k", "action": "confirm", "transaction_id": "t", "message_id": "m", "body": Sealed(body)}
    row |= {"authorization": "Signature", "received_at_ms": 0, "state": state, "attempts": 0}
    await database.write(lambda tx: tx.execute(insert(inbox).values(row)).rowcount)
    return int(row["id"])


async def bodies(database: Database) -> str:
    def all_of(tx: Connection) -> list[bytes]:
        return [body.stored for table in (inbox, outbox) for body in tx.scalars(select(table.c.body))]

    return "\n".join(orjson.dumps(orjson.loads(body)).decode() for body in await database.read(all_of))


async def test_a_person_is_found_by_email_or_name_however_a_peer_wrote_it(database: Database) -> None:
    mine, theirs = await put_message(database, ASHA), await put_message(database, BERT)
    for person in (BY_EMAIL, Person("name", "asha rao")):
        found, end = await database.read(lambda tx, person=person: find(tx, INBOX, person, None, 100))
        assert [(one.key, end) for one in found] == [(mine, None)]
        assert ASHA in found[0].data
    assert theirs != mine


@pytest.mark.parametrize("dialled", ["+918055500100", "0091 80-5550-0100", "(+91) 80 5550 0100"])
async def test_a_phone_number_is_found_by_its_digits_however_it_is_written(database: Database, dialled: str) -> None:
    mine = await put_message(database, ASHA)
    await put_message(database, BERT)
    found, _ = await database.read(lambda tx: find(tx, INBOX, Person("phone", dialled), None, 100))
    assert [one.key for one in found] == [mine]


async def test_a_number_without_digits_is_nobodys(database: Database) -> None:
    await put_message(database, {**ASHA, "phone": "ask"})
    assert await database.read(lambda tx: find(tx, INBOX, Person("phone", "-"), None, 100)) == ([], None)


async def test_pages_go_through_the_whole_table(database: Database) -> None:
    keys = [await put_letter(database, ASHA) for _ in range(5)]
    seen, after = [], None
    while True:
        found, after = await database.read(lambda tx, after=after: find(tx, OUTBOX, BY_EMAIL, after, 2))
        seen += [one.key for one in found]
        if after is None:
            break
    assert seen == keys


async def test_erasing_leaves_nothing_of_the_person_and_everything_else(database: Database) -> None:
    outbox_id, inbox_id = await put_letter(database, ASHA), await put_message(database, ASHA)
    await put_letter(database, BERT)
    for source, key in ((OUTBOX, outbox_id), (INBOX, inbox_id)):
        assert await database.write(lambda tx, s=source, k=key: erase(tx, s, BY_EMAIL, [k], ANNA, NOW)) == 1
        found, _ = await database.read(lambda tx, s=source: find(tx, s, BY_EMAIL, None, 100))
        assert found == []
    text = await bodies(database)
    assert not any(value in text for value in ASHA.values())
    assert text.count(ERASED) == 12
    assert text.count("order-1") == 3
    assert text.count("5610.90") == 3
    assert BERT["email"] in text


async def test_erasing_is_told_in_an_audit_chain_that_holds_and_names_nobody(database: Database) -> None:
    outbox_id = await put_letter(database, ASHA)
    await database.write(lambda tx: erase(tx, OUTBOX, BY_EMAIL, [outbox_id], ANNA, NOW))
    [entry] = await database.read(lambda tx: list(entries(tx, audit)))
    assert orjson.loads(entry.change) == {"what": "erase personal data in outbox", "from": "desk", "rows": 1}
    assert (await database.read(verify))[1] is None


@pytest.mark.parametrize("state", [PENDING, FAILED])
async def test_what_is_still_to_be_done_is_kept_and_says_why(database: Database, state: str) -> None:
    inbox_id = await put_message(database, ASHA, state)
    found, _ = await database.read(lambda tx: find(tx, INBOX, BY_EMAIL, None, 100))
    assert found[0].kept == "it is still to be decided (beckn-battery inbox list)"
    assert await database.write(lambda tx: erase(tx, INBOX, BY_EMAIL, [inbox_id], ANNA, NOW)) == 0
    assert ASHA["phone"] in await bodies(database)


async def test_a_dead_letter_without_its_data_can_not_be_sent_any_more(database: Database) -> None:
    outbox_id = await put_letter(database, ASHA, DEAD)
    await database.write(lambda tx: erase(tx, OUTBOX, BY_EMAIL, [outbox_id], ANNA, NOW))
    row = await database.read(lambda tx: tx.execute(select(outbox.c.state, outbox.c.last_error)).one())
    assert tuple(row) == (DROPPED, "personal data was erased from it")


async def test_a_message_that_was_erased_is_still_known_by_its_digest(database: Database) -> None:
    inbox_id = await put_message(database, ASHA)
    digest = await database.read(lambda tx: tx.scalar(select(inbox.c.digest)))
    await database.write(lambda tx: erase(tx, INBOX, BY_EMAIL, [inbox_id], ANNA, NOW))
    assert await database.read(lambda tx: tx.scalar(select(inbox.c.digest))) == digest
