"""The migration makes exactly the tables that the code declares, on both databases."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from bap.app import VERSIONS
from bap.store import contracts, searches, tables
from bap.store.records import Contract
from node import tables as node_tables
from node.database import Database
from node.migrations.run import NODE_VERSIONS
from protocol.lifecycle import Stage
from tests.bap.examples import FOUND, NOW, SEARCH, contract, live, request


def differences(tx: Connection) -> list[str]:
    declared = MetaData()
    for metadata in (node_tables.metadata, tables.metadata):
        for table in metadata.tables.values():
            table.to_metadata(declared)
    found = compare_metadata(MigrationContext.configure(tx), declared)
    # Alembic does not know a WHERE on an index, and its own version table is not ours.
    return [str(one) for one in found if "alembic_version" not in str(one)]


async def test_a_migrated_database_has_the_declared_tables(database_url: str) -> None:
    database = Database(database_url, (NODE_VERSIONS, VERSIONS))
    await database.start()
    try:
        assert await database.read(differences) == []
    finally:
        await database.stop()


async def test_searches_and_contracts_are_kept_on_both_databases(database_url: str) -> None:
    database = Database(database_url, (NODE_VERSIONS, VERSIONS))
    await database.start()
    try:
        await database.write(put)
        assert await database.read(lambda tx: searches.offers_of(tx, SEARCH.search_id)) == [FOUND]
        assert await database.write(got) == contract(Stage.ACTIVE, live=live())
        assert await database.read(lambda tx: contracts.invoice_of(tx, SEARCH.search_id, "00")) == b"{}"
    finally:
        await database.stop()


def put(tx: Connection) -> None:
    searches.add(tx, SEARCH)
    searches.put_offers(tx, [FOUND], 7, NOW, limit=10)
    searches.add_answer(tx, SEARCH.search_id, FOUND.bpp_id, 7, NOW)
    contracts.add(tx, contract())
    contracts.add_request(tx, request("select"))
    contracts.save(tx, contract(Stage.ACTIVE, live=live()))
    contracts.add_reading(tx, SEARCH.search_id, live(), 7)
    for content in (b"[]", b"{}"):
        contracts.put_invoice(tx, SEARCH.search_id, "00", content, NOW)


def got(tx: Connection) -> Contract | None:
    return contracts.hold(tx, SEARCH.search_id)
