"""Old samples are deleted in chunks by trade time; what a running contract's bill needs, and the newest, stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from bpp.app import SAMPLE_VERSIONS
from bpp.store import samples
from bpp.store.tables import samples as table
from node.database import Database
from node.retention import Retention
from tests.bpp.platform import sample
from tests.energy.examples import BATTERY, NOVEMBER

DAY = timedelta(days=1)
NOW = NOVEMBER + 30 * DAY


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [SAMPLE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def put(database: Database, days: list[float]) -> None:
    taken = [sample(NOVEMBER + day * DAY, number, sequence=number) for number, day in enumerate(days)]
    await database.write(lambda tx: samples.add(tx, taken))


async def left(database: Database) -> int:
    return int(await database.read(lambda tx: tx.scalar(select(func.count()).select_from(table))) or 0)


async def test_samples_older_than_so_many_days_of_trade_time_go_and_the_newest_is_still_known(
    database: Database,
) -> None:
    await put(database, [0, 10, 19.9, 20, 20.1])
    assert await Retention(database, lambda: NOW, 10, (samples.clear,)).clear() == 3
    assert await left(database) == 2
    assert await Retention(database, lambda: NOW + 100 * DAY, 10, (samples.clear,)).clear() == 2
    newest = await database.read(lambda tx: samples.latest_of(tx, BATTERY.battery_id))
    assert newest is not None
    assert newest.measured_at == NOVEMBER + 20.1 * DAY


async def test_what_a_running_contract_needs_stays_however_old_it_is(database: Database) -> None:
    await put(database, [0, 1, 2, 3])

    async def needed_from() -> datetime:
        return NOVEMBER + 2 * DAY

    assert await Retention(database, lambda: NOW, 10, (samples.clear,), needed_from).clear() == 2
    assert await left(database) == 2


async def test_more_than_one_chunk_goes_to_the_end(database: Database) -> None:
    await put(database, [number / samples.CLEARED_ROWS for number in range(2 * samples.CLEARED_ROWS + 1)])
    assert await Retention(database, lambda: NOW, 10, (samples.clear,)).clear() == 2 * samples.CLEARED_ROWS + 1
    assert await left(database) == 0
