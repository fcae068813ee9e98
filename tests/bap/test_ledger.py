"""What a bill does in the producer's ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiohttp import web

from bap.app import VERSIONS, Bap
from bap.client import AsyncBapClient
from bap.ledger import book_invoice
from energy.ledger import Kind
from energy.offers import ContractState, OrderStatus
from node import ledger
from node.database import Database
from node.migrations.run import NODE_VERSIONS
from tests.bap.examples import BPP_ID, contract, invoice_bytes, referring_to
from tests.bap.market import Market
from tests.bap.test_app import trade

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
BILL: dict[str, Any] = orjson.loads(invoice_bytes())
MINE = "producer.test"


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, (NODE_VERSIONS, VERSIONS))
    await opened.start()
    yield opened
    await opened.stop()


async def book(database: Database, document: dict[str, Any]) -> int:
    return len(await database.write(lambda tx: book_invoice(tx, contract(), document, MINE, NOW)))


async def amounts(database: Database, kind: Kind) -> int:
    return sum(each.amount for each in await database.read(lambda tx: ledger.balances(tx, kind)))


async def test_a_bill_is_owed_and_its_energy_was_stored_consumed_or_lost(books: Database) -> None:
    assert await book(books, BILL) == 2
    assert await amounts(books, Kind.PAYABLE) == -559_886
    assert await amounts(books, Kind.COSTS) + await amounts(books, Kind.TAX_PAID) == 559_886
    energies = [await amounts(books, kind) for kind in (Kind.GENERATED, Kind.CONSUMED, Kind.LOST)]
    assert energies == [-288_000, 256_000, 32_000]
    booked = await books.read(lambda tx: ledger.of_contract(tx, contract().contract_id))
    assert booked[0].entry.reference == f"document/{BPP_ID}/{BILL['number']}"
    assert (await books.read(lambda tx: ledger.verify(tx, MINE))).faults == ()


async def test_the_same_bill_is_booked_once(books: Database) -> None:
    assert await book(books, BILL) == 2
    assert await book(books, BILL) == 0
    assert await amounts(books, Kind.PAYABLE) == -559_886


async def test_a_bill_that_does_not_add_up_is_not_booked(books: Database) -> None:
    assert await book(books, BILL | {"total": "1.00"}) == 0
    assert await books.read(ledger.balances) == []


async def test_a_bill_is_booked_when_it_is_fetched(bap: Bap, client: AsyncBapClient, market: Market) -> None:
    contract_id, document = await trade(client, market), invoice_bytes()
    reference = referring_to(document, f"{market.peer.url}/invoices/secret")
    market.documents["/beckn/invoices/secret"] = web.Response(body=document)
    told = market.running(market.contents["confirm"], state=ContractState.SETTLED, status=OrderStatus.COMPLETE)
    await market.tell_unasked("on_status", contract_id, replace(told, invoice=reference))
    assert [one["stage"] async for one in client.follow(contract_id, interval_s=0.01)][-1] == "COMPLETE"
    await client.invoice(contract_id)
    await client.invoice(contract_id)
    database = bap.participant.database
    booked = await database.read(lambda tx: ledger.of_contract(tx, contract_id))
    assert len(booked) == 2
    assert await amounts(database, Kind.PAYABLE) == -559_886
