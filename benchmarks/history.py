"""How long the past of a battery takes to tell. ``python -m benchmarks.history [--batteries 200]``.

A fleet made from a seed stands in a real SQLite file with the rollups of a year by the hour and of some days by the
minute. Each query names a battery at random: a year of it by the hour (8,760 points), a day by the minute (1,440). It
is measured from the question to the bytes of the JSON answer, by the wall clock and by the process's own CPU time,
because the machine may be shared. Our limits at p99 are 250 ms for the year and 50 ms for the day, of CPU.

Then it is measured what history costs the intake: samples are stored as telemetry stores them, and rolled up.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, insert

from beckn_battery.running import run
from bpp.api.history import past_json, points_of
from bpp.app import BPP_VERSIONS, SAMPLE_VERSIONS
from bpp.catalog import ListedBattery
from bpp.history import History
from bpp.settings import HistorySettings
from bpp.store import fleet, samples
from bpp.store.history_tables import rollups
from energy.battery import Battery
from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import CancellationTerms, DispatchMode, Place, Quality
from energy.tariffs import Rate, RateUnit, Tariff, india_gst
from node.clocks import milliseconds
from node.database import Database

SEED = 4
NOW = datetime(2026, 11, 1, tzinfo=UTC)
YEAR, DAY = timedelta(days=365), timedelta(days=1)
DAYS_BY_THE_MINUTE = 3
QUERIES = 300
CHUNK = 5_000
TERMS = CancellationTerms(Decimal(10))
SAMPLES_EVERY = timedelta(seconds=5)
STORED_AT_ONCE = 200
BATTERY = Battery(
    battery_id="b",
    name="Bench",
    place=Place(Decimal(13), Decimal(77)),
    meter_address="der://meter/bench",
    energy_nominal_wh=500_000,
    charge_power_w=100_000,
    discharge_power_w=100_000,
    soc_min=Decimal("0.1"),
    soc_max=Decimal("0.9"),
    soc_reserve=Decimal(0),
    soh=Decimal(1),
    efficiency_charge=Decimal("0.95"),
    efficiency_discharge=Decimal("0.95"),
    standing_loss_per_day=Decimal("0.001"),
    chemistry="LFP",
)
TARIFF = Tariff("bench", "INR", (Rate(RateUnit.KWH_STORED, Decimal(4)),), india_gst(same_state=True))


@dataclass(frozen=True)
class Took:
    """One query: milliseconds of CPU and of the wall clock."""

    cpu_ms: float
    wall_ms: float


def made(dice: random.Random, battery_id: str, step_s: int, span: timedelta) -> list[dict[str, Any]]:
    """Rollups of one step, for as long before now as ``span``."""
    rows = []
    for number in range(span // timedelta(seconds=step_s)):
        start_ms = milliseconds(NOW - span) + number * step_s * 1_000
        soc, power_w, count = dice.randint(100_000, 900_000), dice.randint(-90_000, 90_000), step_s // 10
        row = {"battery_id": battery_id, "step_s": step_s, "start_ms": start_ms, "samples": count, "trusted": count}
        for name, value, spread in (("soc", soc, 9_000), ("power", power_w, 5_000)):
            row |= {f"{name}_count": count, f"{name}_total": count * value, f"{name}_last": value}
            row |= {f"{name}_least": value - spread, f"{name}_most": value + spread}
        moved_wh = power_w * step_s // 3_600
        row |= {"energy_in_wh": max(0, moved_wh), "energy_out_wh": max(0, -moved_wh)}
        row |= {"reading_ms": start_ms, "reading_in_wh": number, "reading_out_wh": number}
        rows.append(row)
    return rows


async def fill(database: Database, batteries: int) -> None:
    """The past of the fleet."""
    dice = random.Random(SEED)
    for number in range(batteries):
        for step_s, span in ((3_600, YEAR), (60, DAYS_BY_THE_MINUTE * DAY)):
            rows = made(dice, f"b-{number}", step_s, span)
            for start in range(0, len(rows), CHUNK):
                await put(database, rows[start : start + CHUNK])


async def put(database: Database, rows: Sequence[dict[str, Any]]) -> None:
    await database.write(lambda tx: tx.execute(insert(rollups), rows))


async def ask(history: History, battery_id: str, window: Interval, step_s: int) -> Took:
    """One query, as the API answers it."""
    wall, cpu = time.perf_counter(), time.process_time()
    past = await history.read(battery_id, window, step_s)
    points = await asyncio.to_thread(points_of, past.rollups)
    body = orjson.dumps(past_json(battery_id, window, past, points))
    took = Took((time.process_time() - cpu) * 1_000, (time.perf_counter() - wall) * 1_000)
    assert len(points) == (window.end - window.start) // timedelta(seconds=step_s), len(points)
    assert body
    return took


def percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


async def queries(history: History, batteries: int, span: timedelta, step_s: int, limit_ms: float, name: str) -> bool:
    """Ask, tell what it took, and whether it is within the limit."""
    dice = random.Random(SEED)
    window = Interval(NOW - span, NOW)
    took = [await ask(history, f"b-{dice.randrange(batteries)}", window, step_s) for _ in range(QUERIES)]
    cpu, wall = [one.cpu_ms for one in took], [one.wall_ms for one in took]
    print(
        f"{name}: CPU median {percentile(cpu, 50):.1f} ms, p99 {percentile(cpu, 99):.1f} ms "
        f"(limit {limit_ms:.0f} ms); wall median {percentile(wall, 50):.1f} ms, p99 {percentile(wall, 99):.1f} ms"
    )
    return percentile(cpu, 99) <= limit_ms


def readings(batteries: int, minutes: int) -> list[Sample]:
    """Samples of a fleet every five seconds, in the order in which they come."""
    made_samples = []
    for number in range(minutes * 60 // 5):
        at = NOW + number * SAMPLES_EVERY
        for battery in range(batteries):
            soc = Decimal(500_000 + number).scaleb(-6)
            registers = (100 * number, 0)
            made_samples.append(Sample(f"b-{battery}", at, soc, 72_000, *registers, Quality.FRESH, "bench", number))
    return made_samples


async def intake(database: Database, history: History, batteries: int, minutes: int) -> None:
    """What storing costs with its marks, and rolling up after it, for each sample."""
    taken = readings(batteries, minutes)
    cpu = time.process_time()
    for start in range(0, len(taken), STORED_AT_ONCE):
        await store(database, taken[start : start + STORED_AT_ONCE])
    stored = time.process_time() - cpu
    cpu = time.process_time()
    slots = await history.roll()
    rolled = time.process_time() - cpu
    print(
        f"{len(taken)} samples of {batteries} batteries: stored with marks in {stored / len(taken) * 1e6:.1f} µs of "
        f"CPU each, rolled up in {rolled / len(taken) * 1e6:.1f} µs each ({rolled / slots * 1e3:.2f} ms for each of "
        f"{slots} slots)"
    )


async def store(database: Database, taken: Sequence[Sample]) -> None:
    await database.write(lambda tx: samples.add(tx, taken))


def save_fleet(tx: Connection, batteries: int) -> None:
    for number in range(batteries):
        battery = replace(BATTERY, battery_id=f"b-{number}")
        fleet.save_battery(tx, ListedBattery(battery, TARIFF, (DispatchMode.AUTOMATIC,), TERMS, 0))


async def measure(folder: Path, batteries: int) -> bool:
    """All of it; whether the limits hold."""
    database = Database(f"sqlite:///{folder / 'bpp.sqlite'}", (BPP_VERSIONS,))
    past = Database(f"sqlite:///{folder / 'samples.sqlite'}", (SAMPLE_VERSIONS,))
    await database.start()
    await past.start()
    try:
        await database.write(lambda tx: save_fleet(tx, batteries))
        await fill(past, batteries)
        history = History(database, past, lambda: NOW + DAY, HistorySettings(), 0, TERMS)
        year = await queries(history, batteries, YEAR, 3_600, 250, "a year by the hour")
        day = await queries(history, batteries, DAY, 60, 50, "a day by the minute")
        await intake(past, history, batteries, 10)
        return year and day
    finally:
        await past.stop()
        await database.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batteries", type=int, default=200)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if run(measure(Path(folder), wanted.batteries)) else 1


if __name__ == "__main__":
    sys.exit(main())
