"""What an edge agent has on disk: samples that the platform does not have yet, in the order in which they were read.

One SQLite file. `take` returns when the samples are on disk (``synchronous=FULL``), so a source acknowledges only what
survives a power cut. A sample leaves the file after the platform has answered for it; killed in between, the agent
sends it again, and the platform takes it once. What the platform would not have is moved to ``refused`` with its
reason, never deleted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import orjson

from energy.metering import Sample
from node.clocks import milliseconds
from node.telemetry.intake import Receipt
from node.telemetry.sample_json import read_sample, write_sample
from protocol.errors import SettingsWrong

T = TypeVar("T")

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, battery_id TEXT NOT NULL, time_ms INTEGER NOT NULL,
    sequence INTEGER NOT NULL, document TEXT NOT NULL, UNIQUE (battery_id, time_ms, sequence));
CREATE TABLE IF NOT EXISTS refused (id INTEGER PRIMARY KEY, document TEXT NOT NULL, sentence TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, rows INTEGER NOT NULL);
"""


class StoreFull(Exception):
    """There is no room for more samples; a source keeps them and hands them over again."""


class Waiting(NamedTuple):
    """A sample that waits to be forwarded."""

    sample_id: int
    sample: Sample


class AgentStore:
    """The file of one agent; ``most_samples`` may wait at once.

    Raises:
        SettingsWrong: the file can not be used.
    """

    def __init__(self, file: Path, most_samples: int) -> None:
        self._file = file
        self._most = most_samples
        # One thread owns the connection: writes come one after the other, and the event loop never waits for the disk.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agent-store")
        self._came = asyncio.Event()
        self._connection = self._thread.submit(self._open).result()

    async def take(self, samples: Sequence[Sample]) -> Receipt:
        """Keep samples; those that wait already are duplicates.

        Raises:
            StoreFull: see the class.
        """
        accepted = await self._run(lambda: self._insert(samples))
        self._came.set()
        return Receipt(accepted, len(samples) - accepted)

    async def first(self, most: int) -> list[Waiting]:
        """The samples that have waited longest, in order; with none, `wait` returns when the next ones come."""
        self._came.clear()
        found = await self._run(
            lambda: self._connection.execute("SELECT id, document FROM waiting ORDER BY id LIMIT ?", (most,)).fetchall()
        )
        return [Waiting(sample_id, read_sample(orjson.loads(document))) for sample_id, document in found]

    async def forwarded(self, waiting: Sequence[Waiting], refused: Mapping[int, str]) -> None:
        """The platform has answered for these; ``refused`` has the reason for those that it would not have, by id."""
        await self._run(lambda: self._finish(waiting, refused))

    async def count(self) -> int:
        """How many samples wait."""
        return await self._run(lambda: int(self._one("SELECT count(*) FROM waiting")))

    async def refused_count(self) -> int:
        """How many samples the platform would not have."""
        return await self._run(lambda: int(self._one("SELECT count(*) FROM refused")))

    async def rows_read(self, path: str) -> int:
        """How many rows of a CSV file have been taken."""
        return await self._run(lambda: int(self._one("SELECT max(rows) FROM files WHERE path = ?", path) or 0))

    async def take_rows(self, path: str, samples: Sequence[Sample], rows: int) -> None:
        """Keep the samples of a file up to a row: both or nothing.

        Raises:
            StoreFull: see the class.
        """
        await self._run(lambda: self._insert_rows(path, samples, rows))
        self._came.set()

    async def wait(self) -> None:
        """Until samples come that `first` has not seen."""
        await self._came.wait()

    def close(self) -> None:
        """Close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> sqlite3.Connection:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(self._file)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise SettingsWrong(f"{self._file}: {error}") from None
        return connection

    def _insert(self, samples: Sequence[Sample]) -> int:
        with self._connection:
            return self._add(samples)

    def _insert_rows(self, path: str, samples: Sequence[Sample], rows: int) -> None:
        with self._connection:
            self._add(samples)
            self._connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (path, rows))

    def _add(self, samples: Sequence[Sample]) -> int:
        # Counting millions of rows takes long; the ids run nearly without gaps.
        if int(self._one("SELECT max(id) - min(id) + 1 FROM waiting")) + len(samples) > self._most:
            raise StoreFull(f"{self._most} samples wait already")
        rows = [
            (one.battery_id, milliseconds(one.measured_at), one.sequence, orjson.dumps(write_sample(one)).decode())
            for one in samples
        ]
        statement = "INSERT OR IGNORE INTO waiting (battery_id, time_ms, sequence, document) VALUES (?, ?, ?, ?)"
        return self._connection.executemany(statement, rows).rowcount

    def _finish(self, waiting: Sequence[Waiting], refused: Mapping[int, str]) -> None:
        with self._connection:
            kept = [
                (one.sample_id, orjson.dumps(write_sample(one.sample)).decode(), refused[one.sample_id])
                for one in waiting
                if one.sample_id in refused
            ]
            self._connection.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", kept)
            ids = [(one.sample_id,) for one in waiting]
            self._connection.executemany("DELETE FROM waiting WHERE id = ?", ids)

    def _one(self, statement: str, *values: object) -> int:
        row = self._connection.execute(statement, values).fetchone()
        return row[0] if row and row[0] is not None else 0
