"""The ledger in the database: booked once, in the transaction; a chain that shows changes; signed roots."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from sqlalchemy import Connection, delete, update

from energy.ledger import Account, Entry, Event, Kind, Posting, reversal
from node import ledger as books
from node import tables
from node.database import Database
from node.keyfile import make_keys
from node.migrations.run import NODE_VERSIONS

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = make_keys("bpp.test")
BANK, OWED = Account(Kind.BANK, "bap.test"), Account(Kind.RECEIVABLE, "bap.test")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


def payment(number: int, amount: int = 100) -> Entry:
    postings = (Posting(BANK, amount, "INR"), Posting(OWED, -amount, "INR"))
    return Entry(f"payment/{number}", Event.PAYMENT, "contract-1", "Paid.", postings)


async def verdict(database: Database) -> tuple[str, ...]:
    return (await database.read(lambda tx: books.verify(tx, "bpp.test"))).faults


async def book(database: Database, *entries: Entry, at: datetime = NOW) -> list[Entry]:
    return await database.write(lambda tx: books.book(tx, at, entries))


async def test_an_entry_comes_back_as_it_was_booked_and_its_balances_with_it(database: Database) -> None:
    await book(database, payment(1), payment(2, 50))
    [first, second] = await database.read(lambda tx: books.of_contract(tx, "contract-1"))
    assert (first.seq, first.at, first.entry, second.entry) == (1, NOW, payment(1), payment(2, 50))
    told = await database.read(books.balances)
    assert [(each.account, each.unit, each.amount) for each in told] == [(BANK, "INR", 150), (OWED, "INR", -150)]
    assert await verdict(database) == ()


async def test_what_is_booked_twice_is_there_once(database: Database) -> None:
    assert await book(database, payment(1)) == [payment(1)]
    assert await book(database, payment(1), payment(2)) == [payment(2)]
    assert [each.entry.reference for each in await database.read(lambda tx: books.after(tx, 0, 10))] == [
        "payment/1",
        "payment/2",
    ]


async def test_entries_fall_with_the_decision_that_they_are_part_of(database: Database) -> None:
    def decide(tx: Connection) -> None:
        books.book(tx, NOW, [payment(1)])
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        await database.write(decide)
    assert await database.read(lambda tx: books.after(tx, 0, 10)) == []
    assert await database.read(books.balances) == []


async def test_an_account_that_is_empty_again_is_forgotten(database: Database) -> None:
    await book(database, payment(1), reversal(payment(1)))
    assert await database.read(books.balances) == []
    assert await verdict(database) == ()


async def test_many_who_book_at_once_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(book(database, payment(number)) for number in range(40)))
    assert await verdict(database) == ()
    assert len(await database.read(lambda tx: books.after(tx, 0, 100))) == 40


async def test_a_changed_amount_a_removed_entry_and_a_changed_balance_are_found(database: Database) -> None:
    await book(database, payment(1), payment(2), payment(3))
    chain, kept = tables.ledger, tables.ledger_balances
    await database.write(lambda tx: tx.execute(update(kept).where(kept.c.kind == "bank").values(amount=299)))
    assert await verdict(database) == ("account bank/bap.test has 299 INR, its entries add up to 300",)
    change = orjson.dumps({"reference": "payment/2"}).decode()
    await database.write(lambda tx: tx.execute(update(chain).where(chain.c.seq == 2).values(change=change)))
    assert "entry 2: its content was changed" in await verdict(database)
    await database.write(lambda tx: tx.execute(delete(chain).where(chain.c.seq == 2)))
    assert (await verdict(database))[0].startswith("entry 2: it is missing")


# -- roots ----------------------------------------------------------------------------------------------------


async def test_each_day_that_is_over_gets_one_signed_root_of_its_last_entry(database: Database) -> None:
    await book(database, payment(1), payment(2))
    await book(database, payment(3), at=NOW + DAY)
    await book(database, payment(4), at=NOW + 2 * DAY)
    assert await database.read(lambda tx: books.has_unsigned(tx, NOW + 2 * DAY))
    signed = await database.write(lambda tx: books.sign_roots(tx, KEYS, NOW + 2 * DAY))
    assert [(root.day, root.last_seq) for root in signed] == [(date(2026, 11, 20), 2), (date(2026, 11, 21), 3)]
    assert all(root.holds("bpp.test") and root.key_id == KEYS.key_id for root in signed)
    assert await database.write(lambda tx: books.sign_roots(tx, KEYS, NOW + 2 * DAY)) == []
    assert await database.read(books.roots) == signed[::-1]
    assert await verdict(database) == ()


async def test_what_comes_late_to_a_signed_day_gets_another_root(database: Database) -> None:
    await book(database, payment(1))
    await database.write(lambda tx: books.sign_roots(tx, KEYS, NOW + DAY))
    await book(database, payment(2))
    [second] = await database.write(lambda tx: books.sign_roots(tx, KEYS, NOW + DAY))
    assert (second.day, second.last_seq) == (date(2026, 11, 20), 2)


async def test_a_chain_that_was_written_anew_does_not_have_the_roots_that_were_signed(database: Database) -> None:
    await book(database, payment(1), payment(2))
    await database.write(lambda tx: books.sign_roots(tx, KEYS, NOW + DAY))

    def write_anew(tx: Connection) -> None:
        tx.execute(delete(tables.ledger))
        tx.execute(delete(tables.ledger_balances))
        books.book(tx, NOW, [payment(1, 1), payment(2)])

    await database.write(write_anew)
    assert await verdict(database) == ("the root of 2026-11-20 is of another entry 2",)


def test_a_root_that_somebody_else_signed_or_that_says_something_else_does_not_hold() -> None:
    signed = KEYS.signing.sign(books.statement("bpp.test", NOW.date(), 2, "ab")).signature
    root = books.Root(NOW.date(), 2, "ab", KEYS.key_id, KEYS.signing_public_b64, _base64(signed))
    assert root.holds("bpp.test")
    assert not root.holds("other.test")
    assert not replace(root, last_seq=3).holds("bpp.test")
    assert not replace(root, public_key=make_keys("bpp.test").signing_public_b64).holds("bpp.test")
    assert not replace(root, signature="x").holds("bpp.test")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
