"""What the meters counted for each contract: so far, for its live state, and in the end, for its bill.

The energy so far is kept in memory and grows with the samples, so that telling it costs the same after a week as after
an hour. After a restart it is made again from the samples. The bill does not use it: it reads all samples once more,
so that samples which came late count there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bpp.capacity import Booking
from bpp.contracts import Contract
from bpp.dispatch import live_state, quality_of
from bpp.shares import share_of
from bpp.store import fleet, samples
from energy.intervals import SLOT_S, Interval, align_down
from energy.metering import MeterInterval, ReadingQuality, Sample, energy_between, intervals_of
from energy.offers import LiveState, Quality, StorageUse
from node.database import Database

CHUNK = timedelta(hours=6)
"""As much trade time of samples is read at once, so that nothing else waits long."""
_SLOT = timedelta(seconds=SLOT_S)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A contract's energy up to a slot's end."""

    until: datetime
    energy_in_wh: int = 0
    energy_out_wh: int = 0

    def plus(self, part: MeterInterval) -> _Counted:
        """This and one more interval."""
        return _Counted(
            part.interval.end, self.energy_in_wh + part.energy_in_wh, self.energy_out_wh + part.energy_out_wh
        )


class Meters:
    """The meters of the fleet as its contracts see them; ``sample_period_s`` is trade time."""

    def __init__(self, database: Database, samples_database: Database, sample_period_s: int) -> None:
        self._database = database
        self._samples = samples_database
        self._sample_period_s = sample_period_s
        self._counted: dict[str, _Counted] = {}

    async def live(self, contract: Contract, sample: Sample, now: datetime) -> LiveState:
        """The contract's live state at trade time ``now``, by its battery's newest sample."""
        counted = await self._so_far(contract, sample.measured_at)
        return live_state(
            contract.plan,
            contract.listed.battery,
            sample,
            energy_in_wh=counted.energy_in_wh,
            energy_out_wh=counted.energy_out_wh,
            now=now,
            sample_period_s=self._sample_period_s,
        )

    async def latest(self, battery_id: str) -> Sample | None:
        """A battery's newest sample; None while it has sent nothing."""
        return await self._samples.read(lambda tx: samples.latest_of(tx, battery_id))

    async def latest_of_all(self) -> dict[str, Sample]:
        """The newest sample of each battery that has sent one."""
        return await self._samples.read(samples.latest)

    def quality(self, sample: Sample, now: datetime) -> Quality:
        """How far the sample may be trusted at trade time ``now``."""
        return quality_of(sample, now, self._sample_period_s)

    async def intervals(self, contract: Contract) -> tuple[MeterInterval, ...]:
        """The contract's part of every interval of its windows, from all samples that there are."""
        bookings = await self._bookings(contract)
        parts: list[MeterInterval] = []
        for window in (contract.use.charge, contract.use.giveback):
            taken = await self._readings(contract.battery_id, window)
            parts += await asyncio.to_thread(_parts, contract, bookings, taken, window)
        return tuple(parts)

    def forget(self, contract_id: str) -> None:
        """The contract is over."""
        self._counted.pop(contract_id, None)

    async def _so_far(self, contract: Contract, until: datetime) -> _Counted:
        counted = self._counted.get(contract.contract_id, _Counted(contract.use.charge.start))
        if until <= counted.until:
            return counted
        bookings = await self._bookings(contract)
        for window in _pieces(contract.use, Interval(counted.until, until)):
            taken = await self._readings(contract.battery_id, window)
            for part in _parts(contract, bookings, taken, window):
                if part.interval.end <= until:
                    self._counted[contract.contract_id] = counted.plus(part)
                counted = counted.plus(part)
        return counted

    async def _bookings(self, contract: Contract) -> list[Booking]:
        found = await self._database.read(
            lambda tx: fleet.committed_during(tx, contract.use.booked, contract.battery_id)
        )
        return [reservation.booking for reservation in found]

    async def _readings(self, battery_id: str, window: Interval) -> list[Sample]:
        reach = await self._samples.read(lambda tx: samples.reach_of(tx, battery_id, window))
        taken: list[Sample] = []
        for piece in _chunks(reach):
            taken += await self._samples.read(partial(samples.within, battery_id=battery_id, window=piece))
        return taken


def _parts(
    contract: Contract, bookings: Sequence[Booking], taken: Sequence[Sample], window: Interval
) -> list[MeterInterval]:
    """The contract's part of each of the meter's intervals; a last slot that is not over counts as far as it is."""
    battery, full_until = contract.listed.battery, align_down(window.end)
    limit_w = max(battery.charge_power_w, battery.discharge_power_w)
    counted: list[MeterInterval] = []
    if window.start < full_until:
        counted += intervals_of(taken, Interval(window.start, full_until), SLOT_S, limit_w)
    if full_until < window.end:
        moved = energy_between(taken, full_until, window.end, limit_w)
        counted.append(MeterInterval(Interval(full_until, full_until + _SLOT), *moved, ReadingQuality.DERIVED))
    return [share_of(contract.contract_id, bookings, each) for each in counted]


def _pieces(use: StorageUse, span: Interval) -> Iterator[Interval]:
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
