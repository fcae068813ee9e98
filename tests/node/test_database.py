"""`Database.write`, `insert_new` and `read` on both engines, and SQLite's group commit under faults."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text, update

from node.database import Database, lock, notify
from node.migrations.run import NODE_VERSIONS
from node.tables import destinations, inbox
from protocol.errors import SettingsWrong

BUSY_S = 5


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


def add(name: str) -> Any:
    return lambda tx: tx.execute(insert(destinations).values(destination=name, failures=0, retry_at_ms=0))


def names(tx: Connection) -> set[str]:
    return set(tx.scalars(select(destinations.c.destination)))


def increment(tx: Connection) -> int:
    lock(tx, destinations, ["counter"])
    seen = tx.scalar(select(destinations.c.failures).where(destinations.c.destination == "counter"))
    assert seen is not None
    tx.execute(update(destinations).values(failures=seen + 1))
    return seen + 1


def inbox_row(number: int, key: bytes) -> dict[str, Any]:
    return {
        "id": number,
        "dedup_key": key,
        "digest": b"d" * 64,
        "sender_id": "bap",
        "key_id": "k",
        "gateway_id": None,
        "action": "select",
        "transaction_id": "t",
        "message_id": "m",
        "body": b"{}",
        "authorization": "Signature",
        "received_at_ms": 0,
        "state": "PENDING",
        "attempts": 0,
        "last_error": None,
    }


async def test_what_was_written_is_read_after_the_write_returns(database: Database) -> None:
    await database.write(add("a"))
    assert await database.read(names) == {"a"}


async def test_a_function_that_raises_leaves_nothing_and_its_neighbours_everything(database: Database) -> None:
    def fails(tx: Connection) -> None:
        add("lost")(tx)
        raise LookupError("no")

    results = await asyncio.gather(
        database.write(add("before")), database.write(fails), database.write(add("after")), return_exceptions=True
    )
    assert isinstance(results[1], LookupError)
    assert await database.read(names) == {"before", "after"}


async def test_two_hundred_read_modify_writes_at_once_lose_no_update(database: Database) -> None:
    await database.write(add("counter"))
    seen = await asyncio.gather(*(database.write(increment) for _ in range(200)))
    assert sorted(seen) == list(range(1, 201))


async def test_the_second_row_under_a_unique_key_is_not_inserted_even_in_one_batch(database: Database) -> None:
    rows = [inbox_row(number, f"key-{number // 2}".encode()) for number in range(100)]
    inserted = await asyncio.gather(*(database.insert_new(inbox, row) for row in rows))
    assert sum(inserted) == 50
    assert await database.read(lambda tx: tx.scalar(select(func.count()).select_from(inbox))) == 50
    assert not await database.insert_new(inbox, inbox_row(1_000, b"key-0"))


async def test_a_waiter_is_woken_by_the_commit_that_names_its_channel(database: Database) -> None:
    event = database.channel("news")
    await database.write(lambda tx: notify(tx, "news"))
    await asyncio.wait_for(event.wait(), 5)
    assert not database.channel("other").is_set()


async def test_a_failed_function_wakes_nobody_on_postgresql_and_loses_nothing(database: Database) -> None:
    def fails(tx: Connection) -> None:
        tx.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(Exception, match="no_such_table"):
        await database.write(fails)
    await database.write(add("still works"))
    assert await database.read(names) == {"still works"}


async def test_a_database_of_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(SettingsWrong, match="mysql"):
        Database("mysql://localhost/x", [NODE_VERSIONS])


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'node.sqlite'}", [NODE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def test_a_function_that_ends_the_transaction_itself_harms_no_other_of_its_batch(
    sqlite_database: Database,
) -> None:
    def breaks(tx: Connection) -> None:
        tx.exec_driver_sql("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    writes = [sqlite_database.write(add(f"n{number}")) for number in range(20)]
    writes.insert(10, sqlite_database.write(breaks))
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [result for result in results if isinstance(result, Exception)] == [results[10]]
    assert await sqlite_database.read(names) == {f"n{number}" for number in range(20)}


async def test_a_full_disk_fails_the_write_and_the_next_one_succeeds_once_there_is_room(
    sqlite_database: Database,
) -> None:
    def limit(pages: int) -> Any:
        return lambda tx: tx.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar()

    used = await sqlite_database.write(lambda tx: tx.exec_driver_sql("PRAGMA page_count").scalar())
    assert used is not None
    await sqlite_database.write(limit(used + 2))
    big = inbox_row(1, b"big") | {"body": b"x" * 100_000}
    results = await asyncio.gather(
        sqlite_database.write(add("small")), sqlite_database.insert_new(inbox, big), return_exceptions=True
    )
    assert "full" in str(results[1])
    await sqlite_database.write(limit(100_000))
    assert await sqlite_database.insert_new(inbox, big)
    assert results[0] is None or not isinstance(results[0], Exception)
    assert "small" in await sqlite_database.read(names)


async def test_stopping_commits_what_was_handed_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    first = Database(url, [NODE_VERSIONS])
    await first.start()
    writes = [asyncio.ensure_future(first.write(add(f"n{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    await first.stop()
    await asyncio.gather(*writes)
    second = Database(url, [NODE_VERSIONS])
    await second.start()
    assert len(await second.read(names)) == 50
    await second.stop()


async def test_the_writer_commits_with_a_full_sync_in_wal_mode(sqlite_database: Database) -> None:
    def pragmas(tx: Connection) -> tuple[object, object]:
        return (
            tx.exec_driver_sql("PRAGMA synchronous").scalar(),
            tx.exec_driver_sql("PRAGMA journal_mode").scalar(),
        )

    full = 2
    assert await sqlite_database.write(pragmas) == (full, "wal")


async def test_a_database_that_was_stopped_refuses_further_writes_instead_of_waiting(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'node.sqlite'}", [NODE_VERSIONS])
    await database.start()
    await database.stop()
    with pytest.raises(RuntimeError, match="not open"):
        await asyncio.wait_for(database.write(names), 5)
    await database.stop()


async def test_each_of_many_waiters_of_a_channel_is_woken_and_then_forgotten(sqlite_database: Database) -> None:
    with sqlite_database.watch("trade-1") as one, sqlite_database.watch("trade-1") as other:
        await sqlite_database.write(lambda tx: notify(tx, "trade-1"))
        await asyncio.wait_for(asyncio.gather(one.wait(), other.wait()), 5)
    with sqlite_database.watch("trade-1") as later:
        assert not later.is_set()


async def test_while_another_process_holds_the_database_a_whole_batch_fails_after_one_wait_and_nothing_of_it_is_there(
    sqlite_database: Database, tmp_path: Path
) -> None:
    holder = sqlite3.connect(tmp_path / "node.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    writes = [sqlite_database.write(add(f"n{number}")) for number in range(20)]
    began = time.monotonic()
    inserted = sqlite_database.insert_new(inbox, inbox_row(1, b"k"))
    results = await asyncio.gather(*writes, inserted, return_exceptions=True)
    # The first may have been alone in its batch; every other waits with its neighbours, and not one after the other.
    assert time.monotonic() - began < 21 * BUSY_S / 2
    assert [type(result) for result in results] == [sqlite3.OperationalError] * 21
    holder.execute("ROLLBACK")
    holder.close()
    assert await sqlite_database.read(names) == set()
    await sqlite_database.write(add("after"))
    assert await sqlite_database.read(names) == {"after"}


async def test_a_writer_that_fails_itself_has_the_process_stopped_and_leaves_nobody_waiting_for_it(
    sqlite_database: Database,
) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)

    def ends_the_thread(_tx: Connection) -> None:
        raise SystemExit

    waiting = asyncio.create_task(sqlite_database.write(ends_the_thread))
    await asyncio.wait_for(stopped.wait(), 20)
    loop.remove_signal_handler(signal.SIGTERM)
    with pytest.raises(RuntimeError, match="not open"):
        await sqlite_database.write(names)
    waiting.cancel()
