"""Samples: stored once, the newest known, and read with their neighbours. On both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bpp.app import SAMPLE_VERSIONS
from bpp.store import samples
from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import Quality
from node.database import Database
from tests.bpp.platform import sample
from tests.energy.examples import BATTERY, NOVEMBER

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, [SAMPLE_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


def at(minutes: int) -> datetime:
    return NOVEMBER + minutes * MINUTE


async def add(database: Database, *taken: Sample) -> int:
    return await database.write(lambda tx: samples.add(tx, taken))


async def latest(database: Database) -> Sample | None:
    return await database.read(lambda tx: samples.latest_of(tx, BATTERY.battery_id))


async def within(database: Database, start: int, end: int) -> list[Sample]:
    window = Interval(at(start), at(end))
    return await database.read(lambda tx: samples.within(tx, BATTERY.battery_id, window))


async def test_a_sample_comes_back_as_it_was(database: Database) -> None:
    exact = sample(at(0), 12, 34, soc=Decimal("0.123456"), power_w=-5, quality=Quality.SUSPECT)
    assert await add(database, exact) == 1
    assert await latest(database) == exact
    assert await within(database, 0, 1) == [exact]


async def test_the_same_samples_again_are_no_news(database: Database) -> None:
    taken = [sample(at(minute), minute) for minute in range(10)]
    assert await add(database, *taken[:6]) == 6
    assert await add(database, *taken) == 4
    assert await within(database, 0, 10) == taken


async def test_of_one_moment_the_highest_sequence_stays(database: Database) -> None:
    first, better = sample(at(0), 1, sequence=1), sample(at(0), 2, sequence=2)
    assert await add(database, better, first) == 1
    assert await add(database, first) == 0
    assert await within(database, 0, 1) == [better]
    best = sample(at(0), 3, sequence=3)
    assert await add(database, best) == 1
    assert await latest(database) == best


async def test_a_late_sample_does_not_become_the_newest(database: Database) -> None:
    newest = sample(at(5), 5)
    await add(database, newest)
    assert await add(database, sample(at(4), 4)) == 1
    assert await latest(database) == newest


async def test_batteries_do_not_mix(database: Database) -> None:
    mine, other = sample(at(0), 1), sample(at(0), 2, battery_id="other")
    assert await add(database, mine, other) == 2
    assert await within(database, 0, 1) == [mine]
    assert await database.read(samples.latest) == {mine.battery_id: mine, "other": other}


async def test_a_window_reaches_to_the_readings_around_it(database: Database) -> None:
    await add(database, *(sample(at(minute), minute) for minute in (0, 7, 10, 22, 30)))
    window = Interval(at(8), at(20))
    reach = await database.read(lambda tx: samples.reach_of(tx, BATTERY.battery_id, window))
    taken = await database.read(lambda tx: samples.within(tx, BATTERY.battery_id, reach))
    assert [each.measured_at for each in taken] == [at(7), at(10), at(22)]


async def test_a_window_without_readings_around_it_is_itself(database: Database) -> None:
    window = Interval(at(8), at(20))
    assert await database.read(lambda tx: samples.reach_of(tx, BATTERY.battery_id, window)) == window


async def test_nothing_to_add_adds_nothing(database: Database) -> None:
    assert await add(database) == 0
