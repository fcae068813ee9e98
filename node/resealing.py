"""Which data keys a database is sealed under (table ``data_keys``), and sealing it anew while its participant runs.

A participant's start enters its newest key before it seals anything, so a database that is opened without a key that
it needs is refused at once (`check`), and not at the first value that does not open.

`reseal` goes through every `PersonalData` column in chunks: what is plain or under an older key is sealed under the
newest. It may be broken off and begun again. Afterwards the older keys are not needed, but for backups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, MetaData, delete, func, insert, select, type_coerce, update

from node.audit import Actor, record
from node.clocks import milliseconds
from node.data_keys import HEAD_BYTES, LOOK_EVERY_S, DataKeys
from node.database import Database, lock
from node.personal_columns import columns_of, opened, sealed
from node.tables import data_keys
from protocol.errors import SettingsWrong

# So few that no write keeps the running participant waiting, with a pause for it in between.
CHUNK_ROWS = 50
PAUSE_S = 0.01
# The last one finds nothing.
_PASSES = 5


async def check(database: Database) -> None:
    """Make sure that the database's keys are at hand.

    Raises:
        SettingsWrong: it is sealed under a key that is not in the file that the settings name, or they name none.
    """
    keys = database.data_keys
    missing = await database.read(_in_use) - set(() if keys is None else keys.key_ids)
    if not missing:
        return
    what = f"the database holds personal data that is sealed under data key {', '.join(sorted(missing))}"
    if keys is None:
        raise SettingsWrong(f"{what}: name the file of this key in data_key_file")
    raise SettingsWrong(f"{what}, which {keys.path} does not hold")


async def take_up(database: Database, now: datetime) -> None:
    """What a participant does before it stores anything: `check`, and enter the newest key. Raises as `check`."""
    await check(database)
    keys = database.data_keys
    if keys is not None:
        await database.write(lambda tx: enter(tx, keys, now))


def enter(tx: Connection, keys: DataKeys, now: datetime) -> None:
    """From now on values may be sealed under the newest key."""
    key_id = keys.newest.key_id
    if key_id not in _in_use(tx):
        tx.execute(insert(data_keys).values(key_id=key_id, since_ms=milliseconds(now)))


def is_in_use(tx: Connection) -> bool:
    """Whether a participant has ever been started with a data key."""
    return bool(_in_use(tx))


async def reseal(database: Database, tables: Iterable[MetaData], by: Actor, now: datetime) -> int:
    """Seal everything under the newest key; how many values were sealed. Told in the audit chain.

    Raises:
        SettingsWrong: no key is named, or no participant has been started with one: one that runs without would not
            be able to read any more. Or one that runs goes on sealing under an older key: begin again later.
    """
    keys = database.data_keys
    if keys is None:
        raise SettingsWrong("data_key_file is missing: beckn-battery privacy newkey makes such a file")
    if not await database.read(is_in_use):
        raise SettingsWrong("no data key is in use yet: start the participant with data_key_file, then seal")
    await database.write(lambda tx: enter(tx, keys, now))
    # Until then a running participant has seen a key that is newer than those it knew.
    await asyncio.sleep(2 * LOOK_EVERY_S if len(keys.key_ids) > 1 else 0)
    columns, changed = columns_of(tables), 0
    for _ in range(_PASSES):
        some = sum([await _reseal_column(database, keys, column) for column in columns])
        changed += some
        if not some:
            break
    else:
        raise SettingsWrong(f"{keys.path}: a running participant does not seal under its newest key; can it read it?")
    await database.write(lambda tx: _end(tx, keys, by, now, changed))
    return changed


async def _reseal_column(database: Database, keys: DataKeys, column: Column[Any]) -> int:
    changed, after = 0, None
    while True:
        found = await database.read(partial(_older, column=column, head=keys.newest.head, after=after))
        if not found:
            return changed
        await database.write(partial(_reseal_rows, column=column, found=found))
        changed, after = changed + len(found), found[-1]
        await asyncio.sleep(PAUSE_S)


def _older(tx: Connection, column: Column[Any], head: bytes, after: Any) -> Sequence[Any]:
    """The keys of the next rows whose value is plain or under another key."""
    key = _key(column)
    begins = func.substr(type_coerce(column, LargeBinary), 1, HEAD_BYTES, type_=LargeBinary)
    rows = select(key).where(column.is_not(None), begins != head).order_by(key).limit(CHUNK_ROWS)
    return tx.scalars(rows if after is None else rows.where(key > after)).all()


def _reseal_rows(tx: Connection, column: Column[Any], found: Sequence[Any]) -> None:
    if tx.dialect.name == "sqlite":
        # What is overwritten must not stay in the file's free pages.
        tx.exec_driver_sql("PRAGMA secure_delete=ON")
    key = _key(column)
    lock(tx, column.table, found)
    # Read again: the participant may have changed a row since it was found.
    for row_key, value in tx.execute(select(key, column).where(key.in_(found), column.is_not(None))).all():
        anew = sealed(tx, column, row_key, opened(tx, column, row_key, value))
        tx.execute(update(column.table).where(key == row_key).values({column.name: anew}))


def _end(tx: Connection, keys: DataKeys, by: Actor, now: datetime, changed: int) -> None:
    newest = keys.newest.key_id
    tx.execute(delete(data_keys).where(data_keys.c.key_id != newest))
    record(tx, now, by, "privacy seal", rows=changed, subject=newest)


def _key(column: Column[Any]) -> Column[Any]:
    return next(iter(column.table.primary_key.columns))


def _in_use(tx: Connection) -> set[str]:
    return set(tx.scalars(select(data_keys.c.key_id)))
