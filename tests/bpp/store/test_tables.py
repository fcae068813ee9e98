"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from bpp.app import BPP_VERSIONS, SAMPLE_VERSIONS
from bpp.store import tables
from node.database import Database


def differences(tx: Connection, metadata: MetaData) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(tx), metadata))


@pytest.mark.parametrize(
    ("versions", "metadata"), [(BPP_VERSIONS, tables.metadata), (SAMPLE_VERSIONS, tables.sample_metadata)]
)
async def test_a_migrated_database_has_the_declared_tables(
    database_url: str, versions: Path, metadata: MetaData
) -> None:
    database = Database(database_url, [versions])
    await database.start()
    found = await database.read(lambda tx: differences(tx, metadata))
    await database.stop()
    # Alembic's own version table is not ours.
    assert [item for item in found if "alembic_version" not in str(item)] == []
