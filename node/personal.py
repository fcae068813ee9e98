"""One person's data in the JSON documents of a database: finding it, and erasing it without breaking what must stay.

A `Source` is a column of JSON documents: bodies of messages here, contracts and invoices in the roles' stores. A person
is in a document where an object has its ``email``, ``name`` or ``phone``; that object's `MEMBERS` are the personal
data, and so is every text of the document that repeats one of them. Documents are opened (`node.personal_columns`) and
parsed, not searched, so that no way of writing a text hides it; so every row is read, and no index can help.

Erasing puts `ERASED` in the place of the values; the row, its ids, states, amounts and digests stay. So a message is
still known as a duplicate, and the audit chain, which never held such data, still holds. What a row is still needed
for is its source's to say (``kept``); such a row is left alone, and the reason is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, Row, Table, select, true, update

from node.audit import Actor, record
from node.database import lock
from node.personal_columns import opened, sealed
from node.tables import DEAD, DROPPED, FAILED, PENDING, inbox, outbox

ERASED = "erased"
MEMBERS = ("name", "email", "phone", "address", "tax_id")
_REPEATED = ("name", "email", "phone")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about: ``member`` (``email``, ``name`` or ``phone``) has this ``value``.

    Upper and lower case do not matter; of a phone number only the digits do.
    """

    member: str
    value: str

    def is_in(self, content: Mapping[str, Any]) -> bool:
        """Whether an object is about this person."""
        found = content.get(self.member)
        return isinstance(found, str) and self._plain(found) == self._plain(self.value) != ""

    def _plain(self, text: str) -> str:
        if self.member != "phone":
            return text.casefold()
        # 00 is what many dial for the plus.
        return re.sub(r"\D", "", text).removeprefix("00")


@dataclass(frozen=True, slots=True)
class Source:
    """A column of personal data, of a table with one key column. ``texts`` are such columns that may repeat a value.

    ``kept`` says why a row has to stay as it is, or None. ``also`` is what changes with an erased row.
    """

    name: str
    column: Column[Any]
    kept: Callable[[Row[Any]], str | None] = lambda _row: None
    also: Callable[[Row[Any]], Mapping[str, Any]] = lambda _row: {}
    texts: tuple[Column[Any], ...] = ()
    where: ColumnElement[bool] = field(default_factory=true)

    @property
    def table(self) -> Table:
        """The column's table."""
        return self.column.table

    @property
    def key(self) -> Column[Any]:
        """The table's key."""
        return next(iter(self.table.primary_key.columns))


@dataclass(frozen=True, slots=True)
class Found:
    """A row with data of the person: the objects about it, and why they can not be erased now, or None."""

    source: str
    key: Any
    data: tuple[Mapping[str, Any], ...]
    kept: str | None


def find(tx: Connection, source: Source, person: Person, after: Any, limit: int) -> tuple[list[Found], Any]:
    """What the next ``limit`` rows behind the key ``after`` hold (None: from the start), and the last key looked at.

    The key is None at the end of the table.
    """
    rows = select(source.table).where(source.where).order_by(source.key).limit(limit)
    looked_at = tx.execute(rows if after is None else rows.where(source.key > after)).all()
    found = []
    for row in looked_at:
        objects = tuple(_objects(_read(tx, source, source.column, row), person))
        if objects:
            data = tuple({name: one[name] for name in MEMBERS if name in one} for one in objects)
            found.append(Found(source.name, getattr(row, source.key.name), data, source.kept(row)))
    return found, getattr(looked_at[-1], source.key.name) if len(looked_at) == limit else None


def erase(tx: Connection, source: Source, person: Person, keys: Sequence[Any], by: Actor, now: datetime) -> int:
    """Erase the person from these rows, but for those that are kept; how many were changed. Told in the audit chain."""
    if tx.dialect.name == "sqlite":
        # What is overwritten must not stay in the file's free pages.
        tx.exec_driver_sql("PRAGMA secure_delete=ON")
    lock(tx, source.table, keys)
    changed = 0
    for row in tx.execute(select(source.table).where(source.key.in_(keys)).order_by(source.key)).all():
        content = _read(tx, source, source.column, row)
        objects = list(_objects(content, person))
        if objects and source.kept(row) is None:
            _update(tx, source, row, content, objects)
            changed += 1
    if changed:
        record(tx, now, by, f"erase personal data in {source.name}", rows=changed)
    return changed


def _update(tx: Connection, source: Source, row: Row[Any], content: Any, objects: Sequence[dict[str, Any]]) -> None:
    values = {one[name] for one in objects for name in _REPEATED if isinstance(one.get(name), str)}
    for one in objects:
        one.update({name: ERASED for name in MEMBERS if one.get(name) is not None})
    contents = {source.column: content} | {column: _read(tx, source, column, row) for column in source.texts}
    key = getattr(row, source.key.name)
    changed = {
        column.name: sealed(tx, column, key, orjson.dumps(_without(each, values)))
        for column, each in contents.items()
        if each is not None
    }
    tx.execute(update(source.table).where(source.key == key).values({**changed, **source.also(row)}))


def _read(tx: Connection, source: Source, column: Column[Any], row: Row[Any]) -> Any:
    value = getattr(row, column.name)
    if value is None:
        return None
    plain = opened(tx, column, getattr(row, source.key.name), value)
    try:
        return orjson.loads(plain)
    except orjson.JSONDecodeError:
        # A document of a peer's that is no JSON has no objects about anybody.
        return None


def _objects(content: Any, person: Person) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        if person.is_in(content):
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for each in content:
            yield from _objects(each, person)


def _without(content: Any, values: set[str]) -> Any:
    if isinstance(content, dict):
        return {name: _without(each, values) for name, each in content.items()}
    if isinstance(content, list):
        return [_without(each, values) for each in content]
    return ERASED if isinstance(content, str) and content in values else content


# -- messages -----------------------------------------------------------------------------------------------


def _needed_message(row: Row[Any]) -> str | None:
    return "it is still to be decided (beckn-battery inbox list)" if row.state in {PENDING, FAILED} else None


def _needed_letter(row: Row[Any]) -> str | None:
    return "it is still on its way (beckn-battery outbox list)" if row.state == PENDING else None


def _dropped(row: Row[Any]) -> Mapping[str, Any]:
    # A dead letter without its data must not be sent.
    return {"state": DROPPED, "last_error": "personal data was erased from it"} if row.state == DEAD else {}


# Searches name nobody, and catalogs are long.
_NAMELESS = ("search", "on_search")

MESSAGES = (
    Source("inbox", inbox.c.body, _needed_message, where=inbox.c.action.not_in(_NAMELESS)),
    Source("outbox", outbox.c.body, _needed_letter, _dropped, where=outbox.c.action.not_in(_NAMELESS)),
)
