from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData, text, update
from sqlalchemy.exc import DBAPIError

from node.database import Database
from node.hashchain import START, Entry, append, chain_table, entries, first_fault, link

AUDIT = chain_table("audit", MetaData())
changes = st.lists(st.tuples(st.integers(0, 2**60), st.text(max_size=10), st.text(max_size=20)), max_size=12)


def chain(contents: list[tuple[int, str, str]]) -> list[Entry]:
    made: list[Entry] = []
    for at_ms, actor, change in contents:
        made.append(link(made[-1] if made else None, at_ms, actor, change))
    return made


THREE = chain([(1, "admin", '{"a":1}'), (2, "bpp.test", '{"b":2}'), (3, "admin", '{"c":3}')])


def test_the_first_entry_stands_on_the_start_and_each_other_on_the_one_before() -> None:
    assert [entry.seq for entry in THREE] == [1, 2, 3]
    assert [entry.previous for entry in THREE] == [START, THREE[0].hash, THREE[1].hash]


def test_an_entry_without_its_predecessor_is_the_first_fault() -> None:
    fault = first_fault([THREE[0], THREE[2]])
    assert fault is not None
    assert (fault.seq, fault.reason) == (2, "it is missing; entry 3 stands in its place")


def test_two_entries_that_changed_places_are_a_fault() -> None:
    fault = first_fault([THREE[1], THREE[0], THREE[2]])
    assert fault is not None
    assert fault.seq == 1


def test_an_entry_written_anew_with_a_right_hash_breaks_the_next_one() -> None:
    forged = link(THREE[0], 2, "bpp.test", '{"b":3}')
    fault = first_fault([THREE[0], forged, THREE[2]])
    assert fault is not None
    assert (fault.seq, fault.reason) == (3, "it does not follow from the entry before it")


@given(changes)
def test_every_chain_that_link_makes_holds(contents: list[tuple[int, str, str]]) -> None:
    assert first_fault(chain(contents)) is None


@given(
    contents=changes.filter(bool),
    which=st.integers(0, 11),
    member=st.sampled_from(["at_ms", "actor", "change", "previous", "hash"]),
)
def test_a_changed_member_of_any_entry_is_found_at_that_entry(
    contents: list[tuple[int, str, str]], which: int, member: str
) -> None:
    made = chain(contents)
    which %= len(made)
    other = made[which].at_ms + 1 if member == "at_ms" else getattr(made[which], member) + "x"
    fault = first_fault([*made[:which], replace(made[which], **{member: other}), *made[which + 1 :]])
    assert fault is not None
    assert fault.seq == which + 1


async def test_entries_written_at_once_make_one_chain_in_the_database(database_url: str) -> None:
    database = Database(database_url, ())
    await database.start()
    await database.write(lambda tx: AUDIT.metadata.create_all(tx))
    writes = [database.write(lambda tx, n=n: append(tx, AUDIT, n, "test", {"n": n})) for n in range(20)]  # type: ignore[misc]
    await asyncio.gather(*writes)
    read = await database.read(lambda tx: list(entries(tx, AUDIT)))
    assert (len(read), first_fault(read)) == (20, None)
    assert sorted(entry.at_ms for entry in read) == list(range(20))

    def falsify(tx: Connection) -> None:
        tx.execute(update(AUDIT).where(AUDIT.c.seq == 7).values(actor="another"))

    await database.write(falsify)
    fault = await database.read(lambda tx: first_fault(entries(tx, AUDIT)))
    assert fault is not None
    assert (fault.seq, fault.reason) == (7, "its content was changed")
    await database.stop()


async def test_on_postgresql_an_entry_that_is_being_written_holds_up_the_next_one_and_nothing_else(
    postgres_url: str,
) -> None:
    database = Database(postgres_url, ())
    await database.start()
    await database.write(lambda tx: AUDIT.metadata.create_all(tx))
    await database.write(lambda tx: append(tx, AUDIT, 1, "test", {"n": 1}))
    loop, appended, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(tx: Connection) -> None:
        append(tx, AUDIT, 2, "test", {"n": 2})
        loop.call_soon_threadsafe(appended.set)
        go_on.wait(20)

    def upkeep(tx: Connection) -> None:
        # The lock that autovacuum takes: at once or not at all.
        tx.execute(text(f"LOCK TABLE {AUDIT.name} IN SHARE UPDATE EXCLUSIVE MODE NOWAIT"))

    def impatient(tx: Connection) -> None:
        tx.execute(text("SET LOCAL lock_timeout = '50ms'"))
        append(tx, AUDIT, 3, "test", {"n": 3})

    writing = asyncio.create_task(asyncio.to_thread(asyncio.run, elsewhere(postgres_url, slow)))
    await asyncio.wait_for(appended.wait(), 20)
    await database.write(upkeep)
    with pytest.raises(DBAPIError, match="lock timeout"):
        await database.write(impatient)
    go_on.set()
    await writing
    await database.write(impatient)
    read = await database.read(lambda tx: list(entries(tx, AUDIT)))
    assert ([entry.at_ms for entry in read], first_fault(read)) == ([1, 2, 3], None)
    await database.stop()


async def elsewhere(url: str, fn: Callable[[Connection], None]) -> None:
    """The same database from another event loop, which ``fn`` may hold up."""
    other = Database(url, ())
    await other.start()
    await other.write(fn)
    await other.stop()
