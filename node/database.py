"""The database of one participant: one way to write, `Database.write`, and one to read, `Database.read`.

``write(fn)`` runs a plain synchronous function of a SQLAlchemy Core connection in one transaction and returns what it
returned, after the commit. The function reads what it needs and writes its decision, without await, clock or network,
and may be run twice. So decisions are serial on SQLite and need no version columns; on PostgreSQL they lock what
they touch in a fixed order with `lock`.

``insert_new(table, row)`` is the same for one row under a unique key, with less to do: the inbox's path before an ACK.

Two engines stand behind it: `node.sqlite_writer` (one thread, group commit) and `node.postgres_writer` (a pool).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Table, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from node.data_keys import DataKeys
from node.personal_columns import sealed_row
from protocol.errors import SettingsWrong

T = TypeVar("T")
WriteFunction = Callable[[Connection], T]


class Writer(Protocol):
    """What an engine offers; the first of the two arguments of its callback is the channels to wake."""

    async def start(self, data_keys: DataKeys | None) -> None:
        """Open connections, which carry the keys for what is read and written through them."""

    async def stop(self) -> None:
        """Finish what was handed over, then close."""

    async def write(self, fn: WriteFunction[T]) -> T:
        """See `Database.write`."""

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """See `Database.insert_new`."""

    async def read(self, fn: WriteFunction[T]) -> T:
        """See `Database.read`."""


class Database:
    """Opened with `start`, closed with `stop`. ``migrations`` are the Alembic version folders of the tables."""

    def __init__(self, url: str, migrations: Sequence[Path]) -> None:
        self._channels: dict[str, asyncio.Event] = {}
        self._watches: dict[str, list[asyncio.Event]] = {}
        self._migrations = tuple(migrations)
        self._url = url
        self._writer = _writer(url, self._wake)
        # What is done with every function before it is written: a participant adds its audit entries (`node.audit`).
        self.around: Callable[[WriteFunction[Any]], WriteFunction[Any]] = lambda fn: fn
        # What personal data is sealed under (`node.personal_columns`), set before the start; None: it is stored plain.
        self.data_keys: DataKeys | None = None

    async def start(self) -> None:
        """Bring the schema up to date and open the connections."""
        from node.migrations.run import upgrade

        await upgrade(self._url, self._migrations)
        await self._writer.start(self.data_keys)

    async def stop(self) -> None:
        """Commit what was handed over, then close."""
        await self._writer.stop()

    async def write(self, fn: WriteFunction[T]) -> T:
        """Run ``fn`` in one transaction; its result comes back after the commit, its exception after the rollback."""
        return await self._writer.write(self.around(fn))

    async def insert_new(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert a row (with an ``id``) of plain values durably; False when one of its unique keys was taken before."""
        if self.data_keys is not None:
            row = sealed_row(self.data_keys, table, row)
        return await self._writer.insert_new(table, row)

    async def read(self, fn: WriteFunction[T]) -> T:
        """Run ``fn`` on a connection that sees what is committed."""
        return await self._writer.read(fn)

    def channel(self, name: str) -> asyncio.Event:
        """An event that is set after each commit in which `notify` named it. The waiter clears it."""
        return self._channels.setdefault(name, asyncio.Event())

    @contextmanager
    def watch(self, name: str) -> Iterator[asyncio.Event]:
        """The same for one of many waiters, each with an event of its own, on a channel that need not last."""
        event = asyncio.Event()
        events = self._watches.setdefault(name, [])
        events.append(event)
        try:
            yield event
        finally:
            events.remove(event)
            if not events:
                del self._watches[name]

    def _wake(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._channels:
                self._channels[name].set()
            for event in self._watches.get(name, ()):
                event.set()


def notify(tx: Connection, channel: str) -> None:
    """Wake the waiters of ``channel`` once this transaction is committed."""
    tx.info.setdefault("channels", set()).add(channel)


def lock(tx: Connection, table: Table, ids: Iterable[Any]) -> None:
    """Hold the rows of ``ids`` until the transaction ends. Call in the order transaction, contract, battery, ledger.

    Nothing to do on SQLite, where there is one writer.
    """
    if tx.dialect.name == "sqlite":
        return
    key = next(iter(table.primary_key.columns))
    wanted = sorted(set(ids))
    tx.execute(select(key).where(key.in_(wanted)).order_by(key).with_for_update()).all()


def is_sqlite(url: str) -> bool:
    """Whether the URL names a SQLite file.

    Raises:
        SettingsWrong: neither SQLite nor PostgreSQL.
    """
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError:
        raise SettingsWrong(f"{url.split('://')[0][:40]} is no database URL") from None
    if backend not in {"sqlite", "postgresql"}:
        raise SettingsWrong(f"database {backend} is not supported: sqlite and postgresql are")
    return backend == "sqlite"


def _writer(url: str, wake: Callable[[Iterable[str]], None]) -> Writer:
    if is_sqlite(url):
        from node.sqlite_writer import SqliteWriter

        return SqliteWriter(url, wake)
    from node.postgres_writer import PostgresWriter

    return PostgresWriter(url, wake)
