"""The column type of personal data, and the only two ways through it: `sealed` on the way in, `opened` on the way out.

A `PersonalData` column takes and gives `Sealed` values alone, never bytes, whether a data key is set or not. So a store
function that forgets to seal or to open fails at its first use. A value is sealed for its place, which is its table,
column and row: what somebody copies into another row does not open there.

The keys (`node.data_keys`) come with the connection, where the participant's settings name a file of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Dialect, LargeBinary, MetaData, Table
from sqlalchemy.types import TypeDecorator

from node.data_keys import DataKeys, is_sealed, opened_plain

INFO = "data_keys"
"""Where a connection's ``info`` has the keys."""


class Sealed:
    """A value as it is stored: sealed, or plain where no key is set."""

    __slots__ = ("stored",)

    def __init__(self, stored: bytes) -> None:
        self.stored = stored


class PersonalData(TypeDecorator[Sealed]):
    """A column of bytes that may name a person."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> bytes | None:
        """What is written.

        Raises:
            TypeError: it did not come from `sealed`.
        """
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError("personal data is written as node.personal_columns.sealed gives it, and not otherwise")
        return value.stored

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Sealed | None:
        """What was read, for `opened`."""
        return None if value is None else Sealed(bytes(value))


def sealed(tx: Connection, column: Column[Any], key: object, plain: bytes) -> Sealed:
    """The value to write into ``column`` of the row with this primary key.

    Raises:
        ValueError: there is no key, and these bytes would be taken for sealed ones. No JSON text is such.
    """
    keys = keys_of(tx)
    if keys is not None:
        return Sealed(keys.seal(place(column, key), plain))
    if is_sealed(plain):
        raise ValueError(f"{place(column, key)} begins as sealed values do")
    return Sealed(plain)


def opened(tx: Connection, column: Column[Any], key: object, value: Sealed) -> bytes:
    """The plain bytes of a value that was read from there.

    Raises:
        DataUnreadable: its key is missing, or it was not sealed for this row.
    """
    return opened_by(keys_of(tx), column, key, value)


def opened_by(keys: DataKeys | None, column: Column[Any], key: object, value: Sealed) -> bytes:
    """The same with a database's keys, where there is no connection. Raises as `opened`."""
    where = place(column, key)
    return opened_plain(where, value.stored) if keys is None else keys.open(where, value.stored)


def keys_of(tx: Connection) -> DataKeys | None:
    """The keys of this connection's database."""
    found: DataKeys | None = tx.info.get(INFO)
    return found


def place(column: Column[Any], key: object) -> str:
    """What a value is bound to."""
    return f"{column.table.name}.{column.name} of {key}"


def sealed_row(keys: DataKeys, table: Table, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of plain values with an ``id``, its personal data sealed, in bytes as they are stored."""
    changed = dict(row)
    for column in _columns(table):
        changed[column.name] = keys.seal(place(column, row["id"]), row[column.name])
    return changed


def as_values(table: Table, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of stored bytes as SQLAlchemy takes it."""
    return {**row, **{column.name: Sealed(row[column.name]) for column in _columns(table)}}


@cache
def _columns(table: Table) -> tuple[Column[Any], ...]:
    return tuple(column for column in table.columns if isinstance(column.type, PersonalData))


def columns_of(tables: Iterable[MetaData]) -> tuple[Column[Any], ...]:
    """Every column of personal data."""
    return tuple(column for of in tables for table in of.sorted_tables for column in _columns(table))
