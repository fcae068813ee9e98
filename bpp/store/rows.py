"""Writing a row whether it is there or not, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(tx: Connection, table: Table) -> Any:
    """An INSERT of the connection's dialect, which can be told what to do on a conflict."""
    maker = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    return maker(table)


def put(tx: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert the row, or replace the one with its primary key."""
    key = [column.name for column in table.primary_key.columns]
    others = {name: value for name, value in values.items() if name not in key}
    statement = insert_into(tx, table).values(**values)
    tx.execute(statement.on_conflict_do_update(index_elements=key, set_=others))
