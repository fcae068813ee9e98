"""The operator's gateway against a real operator API: what it registers, follows and reports, and what it bears."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from energy.quantities import decimal_of
from node.clocks import wall_clock
from simulator.fleet import fleet
from simulator.operator import Operator
from simulator.operator_api import BppRefused, OperatorApi
from tests.ports import free_port
from tests.simulator.bpp_server import TOKEN, FakeBpp, running
from tests.waiting import until

EPOCH = datetime(2026, 11, 20, 6, tzinfo=UTC)
WALL = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FIRST = "blr-batt-001"


class HandClock:
    """A wall clock moved by hand; at the server's speed of 60 a wall second is a trade minute."""

    def __init__(self) -> None:
        self.now = WALL

    def __call__(self) -> datetime:
        return self.now

    def pass_trade(self, time: timedelta) -> None:
        self.now += time / 60


@pytest.fixture
async def bpp() -> AsyncIterator[FakeBpp]:
    async with running(EPOCH, WALL) as fake:
        yield fake


@pytest.fixture
async def api(bpp: FakeBpp) -> AsyncIterator[OperatorApi]:
    async with OperatorApi(bpp.url, TOKEN) as opened:
        yield opened


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def operator(bpp: FakeBpp, clock: HandClock, count: int = 3, seed: int = 7) -> Operator:
    return Operator(bpp.url, TOKEN, seed=seed, count=count, wire=clock)


def times(samples: list[dict[str, Any]]) -> list[str]:
    """Hour and minute of each sample."""
    return [sample["measured_at"][11:16] for sample in samples]


async def test_the_first_tick_registers_the_fleet_and_reports_every_battery_at_rest(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    gateway = operator(bpp, clock, count=25)
    assert not gateway.began.is_set()
    await gateway.tick(api)
    assert gateway.began.is_set()
    assert bpp.registrations == [fleet(7, 25)]
    assert [sample["battery_id"] for sample in bpp.samples] == [battery["battery_id"] for battery in fleet(7, 25)]
    first = bpp.samples[0]
    assert first["measured_at"] == "2026-11-20T06:00:00.000Z"
    assert 5 < decimal_of(first["soc_percent"]) < 20
    assert {name: first[name] for name in ("power_w", "energy_in_wh", "energy_out_wh", "sequence", "source")} == {
        "power_w": 0, "energy_in_wh": 0, "energy_out_wh": 0, "sequence": 1, "source": "simulator",
    }  # fmt: skip


async def test_a_second_operator_registers_only_what_is_not_there_yet(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    await operator(bpp, clock, count=2).tick(api)
    await operator(bpp, clock, count=4).tick(api)
    await operator(bpp, clock, count=4).tick(api)
    assert [[battery["battery_id"] for battery in added] for added in bpp.registrations] == [
        ["blr-batt-001", "blr-batt-002"],
        ["blr-batt-003", "blr-batt-004"],
    ]


async def test_a_battery_is_simulated_as_it_is_registered_whatever_the_seed_says(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    small = fleet(7, 1)[0] | {"charge_power_w": 12_000}
    bpp.batteries[FIRST] = small
    bpp.order(FIRST, EPOCH, EPOCH + HOUR, charge_w=90_000)
    gateway = operator(bpp, clock, count=1, seed=8)
    await gateway.tick(api)
    clock.pass_trade(HOUR)
    await gateway.tick(api)
    assert bpp.samples[-1]["energy_in_wh"] == 12_000


async def test_an_order_is_followed_and_reported_every_five_minutes_while_the_others_rest(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    bpp.order(FIRST, EPOCH + HOUR / 4, EPOCH + HOUR / 2, charge_w=60_000)
    gateway = operator(bpp, clock)
    for _ in range(8):
        await gateway.tick(api)
        clock.pass_trade(6 * MINUTE)
    moving = bpp.of(FIRST)
    # At 06:12 it is still at rest and shows a sign of life, as the others do later, too.
    assert times(moving) == ["06:00", "06:12", "06:15", "06:18", "06:20", "06:24", "06:25", "06:30", "06:42"]
    assert [sample["energy_in_wh"] for sample in moving] == [0, 0, 0, 3_000, 5_000, 9_000, 10_000, 15_000, 15_000]
    assert [sample["power_w"] for sample in moving] == [0, 0, 60_000, 60_000, 60_000, 60_000, 60_000, 0, 0]
    assert times(bpp.of("blr-batt-002")) == ["06:00", "06:12", "06:15", "06:30", "06:42"]


async def test_a_resting_battery_shows_a_sign_of_life_every_ten_seconds_of_wall_time(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    bpp.speed = 6
    gateway = operator(bpp, clock, count=1)
    for _ in range(7):
        await gateway.tick(api)
        clock.now += timedelta(seconds=5)
    assert times(bpp.samples) == ["06:00", "06:01", "06:02", "06:03"]
    assert {sample["power_w"] for sample in bpp.samples} == {0}


async def test_the_dispatch_is_polled_from_where_the_fleet_stands_to_hours_ahead(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    gateway = operator(bpp, clock)
    await gateway.tick(api)
    clock.pass_trade(2 * MINUTE)
    await gateway.tick(api)
    assert bpp.windows == [(EPOCH, EPOCH + 6 * HOUR), (EPOCH, EPOCH + 2 * MINUTE + 6 * HOUR)]


async def test_while_the_bpp_is_down_samples_are_kept_and_arrive_in_order_afterwards(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    bpp.order(FIRST, EPOCH, EPOCH + HOUR, charge_w=60_000)
    gateway = operator(bpp, clock, count=1)
    await gateway.tick(api)
    bpp.status = 503
    for _ in range(6):
        clock.pass_trade(10 * MINUTE)
        await gateway.tick(api)
    assert len(bpp.samples) == 1
    bpp.status = 200
    clock.pass_trade(10 * MINUTE)
    await gateway.tick(api)
    assert [sample["sequence"] for sample in bpp.samples] == list(range(1, len(bpp.samples) + 1))
    registers = [sample["energy_in_wh"] for sample in bpp.samples]
    assert registers == sorted(registers)
    assert registers[-1] == 60_000
    assert times(bpp.samples)[:3] == ["06:00", "06:05", "06:10"]


async def test_a_fleet_that_hears_nothing_any_more_rests_when_its_schedule_ends(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    bpp.valid = HOUR / 2
    bpp.order(FIRST, EPOCH, EPOCH + 4 * HOUR, charge_w=60_000)
    gateway = operator(bpp, clock, count=1)
    await gateway.tick(api)
    bpp.status = 503
    clock.pass_trade(2 * HOUR)
    await gateway.tick(api)
    bpp.status, bpp.orders = 200, {}
    clock.pass_trade(5 * MINUTE)
    await gateway.tick(api)
    assert bpp.samples[-1]["energy_in_wh"] == 30_000


async def test_a_bpp_that_is_down_is_called_with_growing_pauses_and_told_of_once(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    bpp.status = 503
    gateway = operator(bpp, clock)
    for _ in range(100):
        await gateway.tick(api)
        clock.now += timedelta(seconds=0.1)
    assert bpp.calls == 6
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "BPP can not be reached"
    ]


async def test_the_first_tick_after_a_bad_start_does_what_the_first_would_have_done(
    bpp: FakeBpp, clock: HandClock
) -> None:
    gateway = Operator(bpp.url, TOKEN, seed=7, count=2, wire=clock)
    async with OperatorApi(f"http://127.0.0.1:{free_port()}", TOKEN) as nobody:
        await gateway.tick(nobody)
    clock.now += timedelta(seconds=1)
    async with OperatorApi(bpp.url, TOKEN) as api:
        await gateway.tick(api)
    assert len(bpp.batteries) == len(bpp.samples) == 2


async def test_after_a_restart_registers_and_sequence_go_on_where_the_last_sample_was(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    bpp.order(FIRST, EPOCH, EPOCH + HOUR, charge_w=60_000)
    before = operator(bpp, clock, count=1)
    await before.tick(api)
    clock.pass_trade(HOUR / 2)
    await before.tick(api)
    clock.pass_trade(HOUR)
    await operator(bpp, clock, count=1).tick(api)
    samples = bpp.of(FIRST)
    assert [sample["sequence"] for sample in samples] == list(range(1, len(samples) + 1))
    registers = [sample["energy_in_wh"] for sample in samples]
    assert registers == sorted(registers)
    # What was ordered while nobody reported was done all the same, and is metered from the schedule of that time.
    assert (registers[0], registers[-1]) == (0, 60_000)
    levels = [decimal_of(sample["soc_percent"]) for sample in samples]
    assert levels[0] < levels[-1]


async def test_after_weeks_of_standstill_the_fleet_catches_up_in_pieces(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock
) -> None:
    await operator(bpp, clock, count=2).tick(api)
    clock.pass_trade(30 * HOUR)
    late = operator(bpp, clock, count=2)
    await late.tick(api)
    assert bpp.samples[-1]["measured_at"] == "2026-11-20T12:00:00.000Z"
    for _ in range(4):
        await late.tick(api)
    assert bpp.samples[-1]["measured_at"] == "2026-11-21T12:00:00.000Z"
    moments = [sample["measured_at"] for sample in bpp.of(FIRST)]
    assert moments == sorted(set(moments))
    assert len(moments) == 1 + 4 * 30


async def test_a_full_store_lets_the_oldest_samples_go_and_tells_how_many(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Operator(bpp.url, TOKEN, seed=7, count=1, wire=clock, samples_kept=10)
    await gateway.tick(api)
    bpp.status = 503
    for _ in range(5):
        clock.pass_trade(HOUR)
        await gateway.tick(api)
    bpp.status = 200
    clock.pass_trade(5 * MINUTE)
    await gateway.tick(api)
    assert [sample["sequence"] for sample in bpp.samples] == [1, *range(12, 22)]
    assert sum(getattr(record, "lost", 0) for record in caplog.records) == 10


async def test_samples_that_the_bpp_does_not_want_are_told_of_and_not_sent_again(
    bpp: FakeBpp, api: OperatorApi, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    bpp.unwanted = {FIRST}
    gateway = operator(bpp, clock, count=2)
    await gateway.tick(api)
    await gateway.tick(api)
    assert [sample["battery_id"] for sample in bpp.samples] == ["blr-batt-002"]
    (warning,) = [record for record in caplog.records if record.message == "samples rejected"]
    assert getattr(warning, "first_reason", "") == f"{FIRST} is not in this fleet."


async def test_an_operator_with_a_wrong_token_ends_with_the_reason(bpp: FakeBpp, clock: HandClock) -> None:
    gateway = Operator(bpp.url, "another", seed=7, count=1, wire=clock)
    with pytest.raises(BppRefused, match=f"GET batteries/{FIRST}: status 401"):
        await asyncio.wait_for(gateway.run(asyncio.Event()), 5)


async def test_a_running_operator_reports_by_itself_until_it_is_stopped() -> None:
    async with running(EPOCH, wall_clock(), speed=3_600) as bpp:
        bpp.order(FIRST, EPOCH, EPOCH + 24 * HOUR, charge_w=10_000)
        stop = asyncio.Event()
        task = asyncio.create_task(Operator(bpp.url, TOKEN, seed=7, count=25).run(stop))
        await until(lambda: len(bpp.of(FIRST)) >= 10, what="ten reports")
        stop.set()
        await asyncio.wait_for(task, 5)
        moments = [sample["measured_at"] for sample in bpp.of(FIRST)]
        assert moments == sorted(moments)
        for before, after in pairwise(bpp.of(FIRST)):
            assert before["energy_in_wh"] <= after["energy_in_wh"]
        calls = bpp.calls
        await asyncio.sleep(0)
        assert bpp.calls == calls
