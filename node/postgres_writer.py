"""The PostgreSQL engine: one transaction per function from a pool; the server groups the commits itself.

Decisions run side by side, so they lock what they read with `node.database.lock` in its fixed order. What the server
refuses as a conflict (40001 serialization failure, 40P01 deadlock) is run again. Source: DESIGN 2, "Writing".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, event
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from node.data_keys import DataKeys
from node.personal_columns import INFO, as_values

T = TypeVar("T")

POOL_CONNECTIONS = 16
ATTEMPTS = 10
_CONFLICTS = {"40001", "40P01"}


class PostgresWriter:
    """See the module; ``wake`` is called with the channels of each commit."""

    def __init__(self, url: str, wake: Callable[[Iterable[str]], None]) -> None:
        self._url = make_url(url).set(drivername="postgresql+asyncpg")
        self._wake = wake
        self._engine: AsyncEngine | None = None

    async def start(self, data_keys: DataKeys | None) -> None:
        """Open the pool."""
        self._engine = create_async_engine(self._url, pool_size=POOL_CONNECTIONS, pool_pre_ping=True)

        @event.listens_for(self._engine.sync_engine, "connect")
        def _configure(_dbapi: object, record: ConnectionPoolEntry) -> None:
            record.info[INFO] = data_keys

    async def stop(self) -> None:
        """Close the pool."""
        if self._engine is not None:
            await self._engine.dispose()

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` in a transaction of its own; again when the server saw a conflict."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._once(fn)
            except DBAPIError as error:
                if attempt + 1 == ATTEMPTS or getattr(error.orig, "sqlstate", None) not in _CONFLICTS:
                    raise
        raise AssertionError("unreachable")

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert one row; False when a unique key was taken."""
        statement = insert(table).values(**as_values(table, row)).on_conflict_do_nothing().returning(table.c.id)
        return await self._once(lambda tx: tx.execute(statement).first() is not None)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` on a connection of the pool."""
        async with self._pool.connect() as connection:
            return await connection.run_sync(fn)

    @property
    def _pool(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine

    async def _once(self, fn: Callable[[Connection], T]) -> T:
        async with self._pool.begin() as connection:
            connection.sync_connection.info["channels"] = set()  # type: ignore[union-attr]
            result = await connection.run_sync(fn)
            names = set(connection.sync_connection.info["channels"])  # type: ignore[union-attr]
        self._wake(names)
        return result
