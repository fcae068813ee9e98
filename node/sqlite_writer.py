"""The SQLite engine: one thread owns the one write connection, and many decisions share one commit.

The thread takes up to 256 functions, or 5 ms of them, into one transaction: ``SAVEPOINT``, the function,
``RELEASE`` (on its error ``ROLLBACK TO`` and ``RELEASE``); then one ``COMMIT``, then every caller is answered. Inserts
of the inbox need no savepoint: they go in few ``INSERT … VALUES … ON CONFLICT DO NOTHING`` of many rows each, since the
interpreter's lock changes hands with every statement and the event loop keeps it for long. After any error the thread
looks whether the transaction still stands (a full disk drops all of it): if not, or if the commit fails, nothing of
the batch is answered and each function runs again alone, so that one bad function harms no other. When another process
holds the database for longer than ``busy_timeout``, the whole batch fails at once.

A checkpoint on this thread would stall commits, so it runs on a connection of its own. Reads go through aiosqlite.
Source: DESIGN 2, "Writing".
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from node.data_keys import DataKeys
from node.personal_columns import INFO

T = TypeVar("T")

BATCH_FUNCTIONS = 256
BATCH_S = 0.005
GATHER_S = 0.003
SLOW_FUNCTION_S = 0.05
CHECKPOINT_EVERY_S = 1.0
# Few sizes, so that sqlite3 keeps every statement prepared.
_INSERT_ROWS = (64, 16, 4, 1)
WAL_BYTES_BEFORE_RESTART = 64 * 1024 * 1024
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON")

logger = logging.getLogger(__name__)


class BatchLost(Exception):
    """The transaction around a batch is gone; nothing of it is on disk."""


class NotBegun(BatchLost):
    """No transaction could be begun: another process holds the database. None of the functions has run."""


@dataclass(slots=True)
class _Job:
    future: asyncio.Future[Any]
    fn: Callable[[Connection], Any] | None = None
    table: Table | None = None
    row: Mapping[str, Any] | None = None
    result: Any = None
    error: BaseException | None = None


class SqliteWriter:
    """See the module; ``wake`` is called on the event loop with the channels of each commit."""

    def __init__(self, url: str, wake: Callable[[Iterable[str]], None]) -> None:
        self._path = make_url(url).database or ""
        self._wake = wake
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: AsyncEngine | None = None
        self._checkpointer: asyncio.Task[None] | None = None
        self._busy = False

    async def start(self, data_keys: DataKeys | None) -> None:
        """Open the connections and the thread."""
        self._loop = asyncio.get_running_loop()
        engine = _engine(self._path, data_keys)
        self._reader = _reader(self._path, data_keys)
        self._thread = threading.Thread(target=self._run, args=(engine,), name="database-writer", daemon=True)
        self._thread.start()
        self._checkpointer = asyncio.create_task(self._checkpoint_regularly())

    async def stop(self) -> None:
        """Commit what was handed over, then close."""
        if self._thread is None or self._reader is None or self._checkpointer is None:
            return
        self._checkpointer.cancel()
        await asyncio.gather(self._checkpointer, return_exceptions=True)
        thread, self._thread = self._thread, None
        self._jobs.put(None)
        await asyncio.to_thread(thread.join)
        await self._reader.dispose()

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` in the next batch."""
        result: T = await self._hand_over(_Job(self._future(), fn=fn))
        return result

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert one row in the next batch; False when a unique key was taken."""
        result: bool = await self._hand_over(_Job(self._future(), table=table, row=row))
        return result

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` on a reading connection."""
        if self._reader is None:
            raise RuntimeError("the database is not open")
        async with self._reader.connect() as connection:
            return await connection.run_sync(fn)

    def _future(self) -> asyncio.Future[Any]:
        if self._loop is None:
            raise RuntimeError("the database is not open")
        return self._loop.create_future()

    async def _hand_over(self, job: _Job) -> Any:
        if self._thread is None or not self._thread.is_alive():
            raise RuntimeError("the database is not open")
        self._jobs.put(job)
        return await job.future

    # -- the thread ---------------------------------------------------------------------------------------

    def _run(self, engine: Engine) -> None:
        try:
            self._serve(engine)
        except BaseException:
            # Whoever waits would wait for ever. What was acknowledged is on disk, so the next start goes on with it.
            logger.critical("the database's writer has failed: the process has to start again", exc_info=True)
            os.kill(os.getpid(), signal.SIGTERM)

    def _serve(self, engine: Engine) -> None:
        with engine.connect() as connection:
            connection.info["channels"] = set()
            stopping = False
            while not stopping:
                batch, stopping = self._next_batch()
                self._busy = len(batch) > 1
                if batch:
                    self._run_batch(connection, batch)
        engine.dispose()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        first = self._jobs.get()
        if first is None:
            return [], True
        if self._busy:
            time.sleep(GATHER_S)
        batch = [first]
        while len(batch) < BATCH_FUNCTIONS:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return _inserts_first(batch), True
            batch.append(job)
        return _inserts_first(batch), False

    def _run_batch(self, connection: Connection, batch: list[_Job]) -> None:
        while batch:
            try:
                done = self._transaction(connection, batch)
            except BatchLost as lost:
                # One after the other would only wait as often for whoever holds the database.
                if len(batch) == 1 or isinstance(lost, NotBegun):
                    for job in batch:
                        job.error = lost.__cause__ or lost
                    self._answer(connection, batch)
                else:
                    for job in batch:
                        job.result, job.error = None, None
                        self._run_batch(connection, [job])
                return
            self._answer(connection, batch[:done])
            batch = batch[done:]

    def _transaction(self, connection: Connection, batch: Sequence[_Job]) -> int:
        """One transaction over the first jobs of the batch; how many they were."""
        dbapi: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
        deadline = time.monotonic() + BATCH_S
        done = 0
        try:
            dbapi.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise NotBegun from error
        try:
            inserts = [job for job in batch if job.table is not None]
            self._insert(connection, dbapi, inserts)
            for job in batch:
                done += 1
                if job.fn is not None:
                    self._call(connection, dbapi, job)
                    if time.monotonic() > deadline:
                        break
            dbapi.execute("COMMIT")
        except BatchLost:
            self._abandon(connection, dbapi)
            raise
        except Exception as error:
            self._abandon(connection, dbapi)
            raise BatchLost from error
        return done

    @staticmethod
    def _abandon(connection: Connection, dbapi: sqlite3.Connection) -> None:
        connection.info["channels"].clear()
        if dbapi.in_transaction:
            dbapi.rollback()

    @staticmethod
    def _call(connection: Connection, dbapi: sqlite3.Connection, job: _Job) -> None:
        assert job.fn is not None
        started = time.monotonic()
        dbapi.execute("SAVEPOINT decision")
        try:
            job.result = job.fn(connection)
        except Exception as error:
            if not dbapi.in_transaction:
                raise BatchLost from error
            dbapi.execute("ROLLBACK TO decision")
            job.error = error
        dbapi.execute("RELEASE decision")
        took = time.monotonic() - started
        if took > SLOW_FUNCTION_S:
            logger.warning("a write function took %d ms: %r", took * 1000, job.fn)

    @staticmethod
    def _insert(connection: Connection, dbapi: sqlite3.Connection, jobs: Sequence[_Job]) -> None:
        by_table: dict[Table, list[_Job]] = {}
        for job in jobs:
            assert job.table is not None
            by_table.setdefault(job.table, []).append(job)
        for table, group in by_table.items():
            rows = [job.row for job in group if job.row is not None]
            before = dbapi.total_changes
            for statement, values in _insert_statements(table, rows):
                dbapi.execute(statement, values)
            inserted = dbapi.total_changes - before
            if inserted == len(rows):
                for job in group:
                    job.result = True
            else:
                known = _known_ids(connection, table, rows)
                for job, row in zip(group, rows, strict=True):
                    job.result = row["id"] in known

    def _answer(self, connection: Connection, jobs: Sequence[_Job]) -> None:
        channels: set[str] = connection.info["channels"]
        names, connection.info["channels"] = channels, set()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._deliver, list(jobs), names)

    def _deliver(self, jobs: Sequence[_Job], names: Iterable[str]) -> None:
        for job in jobs:
            if job.future.cancelled():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        self._wake(names)

    async def _checkpoint_regularly(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY_S)
            try:
                await asyncio.to_thread(checkpoint, self._path)
            except sqlite3.Error as error:
                logger.warning("checkpoint of %s: %s", self._path, error)


def checkpoint(path: str) -> None:
    """Move the write-ahead log into the database file, on a connection of its own."""
    wal = Path(f"{path}-wal")
    if not wal.exists() or wal.stat().st_size == 0:
        return
    mode = "RESTART" if wal.stat().st_size > WAL_BYTES_BEFORE_RESTART else "PASSIVE"
    connection = sqlite3.connect(path, timeout=1.0)
    try:
        connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
    finally:
        connection.close()


def _engine(path: str, data_keys: DataKeys | None) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info[INFO] = data_keys
        for pragma in (*_PRAGMAS, "wal_autocheckpoint=0"):
            dbapi.execute(f"PRAGMA {pragma}")

    return engine


def _reader(path: str, data_keys: DataKeys | None) -> AsyncEngine:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", isolation_level="AUTOCOMMIT", pool_size=4)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(dbapi: Any, record: ConnectionPoolEntry) -> None:
        record.info[INFO] = data_keys
        cursor = dbapi.cursor()
        for pragma in ("busy_timeout=5000", "query_only=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _inserts_first(batch: list[_Job]) -> list[_Job]:
    # They run together at the start of the transaction, so a batch that is cut short after some functions has them all.
    return sorted(batch, key=lambda job: job.fn is not None)


def _insert_statements(table: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    names = tuple(rows[0])
    start = 0
    for size in _INSERT_ROWS:
        while len(rows) - start >= size:
            values = [row[name] for row in rows[start : start + size] for name in names]
            yield _insert_statement(table.name, names, size), values
            start += size


@lru_cache
def _insert_statement(table: str, names: tuple[str, ...], rows: int) -> str:
    marks = f"({', '.join('?' for _ in names)})"
    columns, values = ", ".join(names), ", ".join([marks] * rows)
    return f"INSERT INTO {table} ({columns}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608


def _known_ids(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> set[Any]:
    ids = [row["id"] for row in rows]
    return set(connection.execute(select(table.c.id).where(table.c.id.in_(ids))).scalars())
