"""What the meters counted for each contract, read from the samples: up to a moment, and in the end, for its bill.

Running contracts are counted on in memory (`bpp.live_meters`), which begins with what is read here. The bill reads all
samples once more, so that samples which came late count there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bpp.capacity import Booking
from bpp.contracts import Contract
from bpp.dispatch import quality_of
from bpp.shares import share_of
from bpp.store import fleet, samples
from bpp.store.meters import changes_of
from energy.intervals import SLOT_S, Interval, align_down
from energy.metering import MeterInterval, ReadingQuality, Sample, energy_between, intervals_of
from energy.offers import Quality, StorageUse
from node.database import Database

CHUNK = timedelta(hours=6)
"""As much trade time of samples is read at once, so that nothing else waits long."""
_SLOT = timedelta(seconds=SLOT_S)


@dataclass(frozen=True, slots=True)
class Counted:
    """A contract's energy up to a slot's end."""

    until: datetime
    energy_in_wh: int = 0
    energy_out_wh: int = 0

    def plus(self, part: MeterInterval) -> Counted:
        """This and one more interval."""
        return Counted(
            part.interval.end, self.energy_in_wh + part.energy_in_wh, self.energy_out_wh + part.energy_out_wh
        )


@dataclass(frozen=True, slots=True)
class Readings:
    """Samples around a window, and from when on they were of another meter."""

    samples: Sequence[Sample]
    meter_changes: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class Edges:
    """A battery's samples around a contract: the last before its charging began, the first when its return was over."""

    opening: Sample | None
    closing: Sample | None


class Meters:
    """The meters of the fleet as its contracts see them; ``sample_period_s`` is trade time."""

    def __init__(self, database: Database, samples_database: Database, sample_period_s: int) -> None:
        self._database = database
        self._samples = samples_database
        self.sample_period_s = sample_period_s

    async def latest(self, battery_id: str) -> Sample | None:
        """A battery's newest sample; None while it has sent nothing."""
        return await self._samples.read(lambda tx: samples.latest_of(tx, battery_id))

    async def latest_of_all(self) -> dict[str, Sample]:
        """The newest sample of each battery that has sent one."""
        return await self._samples.read(samples.latest)

    def quality(self, sample: Sample, now: datetime) -> Quality:
        """How far the sample may be trusted at trade time ``now``."""
        return quality_of(sample, now, self.sample_period_s)

    async def intervals(self, contract: Contract) -> tuple[MeterInterval, ...]:
        """The contract's part of every interval of its windows, from all samples that there are."""
        bookings = await self.bookings(contract)
        parts: list[MeterInterval] = []
        for window in (contract.use.charge, contract.use.giveback):
            readings = await self.readings(contract.battery_id, window)
            parts += await asyncio.to_thread(parts_of, contract, bookings, readings, window)
        return tuple(parts)

    async def edges(self, contract: Contract) -> Edges:
        """What the battery told at the beginning and the end of the contract, with both of its registers."""
        start, end = contract.use.charge.start, contract.use.giveback.end
        before = (await self.readings(contract.battery_id, Interval(start, start + _SLOT))).samples
        after = (await self.readings(contract.battery_id, Interval(end - _SLOT, end))).samples
        opening = [each for each in before if each.measured_at <= start and each.registers_wh is not None]
        closing = [each for each in after if each.measured_at >= end and each.registers_wh is not None]
        return Edges(
            opening=max(opening, key=lambda each: (each.measured_at, each.sequence), default=None),
            closing=min(closing, key=lambda each: (each.measured_at, -each.sequence), default=None),
        )

    async def counted_until(self, contract: Contract, slot_end: datetime) -> Counted:
        """What the contract has moved up to the end of a slot."""
        counted = Counted(contract.use.charge.start)
        if slot_end <= counted.until:
            return counted
        bookings = await self.bookings(contract)
        for window in pieces(contract.use, Interval(counted.until, slot_end)):
            readings = await self.readings(contract.battery_id, window)
            for part in await asyncio.to_thread(parts_of, contract, bookings, readings, window):
                counted = counted.plus(part)
        return replace(counted, until=slot_end)

    async def bookings(self, contract: Contract) -> list[Booking]:
        """What is booked on the battery while the contract runs, its own booking among them."""
        found = await self._database.read(
            lambda tx: fleet.committed_during(tx, contract.use.booked, contract.battery_id)
        )
        return [reservation.booking for reservation in found]

    async def changes(self, battery_id: str) -> Sequence[datetime]:
        """The moments from which the battery has had another meter."""
        return await self._samples.read(lambda tx: changes_of(tx, battery_id))

    async def readings(self, battery_id: str, window: Interval) -> Readings:
        """The battery's samples of a window, with those next to it on both sides."""
        reach = await self._samples.read(lambda tx: samples.reach_of(tx, battery_id, window))
        taken: list[Sample] = []
        for piece in _chunks(reach):
            taken += await self._samples.read(partial(samples.within, battery_id=battery_id, window=piece))
        return Readings(taken, await self.changes(battery_id))


def parts_of(
    contract: Contract, bookings: Sequence[Booking], readings: Readings, window: Interval
) -> list[MeterInterval]:
    """The contract's part of each of the meter's intervals; a last slot that is not over counts as far as it is."""
    battery, full_until = contract.listed.battery, align_down(window.end)
    limit_w = max(battery.charge_power_w, battery.discharge_power_w)
    counted: list[MeterInterval] = []
    if window.start < full_until:
        full = Interval(window.start, full_until)
        counted += intervals_of(readings.samples, full, SLOT_S, limit_w, readings.meter_changes)
    if full_until < window.end:
        moved = energy_between(readings.samples, full_until, window.end, limit_w, readings.meter_changes)
        counted.append(MeterInterval(Interval(full_until, full_until + _SLOT), *moved, ReadingQuality.DERIVED))
    return [share_of(contract.contract_id, bookings, each) for each in counted]


def pieces(use: StorageUse, span: Interval) -> Iterator[Interval]:
    """The parts of the span in which energy can move for the use, each at most `CHUNK` long."""
    for window in (use.charge, use.giveback):
        part = window.intersection(span)
        if part is not None:
            yield from _chunks(part)


def _chunks(interval: Interval) -> Iterator[Interval]:
    start = interval.start
    while start < interval.end:
        end = min(start + CHUNK, interval.end)
        yield Interval(start, end)
        start = end
