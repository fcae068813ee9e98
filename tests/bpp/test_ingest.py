"""The one way in for samples: judged and stored in one transaction, and what can not be taken is kept aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bpp.ingest import CHUNK, Ingest
from bpp.settings import TelemetrySettings
from bpp.store import meters, samples
from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import Quality
from node.telemetry.intake import Refusal
from tests.bpp.platform import LISTED, TERMS, Platform, sample, use
from tests.energy.examples import BATTERY, NOVEMBER

MINUTE = timedelta(minutes=1)


def ingest_of(platform: Platform, **settings: int) -> Ingest:
    clocks = platform.bpp.participant.clocks
    return Ingest(platform.database, platform.bpp.samples, clocks, TelemetrySettings(**settings), TERMS)


async def stored(platform: Platform, battery_id: str = BATTERY.battery_id) -> Sequence[Sample]:
    window = Interval(NOVEMBER - timedelta(days=30), NOVEMBER + timedelta(days=30))
    return await platform.bpp.samples.read(lambda tx: samples.within(tx, battery_id, window))


async def test_a_doubted_sample_is_kept_as_it_came_and_flagged(platform: Platform) -> None:
    platform.go_to(NOVEMBER + timedelta(hours=1))
    receipt = await ingest_of(platform).take([sample(NOVEMBER, 5_000), sample(NOVEMBER + MINUTE, 3)])
    assert (receipt.accepted, [(one.index, one.doubts) for one in receipt.flagged]) == (2, [(1, ("register-fell",))])
    first, second = await stored(platform)
    assert (first.energy_in_wh, first.quality) == (5_000, Quality.FRESH)
    assert (second.energy_in_wh, second.quality) == (3, Quality.SUSPECT)
    assert await platform.bpp.samples.read(samples.latest_doubts) == {BATTERY.battery_id: ("register-fell",)}


async def test_the_judgement_goes_on_after_a_restart(platform: Platform) -> None:
    platform.go_to(NOVEMBER + timedelta(hours=1))
    await ingest_of(platform).take([sample(NOVEMBER, 5_000)])
    receipt = await ingest_of(platform).take([sample(NOVEMBER + MINUTE, 3)])
    assert [one.doubts for one in receipt.flagged] == [("register-fell",)]


async def test_samples_are_judged_in_order_of_time_however_they_come(platform: Platform) -> None:
    platform.go_to(NOVEMBER + timedelta(hours=1))
    taken = [sample(NOVEMBER + minute * MINUTE, 100 * minute) for minute in range(20)]
    receipt = await ingest_of(platform).take(taken[::-1])
    assert (receipt.accepted, receipt.flagged) == (20, ())


async def test_more_than_one_piece_is_taken_once_and_indexes_are_those_of_the_whole(platform: Platform) -> None:
    platform.go_to(NOVEMBER + timedelta(hours=1))
    taken = [sample(NOVEMBER - second * timedelta(seconds=1), 0) for second in range(CHUNK + 100)]
    taken.append(sample(NOVEMBER + MINUTE, 0, battery_id="stranger"))
    taken.append(sample(NOVEMBER + MINUTE, 0, power_w=10**9))
    ingest = ingest_of(platform)
    receipt = await ingest.take(taken)
    assert (receipt.accepted, receipt.duplicates) == (CHUNK + 101, 0)
    assert [(one.index, one.refusal) for one in receipt.rejected] == [(CHUNK + 100, Refusal.UNKNOWN_BATTERY)]
    assert [one.index for one in receipt.flagged] == [CHUNK + 101]
    again = await ingest.take(taken)
    assert (again.accepted, again.duplicates) == (0, CHUNK + 101)


async def test_when_nothing_more_can_be_set_aside_that_is_counted(platform: Platform) -> None:
    ingest = ingest_of(platform, set_aside_max=2)
    await ingest.take([sample(NOVEMBER - minute * MINUTE, 0, battery_id="stranger") for minute in range(5)])
    (group,) = await platform.bpp.samples.read(meters.set_aside_groups)
    assert (group.count, ingest.without_room) == (2, 3)


async def test_a_battery_is_known_soon_after_it_was_added(platform: Platform) -> None:
    ingest = ingest_of(platform)
    new = sample(NOVEMBER, 0, battery_id="new-battery")
    assert (await ingest.take([new])).accepted == 0
    await platform.put_battery(replace(LISTED, battery=replace(BATTERY, battery_id="new-battery")))
    platform.clock.now += timedelta(seconds=1)
    assert (await ingest.take([new])).accepted == 1


async def test_whoever_waits_for_samples_is_woken_after_the_commit(platform: Platform) -> None:
    came = platform.bpp.samples.channel(samples.CHANNEL)
    ingest = ingest_of(platform)
    await ingest.take([sample(NOVEMBER, 0)])
    assert came.is_set()
    came.clear()
    await ingest.take([sample(NOVEMBER, 0)])
    assert not came.is_set()


async def test_a_contract_goes_on_over_a_change_of_meters(platform: Platform) -> None:
    await platform.buy()
    contract = await platform.contract_of_trade()
    start = use().charge.start
    platform.go_to(use().charge.end)
    ingest, hour = ingest_of(platform), timedelta(hours=1)
    await ingest.take([sample(start, 1_000), sample(start + hour, 31_000), sample(start + 2 * hour, 0)])
    before = await platform.desk.meters.intervals(contract)
    assert sum(one.energy_in_wh for one in before) == 30_000
    change = {"battery_id": BATTERY.battery_id, "confirmed_by": "an operator", "note": ""}
    await platform.bpp.samples.write(
        lambda tx: meters.confirm_change(tx, changed_at=start + 2 * hour, **change)  # type: ignore[arg-type]
    )
    await ingest.take([sample(start + 3 * hour, 20_000)])
    after = await platform.desk.meters.intervals(contract)
    assert sum(one.energy_in_wh for one in after) == 50_000
