"""Databases in memory that outlive the process that wrote them: what is committed stays, what is not is gone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import StaticPool

from node.database import Database
from node.migrations.run import upgrade
from node.personal_columns import as_values
from tests.simulation.loop import Life

T = TypeVar("T")


@cache
def _migrated(versions: tuple[Path, ...]) -> sqlite3.Connection:
    """An empty database of these tables, to copy."""
    raw = sqlite3.connect(":memory:", isolation_level=None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        asyncio.run(upgrade(f"sqlite:///{path}", versions))
        with closing(sqlite3.connect(path)) as migrated:
            migrated.backup(raw)
    return raw


class Disk:
    """One database. It is kept for the next run too (`erase`), since its statements are prepared by then."""

    def __init__(self, versions: tuple[Path, ...]) -> None:
        self._empty = _migrated(versions)
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        engine = create_engine(
            "sqlite://", creator=lambda: self.raw, poolclass=StaticPool, isolation_level="AUTOCOMMIT"
        )
        self._connection = engine.connect()

    def erase(self) -> None:
        """As new."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")
        self._empty.backup(self.raw)

    def transaction(self, fn: Callable[[Connection], T]) -> tuple[T, list[str]]:
        """Run ``fn`` and commit; its result and the channels to wake. What it raises rolls back."""
        channels: set[str] = set()
        self._connection.info["channels"] = channels
        self.raw.execute("BEGIN IMMEDIATE")
        try:
            result = fn(self._connection)
        except BaseException:
            self.raw.execute("ROLLBACK")
            raise
        self.raw.execute("COMMIT")
        return result, sorted(channels)

    def read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` without a transaction."""
        return fn(self._connection)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives, past all product code."""
        return self.raw.execute(query, values).fetchall()


class MemoryDatabase(Database):
    """A participant's way to its disk. Every transaction is a point at which its process may die, before and after."""

    def __init__(self, disk: Disk, life: Life, committed: Callable[[], None], versions: Sequence[Path]) -> None:
        super().__init__("sqlite:///:memory:", versions)
        self._disk = disk
        self._life = life
        self._committed = committed

    async def start(self) -> None:
        """The tables are there."""

    async def stop(self) -> None:
        """Everything is committed."""

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """One transaction; other tasks run before it, as they do while the writer's thread works."""
        await self._life.point("before commit")
        await asyncio.sleep(0)
        result, channels = self._disk.transaction(fn)
        self._committed()
        await self._life.point("after commit")
        self._wake(channels)
        return result

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert a row whose unique keys are new."""
        statement = sqlite.insert(table).on_conflict_do_nothing()
        return await self.write(lambda tx: tx.execute(statement, as_values(table, row)).rowcount == 1)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """What is committed."""
        await asyncio.sleep(0)
        return self._disk.read(fn)
