"""An append-only log whose entries are chained by hashes, so that a changed, removed or reordered entry shows.

The hash of an entry is SHA-256 over the JSON array ``[seq, at_ms, actor, change, previous]``, where ``previous`` is
the hash of the entry before it (sixty-four zeros for the first) and ``change`` the JSON text exactly as it is stored.
Nothing is read and written again to check a hash.

A chain can not show that its newest entries were cut off, unless somebody elsewhere noted a later hash: note what a
verification prints, and give it to the next one.

`link` and `first_fault` are pure. `chain_table` and `append` put a chain into a database; an entry is written in the
transaction of the change that it tells of, so that there is never one without the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, Text, insert, select, text
from sqlalchemy.schema import SchemaItem

START = "0" * 64
_PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: ``seq`` counts from 1, ``at_ms`` is wire time, ``change`` a JSON text, the hashes are hexadecimal."""

    seq: int
    at_ms: int
    actor: str
    change: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The first entry that does not fit, by its number, and why."""

    seq: int
    reason: str


def link(last: Entry | None, at_ms: int, actor: str, change: str) -> Entry:
    """The entry that follows ``last``; None: the first one."""
    seq, previous = (last.seq + 1, last.hash) if last is not None else (1, START)
    return Entry(seq, at_ms, actor, change, previous, _hash(seq, at_ms, actor, change, previous))


def first_fault(entries: Iterable[Entry]) -> Fault | None:
    """The first entry that was changed or whose predecessor is missing; None when the whole chain holds."""
    seq, previous = 1, START
    for entry in entries:
        if entry.seq != seq:
            return Fault(seq, f"it is missing; entry {entry.seq} stands in its place")
        if entry.previous != previous:
            return Fault(seq, "it does not follow from the entry before it")
        if entry.hash != _hash(entry.seq, entry.at_ms, entry.actor, entry.change, entry.previous):
            return Fault(seq, "its content was changed")
        seq, previous = seq + 1, entry.hash
    return None


def _hash(seq: int, at_ms: int, actor: str, change: str, previous: str) -> str:
    return hashlib.sha256(orjson.dumps([seq, at_ms, actor, change, previous])).hexdigest()


# -- in a database ------------------------------------------------------------------------------------------


def chain_table(name: str, metadata: MetaData, *more: SchemaItem) -> Table:
    """The table of one chain; a migration creates it with the same columns. ``more`` is not part of the chain."""
    return Table(
        name,
        metadata,
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("actor", String(255), nullable=False),
        Column("change", Text, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        *more,
    )


def chained(table: Table) -> tuple[Column[Any], ...]:
    """The columns of `Entry`, in its order."""
    return tuple(table.c[item.name] for item in fields(Entry))


_HOLD_END = text("SELECT pg_advisory_xact_lock(hashtextextended(:chain, 0))")


def hold_end(tx: Connection, table: Table) -> None:
    """Nobody else writes the next entry of this chain until the transaction ends; call it last of all that locks.

    Two transactions would read the same last entry. Nothing to do on SQLite, where there is one writer. On PostgreSQL
    it is a lock on the chain's name: whoever reads the table or keeps it tidy (autovacuum) does not wait.
    """
    if tx.dialect.name != "sqlite":
        tx.execute(_HOLD_END, {"chain": table.name})


def append(tx: Connection, table: Table, at_ms: int, actor: str, change: Mapping[str, Any]) -> Entry:
    """Write the next entry in this transaction. ``change`` is JSON without secrets and personal data."""
    hold_end(tx, table)
    row = tx.execute(select(*chained(table)).order_by(table.c.seq.desc()).limit(1)).first()
    last = None if row is None else Entry(*row)
    entry = link(last, at_ms, actor[:255], orjson.dumps(change, option=orjson.OPT_SORT_KEYS).decode())
    tx.execute(
        insert(table).values(
            seq=entry.seq,
            at_ms=entry.at_ms,
            actor=entry.actor,
            change=entry.change,
            previous=entry.previous,
            hash=entry.hash,
        )
    )
    return entry


def entries(tx: Connection, table: Table, after_seq: int = 0) -> Iterator[Entry]:
    """The entries behind ``after_seq`` in their order, read in pages."""
    while True:
        behind = select(*chained(table)).where(table.c.seq > after_seq)
        page = tx.execute(behind.order_by(table.c.seq).limit(_PAGE_ROWS)).all()
        for row in page:
            yield Entry(*row)
        if len(page) < _PAGE_ROWS:
            return
        after_seq = page[-1].seq
