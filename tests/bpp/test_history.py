"""History: samples are rolled up as they come, in whatever order, and a reader never waits for it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bpp.history import GRACE, ROLLED_FOR_READERS, History
from bpp.settings import HistorySettings
from bpp.store import history, meters, samples, unrolled
from bpp.store.history_tables import rollups as rollup_table
from energy.intervals import Interval
from energy.metering import Sample
from energy.rollups import STEPS_S, Rollup, merged, roll
from node.retention import Retention
from protocol.errors import SettingsWrong
from tests.bpp.platform import LISTED, TERMS, Platform, running, sample
from tests.energy.examples import BATTERY, NOVEMBER

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LIMIT_W = 100_000


@pytest.fixture
async def platform(tmp_path: Path, database_url: str) -> AsyncIterator[Platform]:
    """With both databases in turn; its clock shows the evening of 1 November."""
    async with running(tmp_path, database_url=database_url) as opened:
        await opened.put_battery()
        opened.go_to(NOVEMBER + 20 * HOUR)
        yield opened


def half_minutes(count: int, start: datetime = NOVEMBER) -> list[Sample]:
    """A sample every 30 s, charging with 60 kW."""
    step = timedelta(seconds=30)
    return [
        sample(start + number * step, 500 * number, sequence=number, power_w=60_000, soc=Decimal(number) / 1_000)
        for number in range(count)
    ]


async def read(platform: Platform, step_s: int, hours: int = 20) -> list[Rollup]:
    window = Interval(NOVEMBER, NOVEMBER + hours * HOUR)
    return list((await platform.bpp.history.read(BATTERY.battery_id, window, step_s)).rollups)


async def stored(platform: Platform, step_s: int) -> list[Rollup]:
    window = Interval(NOVEMBER, NOVEMBER + 20 * HOUR)
    return await platform.bpp.samples.read(lambda tx: history.of_battery(tx, BATTERY.battery_id, window, step_s))


async def test_samples_are_rolled_to_every_step(platform: Platform) -> None:
    taken = half_minutes(240)
    await platform.add_samples(*taken)
    assert await platform.bpp.history.roll() == 24
    minutes = roll(taken, None, LIMIT_W)
    for step_s in STEPS_S:
        assert await stored(platform, step_s) == list(merged(minutes, step_s))
        assert await read(platform, step_s) == list(merged(minutes, step_s))
    assert [rollup.energy_in_wh for rollup in await stored(platform, 3_600)] == [59_500, 60_000]
    assert await platform.bpp.history.roll() == 0


async def test_a_reader_sees_the_newest_sample_before_it_is_rolled(platform: Platform) -> None:
    await platform.add_samples(*half_minutes(100))
    await platform.bpp.history.roll()
    await platform.add_samples(*half_minutes(113)[100:])
    for step_s in STEPS_S:
        assert await read(platform, step_s) == list(merged(roll(half_minutes(113), None, LIMIT_W), step_s))
    assert sum(rollup.samples for rollup in await stored(platform, 60)) == 100


async def test_a_window_in_the_midst_of_a_step_is_told_as_a_whole_window_would_be(platform: Platform) -> None:
    await platform.add_samples(*half_minutes(240))
    window = Interval(NOVEMBER, NOVEMBER + 10 * MINUTE)
    before = (await platform.bpp.history.read(BATTERY.battery_id, window, 3_600)).rollups
    await platform.bpp.history.roll()
    after = (await platform.bpp.history.read(BATTERY.battery_id, window, 3_600)).rollups
    assert [rollup.samples for rollup in before] == [120]
    assert list(after) == list(before)


async def test_a_reader_is_told_from_where_on_much_is_still_to_be_rolled(platform: Platform) -> None:
    await platform.add_samples(*half_minutes(600))
    window = Interval(NOVEMBER, NOVEMBER + 20 * HOUR)
    past = await platform.bpp.history.read(BATTERY.battery_id, window, 300)
    assert past.whole_until == NOVEMBER + ROLLED_FOR_READERS * 5 * MINUTE
    assert len(past.rollups) == ROLLED_FOR_READERS
    await platform.bpp.history.roll()
    assert (await platform.bpp.history.read(BATTERY.battery_id, window, 300)).whole_until is None


async def test_a_slot_is_rolled_when_it_is_over_and_its_last_samples_have_come(platform: Platform) -> None:
    await platform.add_samples(*half_minutes(8))
    platform.go_to(NOVEMBER + 5 * MINUTE + GRACE - timedelta(seconds=1))
    assert await platform.bpp.history.roll() == 0
    platform.go_to(NOVEMBER + 5 * MINUTE + GRACE)
    assert await platform.bpp.history.roll() == 1


async def test_whatever_the_order_and_the_pieces_in_which_samples_come_the_rollups_are_the_same(
    platform: Platform,
) -> None:
    dice = random.Random(4)
    taken = [one for one in half_minutes(400) if dice.random() < 0.6]
    late = list(taken)
    dice.shuffle(late)
    for start in range(0, len(late), 30):
        await platform.add_samples(*late[start : start + 30])
        await platform.bpp.history.roll()
    minutes = roll(taken, None, LIMIT_W)
    for step_s in STEPS_S:
        assert await stored(platform, step_s) == list(merged(minutes, step_s))


async def test_energy_after_a_silence_counts_from_the_sample_that_came_late(platform: Platform) -> None:
    first, late, last = sample(NOVEMBER, 0), sample(NOVEMBER + HOUR, 300), sample(NOVEMBER + 2 * HOUR, 1_000)
    await platform.add_samples(first, last)
    await platform.bpp.history.roll()
    assert [rollup.energy_in_wh for rollup in await stored(platform, 3_600)] == [0, 1_000]
    await platform.add_samples(late)
    await platform.bpp.history.roll()
    assert [rollup.energy_in_wh for rollup in await stored(platform, 3_600)] == [0, 300, 700]


async def test_a_sample_that_comes_while_its_slot_is_rolled_keeps_the_slot_due(platform: Platform) -> None:
    await platform.add_samples(sample(NOVEMBER, 0))
    database = platform.bpp.samples
    due = await database.read(lambda tx: unrolled.of_battery(tx, BATTERY.battery_id, 0, 2**60))
    read_before = await database.read(
        lambda tx: samples.within(tx, BATTERY.battery_id, Interval(NOVEMBER, NOVEMBER + HOUR))
    )
    await platform.add_samples(sample(NOVEMBER + MINUTE, 50))
    await database.write(lambda tx: history.save_slot(tx, due[0], read_before, LIMIT_W, ()))
    assert [rollup.samples for rollup in await stored(platform, 300)] == [1]
    assert await platform.bpp.history.roll() == 1
    assert [rollup.samples for rollup in await stored(platform, 300)] == [2]


async def test_a_confirmed_new_meter_is_rolled_again(platform: Platform) -> None:
    await platform.add_samples(sample(NOVEMBER, 9_000), sample(NOVEMBER + HOUR, 10), sample(NOVEMBER + 2 * HOUR, 40))
    await platform.bpp.history.roll()
    assert [rollup.energy_in_wh for rollup in await stored(platform, 3_600)] == [0, 0, 0]
    changed_at = NOVEMBER + 30 * MINUTE
    await platform.bpp.samples.write(lambda tx: meters.confirm_change(tx, BATTERY.battery_id, changed_at, "asha", ""))
    assert await platform.bpp.history.roll() == 2
    assert [rollup.energy_in_wh for rollup in await stored(platform, 3_600)] == [0, 0, 30]


async def test_batteries_are_rolled_apart(platform: Platform) -> None:
    other = replace(LISTED, battery=replace(BATTERY, battery_id="battery-2"))
    await platform.put_battery(other)
    theirs = [sample(NOVEMBER + number * MINUTE, 7 * number, battery_id="battery-2") for number in range(10)]
    await platform.add_samples(*half_minutes(20), *theirs)
    assert await platform.bpp.history.roll() == 4
    window = Interval(NOVEMBER, NOVEMBER + HOUR)
    found = (await platform.bpp.history.read("battery-2", window, 3_600)).rollups
    assert [rollup.energy_in_wh for rollup in found] == [63]


async def test_old_rollups_are_deleted_by_their_step_and_the_longer_ones_stay(platform: Platform) -> None:
    await platform.add_samples(*half_minutes(240))
    await platform.bpp.history.roll()
    chunk = platform.bpp.samples

    def clear_minutes(tx: object, before: datetime) -> int:
        return history.clear(tx, before, 60)  # type: ignore[arg-type]

    cleared = await Retention(chunk, lambda: NOVEMBER + 7 * DAY + HOUR, 7, (clear_minutes,)).clear()
    assert cleared == 60
    count = await chunk.read(lambda tx: tx.scalar(select(func.count()).where(rollup_table.c.step_s == 60)))
    assert count == 60
    assert len(await stored(platform, 300)) == 24


async def test_what_was_rolled_is_not_rolled_again_when_its_samples_may_be_gone(platform: Platform) -> None:
    await platform.add_samples(*half_minutes(240))
    await platform.bpp.history.roll()
    before = await stored(platform, 60)
    database = platform.bpp.samples
    kept_week = History(platform.database, database, platform.bpp.participant.clocks.trade, HistorySettings(), 7, TERMS)
    platform.go_to(NOVEMBER + 30 * DAY)
    await database.write(lambda tx: samples.clear(tx, NOVEMBER + 23 * DAY))
    await platform.add_samples(sample(NOVEMBER + timedelta(seconds=45), 750, sequence=9))
    assert await kept_week.roll() == 0
    assert await stored(platform, 60) == before


def test_each_step_is_kept_as_long_as_the_settings_say() -> None:
    assert HistorySettings(minute_days=7).days == (7, 430, 0, 0)
    with pytest.raises(SettingsWrong, match=r"history\.quarter_days must be 0 or at least 7, but is 3"):
        HistorySettings(quarter_days=3)
