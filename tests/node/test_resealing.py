"""Personal data in a database with data keys: on the disk, at the start, and sealed anew beside a participant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import StatementError

from node import resealing
from node.audit import Actor
from node.audit import verify as verify_chain
from node.data_keys import DataKeys, DataUnreadable, add_key, is_sealed
from node.database import Database
from node.hashchain import entries
from node.ids import IdMint
from node.inbox import dedup_key
from node.letters import letter, retry_letter
from node.migrations.run import NODE_VERSIONS
from node.outbox import Letter, enqueue
from node.personal import MESSAGES, Person, erase, find
from node.personal_columns import opened
from node.resealing import CHUNK_ROWS, check, reseal, take_up
from node.tables import DEAD, DONE, SENT, audit, inbox, metadata, outbox
from node.trace import story
from protocol.context import write_body
from protocol.errors import SettingsWrong
from tests.messages import BPP_ID, BPP_URL, context, verified

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ANNA = Actor("operator anna", "desk")
BILLING = {"name": "Asha Rao", "email": "asha@farms.example", "phone": "+91 80 5550 0100", "tax_id": "29ABCDE1234F1Z5"}
ASHA = Person("phone", "0091 (80) 5550-0100")


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "data_keys.json"
    add_key(path, NOW)
    return path


@asynccontextmanager
async def running(url: str, keys: Path | None = None) -> AsyncIterator[Database]:
    """A participant's database as its start leaves it."""
    database = Database(url, [NODE_VERSIONS])
    database.data_keys = None if keys is None else DataKeys(keys)
    await database.start()
    try:
        await take_up(database, NOW)
        yield database
    finally:
        await database.stop()


async def put_message(database: Database) -> int:
    body = write_body(context("confirm", NOW), {"order": {"billing": BILLING}})
    came = verified("confirm", body)
    row = {"id": IdMint().next(), "dedup_key": dedup_key(came), "digest": came.digest, "sender_id": came.sender_id}
    row |= {"key_id": "k", "gateway_id": None, "action": "confirm", "transaction_id": "t", "message_id": "m"}
    row |= {"body": body, "authorization": "Signature", "received_at_ms": 0, "state": DONE, "attempts": 0}
    assert await database.insert_new(inbox, row | {"last_error": None})
    return int(str(row["id"]))


async def put_letter(database: Database, state: str = SENT) -> int:
    about = context("confirm", NOW)
    body = write_body(about, {"order": {"billing": BILLING}})
    sent = Letter(BPP_URL, "confirm", about.transaction_id, about.message_id, body, about.holds_until)

    def put(tx: Connection) -> int:
        outbox_id = enqueue(tx, IdMint(), sent, NOW)
        ended = {"state": state, "finished_at_ms": 0}
        tx.execute(update(outbox).where(outbox.c.id == outbox_id).values(ended))
        return outbox_id

    return await database.write(put)


async def stored(database: Database) -> list[bytes]:
    """The bodies as they stand on the disk."""

    def raw(tx: Connection) -> Sequence[bytes]:
        query = text("SELECT id, body FROM inbox UNION ALL SELECT id, body FROM outbox ORDER BY id")
        return [bytes(row.body) for row in tx.execute(query)]

    return list(await database.read(raw))


async def found(database: Database) -> list[str]:
    pages = [await database.read(lambda tx, s=source: find(tx, s, ASHA, None, 500)) for source in MESSAGES]
    return [one.source for page, _ in pages for one in page]


async def test_bodies_are_sealed_on_the_disk_and_everything_that_reads_them_reads_them(
    database_url: str, keys_file: Path
) -> None:
    async with running(database_url, keys_file) as database:
        await put_message(database)
        outbox_id = await put_letter(database, DEAD)
        bodies = await stored(database)
        assert [is_sealed(body) for body in bodies] == [True, True]
        assert not any(value.encode() in body for body in bodies for value in BILLING.values())
        listed, body = await database.read(lambda tx: letter(tx, outbox_id))
        assert BILLING["email"].encode() in body
        told = await database.read(lambda tx: story(tx, "bap.test", listed.transaction_id))
        assert told[-1].target == BPP_ID
        await database.write(lambda tx: retry_letter(tx, outbox_id, ANNA, NOW))
        assert await found(database) == ["inbox", "outbox"]


async def test_erased_rows_are_sealed_again(database_url: str, keys_file: Path) -> None:
    async with running(database_url, keys_file) as database:
        inbox_id = await put_message(database)
        assert await database.write(lambda tx: erase(tx, MESSAGES[0], ASHA, [inbox_id], ANNA, NOW)) == 1
        assert [is_sealed(body) for body in await stored(database)] == [True]
        assert await found(database) == []


async def test_a_column_of_personal_data_takes_no_bytes_that_were_not_sealed(database_url: str) -> None:
    async with running(database_url) as database:
        await put_letter(database)
        with pytest.raises(StatementError, match=r"personal_columns\.sealed"):
            await database.write(lambda tx: tx.execute(update(outbox).values(body=b"{}")).rowcount)


async def test_a_value_that_was_copied_to_another_row_does_not_open(database_url: str, keys_file: Path) -> None:
    async with running(database_url, keys_file) as database:
        first, second = await put_letter(database), await put_letter(database)

        def copy(tx: Connection) -> None:
            body = tx.scalar(select(outbox.c.body).where(outbox.c.id == first))
            tx.execute(update(outbox).where(outbox.c.id == second).values(body=body))

        await database.write(copy)
        with pytest.raises(DataUnreadable, match=f"outbox.body of {second} is not what was sealed there"):
            await database.read(lambda tx: letter(tx, second))


# -- the start ----------------------------------------------------------------------------------------------


async def test_a_sealed_database_does_not_start_without_its_key(
    database_url: str, keys_file: Path, tmp_path: Path
) -> None:
    async with running(database_url, keys_file) as database:
        await put_message(database)
    other = tmp_path / "other.json"
    add_key(other, NOW)
    for keys, reason in ((None, "name the file of this key in data_key_file"), (other, "other.json does not hold")):
        with pytest.raises(SettingsWrong, match=f"{DataKeys(keys_file).key_ids[0]}.*{reason}"):
            async with running(database_url, keys):
                raise AssertionError("it started")


async def test_a_database_without_a_key_starts_and_needs_none(database_url: str) -> None:
    async with running(database_url) as database:
        await put_message(database)
        await check(database)
        assert [is_sealed(body) for body in await stored(database)] == [False]


# -- sealing anew -------------------------------------------------------------------------------------------


async def test_what_was_stored_plain_is_sealed_and_what_was_erased_stays_so(database_url: str, keys_file: Path) -> None:
    async with running(database_url) as database:
        await put_message(database)
        for _ in range(CHUNK_ROWS + 1):
            await put_letter(database)
    async with running(database_url, keys_file) as database:
        assert await found(database) != []
        assert await reseal(database, [metadata], ANNA, NOW) == CHUNK_ROWS + 2
        assert all(is_sealed(body) for body in await stored(database))
        assert len(await found(database)) == CHUNK_ROWS + 2
        [entry] = await database.read(lambda tx: list(entries(tx, audit)))
        assert '"rows":52' in entry.change
        assert (await database.read(verify_chain))[1] is None
        assert await reseal(database, [metadata], ANNA, NOW) == 0


async def test_after_sealing_anew_the_older_key_is_not_needed(
    database_url: str, keys_file: Path, tmp_path: Path, write_only_newest: Callable[[Path], Path]
) -> None:
    async with running(database_url, keys_file) as database:
        await put_message(database)
        add_key(keys_file, NOW)
        with pytest.raises(SettingsWrong, match=r"which .* does not hold"):
            async with running(database_url, write_only_newest(keys_file)):
                raise AssertionError("it started without the older key")
        await put_letter(database)
        async with running(database_url, keys_file) as command:
            assert await reseal(command, [metadata], ANNA, NOW) >= 1
        assert await found(database) == ["inbox", "outbox"]
    async with running(database_url, write_only_newest(keys_file)) as database:
        assert await found(database) == ["inbox", "outbox"]


async def test_nothing_is_sealed_before_a_participant_runs_with_the_key(database_url: str, keys_file: Path) -> None:
    async with running(database_url) as database:
        await put_message(database)
        with pytest.raises(SettingsWrong, match="data_key_file is missing"):
            await reseal(database, [metadata], ANNA, NOW)
        database.data_keys = DataKeys(keys_file)
        with pytest.raises(SettingsWrong, match="start the participant with data_key_file, then seal"):
            await reseal(database, [metadata], ANNA, NOW)
        assert [is_sealed(body) for body in await stored(database)] == [False]


@pytest.fixture
def write_only_newest(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a file of data keys that has lost all but its first."""

    def write(keys: Path) -> Path:
        path = tmp_path / "newest.json"
        path.write_text(json.dumps({"data_keys": json.loads(keys.read_text())["data_keys"][:1]}))
        path.chmod(0o600)
        return path

    return write


def test_every_column_of_personal_data_is_gone_through() -> None:
    assert {str(column) for column in resealing.columns_of([metadata])} == {"inbox.body", "outbox.body"}


async def test_a_body_reads_as_it_was_written_byte_for_byte(database_url: str, keys_file: Path) -> None:
    async with running(database_url, keys_file) as database:
        inbox_id = await put_message(database)

        def read(tx: Connection) -> tuple[bytes, bytes]:
            row = tx.execute(select(inbox).where(inbox.c.id == inbox_id)).one()
            return opened(tx, inbox.c.body, row.id, row.body), bytes(row.digest)

        body, digest = await database.read(read)
        assert verified("confirm", body).digest == digest
