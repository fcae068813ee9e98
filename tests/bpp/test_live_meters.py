"""Meters in memory: sample by sample they say what all samples say when they are read at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from bpp.capacity import Booking
from bpp.contracts import Contract
from bpp.live_meters import KEPT_UNCOUNTED, LiveMeters
from bpp.meters import Counted, Meters, Readings, parts_of, pieces
from energy.intervals import Interval
from energy.metering import Sample
from tests.bpp.platform import sample, use
from tests.bpp.test_setpoints import contract as contract_of

USE = use()
MINUTE = timedelta(minutes=1)
CONTRACT = contract_of(USE)


@dataclass
class Stored:
    """What is read from the database, as a list."""

    samples: list[Sample] = field(default_factory=list)
    sample_period_s: int = 10

    async def latest(self, _battery_id: str) -> Sample | None:
        return max(self.samples, key=lambda one: one.measured_at, default=None)

    async def bookings(self, contract: Contract) -> list[Booking]:
        return [contract.booking]

    async def changes(self, _battery_id: str) -> Sequence[datetime]:
        return ()

    async def readings(self, _battery_id: str, _window: Interval) -> Readings:
        return Readings(list(self.samples), ())

    async def counted_until(self, contract: Contract, slot_end: datetime) -> Counted:
        counted = Counted(contract.use.charge.start)
        if slot_end <= counted.until:
            return counted
        for window in pieces(contract.use, Interval(counted.until, slot_end)):
            for part in parts_of(contract, [contract.booking], Readings(self.samples, ()), window):
                counted = counted.plus(part)
        return replace(counted, until=slot_end)


def following(stored: Stored, contract: Contract = CONTRACT) -> LiveMeters:
    """Meters that follow the contract from now on."""
    meters = LiveMeters(cast(Meters, stored))
    asyncio.run(meters.follow(contract.battery_id, [contract]))
    return meters


def metered(steps: Sequence[tuple[int, int]], start_min: int = -30) -> list[Sample]:
    """Readings after so many minutes each, each so many watt-hours further."""
    at, energy_wh, found = USE.charge.start + start_min * MINUTE, 5_000_000, []
    for minutes, wh in steps:
        at, energy_wh = at + minutes * MINUTE, energy_wh + wh
        found.append(sample(at, energy_wh, power_w=wh * 60 // minutes))
    return found


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 300)), min_size=1, max_size=80), st.integers(0, 80))
def test_what_was_counted_sample_by_sample_is_what_all_samples_say(steps: list[tuple[int, int]], known: int) -> None:
    """Also when it begins in the middle, as after a restart."""
    taken = metered(steps)
    followed = following(Stored(taken[:known]))
    for one in taken[known:]:
        assert followed.hear(one)
    now = taken[-1].measured_at
    assert followed.live(CONTRACT, now) == following(Stored(taken)).live(CONTRACT, now)


@given(st.permutations(range(12)))
def test_samples_that_come_in_any_order_within_a_slot_count_the_same(places: list[int]) -> None:
    taken = metered([(30, 0), *[(1, 50)] * 12])
    in_order, mixed = following(Stored()), following(Stored())
    for one in taken:
        in_order.hear(one)
    mixed.hear(taken[0])
    for place in places:
        mixed.hear(taken[1 + place])
    now = taken[-1].measured_at
    assert mixed.live(CONTRACT, now) == in_order.live(CONTRACT, now)


def test_however_many_samples_come_only_those_of_the_running_slot_are_kept() -> None:
    meters = following(Stored())
    taken = metered([(1, 600)] * (5 * KEPT_UNCOUNTED))
    for one in taken:
        meters.hear(one)
    live = meters.live(CONTRACT, taken[-1].measured_at)
    assert live is not None
    # Of the readings before the start nothing counts.
    assert live.energy_in_wh == 600 * (5 * KEPT_UNCOUNTED - 30)
    assert meters.kept(CONTRACT.battery_id) <= KEPT_UNCOUNTED + 1


def test_a_late_sample_of_the_running_slot_does_not_become_the_newest() -> None:
    first, late, last = metered([(31, 0), (1, 100), (1, 100)])
    meters = following(Stored([first]))
    assert meters.hear(last)
    assert not meters.hear(late)
    assert meters.newest(CONTRACT.battery_id) == last
    assert meters.hear(replace(last, sequence=2, power_w=7))
    live = meters.live(CONTRACT, last.measured_at)
    assert live is not None
    assert (live.energy_in_wh, live.power_w) == (200, 7)


def test_samples_without_registers_are_seen_and_count_nothing() -> None:
    meters = following(Stored(metered([(30, 0), (10, 1_000)])))
    later = replace(metered([(45, 0)])[0], energy_in_wh=None, energy_out_wh=None, power_w=9)
    assert meters.hear(later)
    live = meters.live(CONTRACT, later.measured_at)
    assert live is not None
    assert (live.energy_in_wh, live.power_w) == (1_000, 9)


def test_a_contract_whose_windows_changed_is_counted_anew() -> None:
    meters = following(Stored(metered([(30, 0), (60, 10_000)])))
    assert meters.follows(CONTRACT)
    shifted = replace(USE.charge, start=USE.charge.start + 30 * MINUTE)
    changed = replace(CONTRACT, use=replace(USE, charge=shifted))
    assert not meters.follows(changed)
    asyncio.run(meters.follow(CONTRACT.battery_id, [changed]))
    live = meters.live(changed, USE.charge.start + 60 * MINUTE)
    assert live is not None
    assert live.energy_in_wh == 5_000


def test_a_battery_without_contracts_is_not_followed() -> None:
    meters = following(Stored(metered([(30, 0)])))
    asyncio.run(meters.follow(CONTRACT.battery_id, []))
    assert meters.newest(CONTRACT.battery_id) is None
    assert not meters.hear(metered([(40, 0)])[0])
