"""Invoices and their numbers: consecutive in each series, whatever happens at once or dies. On both databases."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from bpp.app import BPP_VERSIONS
from bpp.store import money
from bpp.store.money import IssuedInvoice, Wanted
from energy.invoices import Kind, serial
from energy.quantities import Money
from node.database import Database
from node.migrations.run import NODE_VERSIONS
from tests.bpp.store.issuing import SERIES, issuing
from tests.energy.examples import at

FIRST = IssuedInvoice("contract-1", "BB/26-27/000001", "t-1", at(0), at(360), Money(561_090, "INR"), "ab" * 32, b"{}")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS, BPP_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def numbers(database: Database) -> list[str]:
    found = await database.read(lambda tx: money.issued(tx, 10_000))
    return sorted(invoice.number for invoice in found)


def consecutive(count: int) -> list[str]:
    return [serial("BB", at(0), number) for number in range(1, count + 1)]


async def test_sixty_four_invoices_at_once_have_sixty_four_consecutive_numbers(database: Database) -> None:
    await asyncio.gather(*(database.write(issuing()) for _ in range(64)))
    assert await numbers(database) == consecutive(64)


async def test_where_some_of_many_fail_no_number_is_lost(database: Database) -> None:
    def failing(tx: Connection) -> int:
        issuing()(tx)
        raise LookupError("no invoice")

    writes = [database.write(failing if place % 3 == 0 else issuing()) for place in range(64)]
    done = await asyncio.gather(*writes, return_exceptions=True)
    issued = [number for number in done if isinstance(number, int)]
    assert len(issued) == 42
    assert await numbers(database) == consecutive(42)


async def test_a_killed_process_leaves_no_gap_and_nothing_that_it_told_is_gone(database_url: str) -> None:
    program = (sys.executable, "-m", "tests.bpp.store.issuing", database_url)
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    told = [int(await process.stdout.readline()) for _ in range(50)]
    process.kill()
    told += [int(line) for line in (await process.stdout.read()).splitlines(keepends=True) if line.endswith(b"\n")]
    await process.wait()
    database = Database(database_url, [NODE_VERSIONS, BPP_VERSIONS])
    await database.start()
    try:
        stored = await numbers(database)
        assert len(stored) >= max(told)
        assert stored == consecutive(len(stored))
        assert await database.write(lambda tx: money.next_number(tx, SERIES)) == len(stored) + 1
    finally:
        await database.stop()


async def test_a_new_financial_year_begins_with_one(database: Database) -> None:
    await database.write(lambda tx: money.next_number(tx, "BB/26-27"))
    assert await database.write(lambda tx: money.next_number(tx, "BB/27-28")) == 1


async def test_an_invoice_is_found_by_contract_number_and_token_and_its_notes_by_it(database: Database) -> None:
    note = replace(FIRST, number="CN/26-27/000001", token="t-2", kind=Kind.CREDIT_NOTE, corrects=FIRST.number)
    note = replace(note, total=-FIRST.total)
    await database.write(lambda tx: [money.add(tx, each) for each in (FIRST, note)])
    assert await database.read(lambda tx: money.of_contract(tx, "contract-1")) == FIRST
    assert await database.read(lambda tx: money.of_number(tx, note.number)) == note
    assert await database.read(lambda tx: money.of_token(tx, "t-2")) == note
    assert await database.read(lambda tx: money.notes_of(tx, FIRST.number)) == [note]
    assert await database.write(lambda tx: money.locked(tx, FIRST.number)) == FIRST


async def test_a_list_is_filtered_and_goes_on_where_the_page_before_ended(database: Database) -> None:
    invoices = [
        replace(
            FIRST,
            number=serial("BB", at(0), place + 1),
            token=f"t-{place}",
            contract_id=f"contract-{place % 2}",
            issued_at=FIRST.issued_at + timedelta(hours=place // 2),
            kind=Kind.INVOICE if place else Kind.PURCHASE_STATEMENT,
        )
        for place in range(5)
    ]
    await database.write(lambda tx: [money.add(tx, each) for each in invoices])

    async def places(limit: int = 10, **wanted: object) -> list[int]:
        found = await database.read(lambda tx: money.issued(tx, limit, Wanted(**wanted)))  # type: ignore[arg-type]
        return [int(invoice.number[-6:]) - 1 for invoice in found]

    assert await places() == [4, 3, 2, 1, 0]
    assert await places(2) == [4, 3]
    assert await places(2, after=invoices[3].number) == [2, 1]
    assert await places(contract_id="contract-1") == [3, 1]
    assert await places(kind=Kind.PURCHASE_STATEMENT) == [0]
    assert await places(currency="EUR") == []
    assert await places(since=at(1), until=at(2)) == [3, 2]
