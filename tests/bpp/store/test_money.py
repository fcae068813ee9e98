"""Invoice numbers: consecutive in each series, and used only when the transaction is. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection

from bpp.app import BPP_VERSIONS
from bpp.store import money
from node.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [BPP_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def test_numbers_of_a_series_are_consecutive_also_when_many_ask_at_once(database: Database) -> None:
    asked = [database.write(lambda tx: money.next_number(tx, "BB/26-27")) for _ in range(20)]
    assert sorted(await asyncio.gather(*asked)) == list(range(1, 21))


async def test_a_new_financial_year_begins_with_one(database: Database) -> None:
    await database.write(lambda tx: money.next_number(tx, "BB/26-27"))
    assert await database.write(lambda tx: money.next_number(tx, "BB/27-28")) == 1


async def test_a_number_whose_invoice_failed_is_used_by_the_next(database: Database) -> None:
    def fail(tx: Connection) -> None:
        money.next_number(tx, "BB/26-27")
        raise LookupError("no invoice")

    with pytest.raises(LookupError):
        await database.write(fail)
    assert await database.write(lambda tx: money.next_number(tx, "BB/26-27")) == 1
