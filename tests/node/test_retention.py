"""Old messages that are over are deleted in chunks; what is not over or not old stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from node.clocks import milliseconds
from node.database import Database
from node.migrations.run import NODE_VERSIONS
from node.personal_columns import Sealed
from node.retention import CHUNK_ROWS, Retention
from node.settings import RetentionSettings
from node.tables import DEAD, DONE, DROPPED, FAILED, PENDING, SENT, inbox, outbox
from protocol.errors import SettingsWrong

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
OLD, NEW = NOW - timedelta(days=31), NOW - timedelta(days=29)


def came(number: int, state: str, at: datetime) -> dict[str, object]:
    row: dict[str, object] = {"id": number, "dedup_key": str(number).encode(), "digest": b"", "sender_id": "s"}
    row |= {"key_id": "k", "action": "select", "transaction_id": "t", "message_id": "m", "body": Sealed(b"{}")}
    return row | {"authorization": "", "received_at_ms": milliseconds(at), "state": state, "attempts": 0}


def went(number: int, state: str, at: datetime) -> dict[str, object]:
    row: dict[str, object] = {"id": number, "destination": "d", "action": "select", "transaction_id": "t"}
    row |= {"message_id": "m", "body": Sealed(b"{}"), "created_at_ms": milliseconds(at), "not_after_ms": 0}
    return row | {"state": state, "attempts": 0, "due_at_ms": 0, "lease_until_ms": 0}


async def test_only_what_is_over_and_old_is_deleted(database_url: str) -> None:
    database = Database(database_url, [NODE_VERSIONS])
    await database.start()

    def put(tx: Connection) -> None:
        cases = [(state, at) for at in (OLD, NEW) for state in (DONE, FAILED, PENDING)]
        tx.execute(insert(inbox), [came(number, *case) for number, case in enumerate(cases)])
        letters = [(state, at) for at in (OLD, NEW) for state in (SENT, DROPPED, DEAD, PENDING)]
        tx.execute(insert(outbox), [went(number, *case) for number, case in enumerate(letters)])

    await database.write(put)
    assert await Retention(database, lambda: NOW, 30).clear() == 3
    assert await database.read(lambda tx: tx.scalars(select(inbox.c.id).order_by(inbox.c.id)).all()) == [1, 2, 3, 4, 5]
    assert await database.read(lambda tx: tx.scalars(select(outbox.c.id).order_by(outbox.c.id)).all()) == [
        2,
        3,
        4,
        5,
        6,
        7,
    ]
    await database.stop()


async def test_more_than_one_chunk_is_deleted_to_the_end(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'node.sqlite'}", [NODE_VERSIONS])
    await database.start()
    rows = [came(number, DONE, OLD) for number in range(2 * CHUNK_ROWS + 1)]
    await database.write(lambda tx: tx.execute(insert(inbox), rows).rowcount)
    assert await Retention(database, lambda: NOW, 30).clear() == len(rows)
    assert await database.read(lambda tx: tx.scalar(select(inbox.c.id))) is None
    await database.stop()


@pytest.mark.parametrize("days", [-1, 1, 6])
def test_days_that_could_undercut_a_ttl_are_refused(days: int) -> None:
    with pytest.raises(SettingsWrong, match="at least 7"):
        RetentionSettings(days)
