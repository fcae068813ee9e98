"""The meters of running contracts, in memory: each sample is counted as it comes, and nothing is read for it.

Of every battery with an active contract the newest sample is kept, and the readings that its contracts have not counted
yet: those of the running slot, and the one before. A live state is made from these alone, so it costs the same after a
week as after an hour. What it begins with, after a start or when a contract is new, is read from the samples once.

A late sample counts here as long as its slot is not counted; the bill counts all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bpp.capacity import Booking
from bpp.contracts import Contract
from bpp.dispatch import live_state
from bpp.meters import Counted, Meters, Readings, parts_of, pieces
from energy.intervals import Interval, align_down
from energy.metering import Sample
from energy.offers import LiveState

KEPT_UNCOUNTED = 64
"""With more readings of a battery than this its contracts are counted on, so that the older ones can go."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class _Counting:
    """How far one contract is counted."""

    contract: Contract
    bookings: Sequence[Booking]
    counted: Counted


@dataclass(slots=True)
class _Battery:
    """What is known of a battery: ``recent`` are its readings of registers in order of time, no two of one moment."""

    newest: Sample | None = None
    recent: list[Sample] = field(default_factory=list)
    meter_changes: Sequence[datetime] = ()
    contracts: dict[str, _Counting] = field(default_factory=dict)


class LiveMeters:
    """See the module. ``follow`` a battery, ``hear`` its samples, ask for ``live``."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._batteries: dict[str, _Battery] = {}

    async def follow(self, battery_id: str, contracts: Iterable[Contract]) -> None:
        """Count for these contracts of the battery from now on, and for no others."""
        wanted = {contract.contract_id: contract for contract in contracts}
        if not wanted:
            self._batteries.pop(battery_id, None)
            return
        battery = self._batteries.get(battery_id)
        if battery is None:
            # It hears what comes while the rest is read.
            battery = self._batteries[battery_id] = _Battery()
            newest = await self._meters.latest(battery_id)
            if newest is not None:
                _hear(battery, newest)
        for contract in wanted.values():
            await self._begin(battery, contract)
        battery.contracts = {each: counting for each, counting in battery.contracts.items() if each in wanted}

    def hear(self, sample: Sample) -> bool:
        """Take a sample that was stored; whether it is the newest of a battery that is followed."""
        battery = self._batteries.get(sample.battery_id)
        if battery is None:
            return False
        is_newest = _hear(battery, sample)
        if len(battery.recent) > KEPT_UNCOUNTED and battery.contracts:
            _let_go(battery)
        return is_newest

    def newest(self, battery_id: str) -> Sample | None:
        """The newest sample of a battery that is followed."""
        battery = self._batteries.get(battery_id)
        return None if battery is None else battery.newest

    def kept(self, battery_id: str) -> int:
        """How many readings of a battery are in memory."""
        battery = self._batteries.get(battery_id)
        return 0 if battery is None else len(battery.recent)

    def follows(self, contract: Contract) -> bool:
        """Whether the contract is counted for as it is."""
        battery = self._batteries.get(contract.battery_id)
        counting = None if battery is None else battery.contracts.get(contract.contract_id)
        return counting is not None and counting.contract.use == contract.use

    def live(self, contract: Contract, now: datetime) -> LiveState | None:
        """The live state at trade time ``now`` of a contract that is followed; None while nothing was measured."""
        battery = self._batteries[contract.battery_id]
        sample = battery.newest
        if sample is None:
            return None
        counted = _count_on(battery, battery.contracts[contract.contract_id])
        return live_state(
            contract.plan,
            contract.listed.battery,
            sample,
            energy_in_wh=counted.energy_in_wh,
            energy_out_wh=counted.energy_out_wh,
            now=now,
            sample_period_s=self._meters.sample_period_s,
        )

    def forget_all(self) -> None:
        """What was counted may be counted otherwise now: a person has confirmed another meter."""
        self._batteries.clear()

    async def _begin(self, battery: _Battery, contract: Contract) -> None:
        bookings = await self._meters.bookings(contract)
        known = battery.contracts.get(contract.contract_id)
        if known is not None and known.contract.use == contract.use:
            known.contract, known.bookings = contract, bookings
            return
        begun, newest = contract.use.charge.start, battery.newest
        counted = Counted(begun)
        if newest is None or newest.measured_at <= begun:
            battery.meter_changes = await self._meters.changes(contract.battery_id)
        else:
            counted = await self._meters.counted_until(contract, align_down(newest.measured_at))
            running = Interval(counted.until, newest.measured_at + _MICROSECOND)
            tail = await self._meters.readings(contract.battery_id, running)
            for sample in tail.samples:
                _hear(battery, sample)
            battery.meter_changes = tail.meter_changes
        battery.contracts[contract.contract_id] = _Counting(contract, bookings, counted)


def _hear(battery: _Battery, sample: Sample) -> bool:
    """Put the sample in its place; whether it is the newest. Of two of a moment the higher sequence counts."""
    if sample.registers_wh is not None:
        _keep(battery.recent, sample)
    is_newest = battery.newest is None or _order(sample) > _order(battery.newest)
    if is_newest:
        battery.newest = sample
    return is_newest


def _keep(recent: list[Sample], sample: Sample) -> None:
    if not recent or sample.measured_at > recent[-1].measured_at:
        recent.append(sample)
        return
    place = bisect_left(recent, sample.measured_at, key=lambda one: one.measured_at)
    if recent[place].measured_at != sample.measured_at:
        recent.insert(place, sample)
    elif recent[place].sequence < sample.sequence:
        recent[place] = sample


def _order(sample: Sample) -> tuple[datetime, int]:
    return sample.measured_at, sample.sequence


def _count_on(battery: _Battery, counting: _Counting) -> Counted:
    """What the contract has moved up to the last reading; its slots that are over by then are counted for good."""
    contract, counted = counting.contract, counting.counted
    if not battery.recent or battery.recent[-1].measured_at <= counted.until:
        return counted
    until, readings, whole = battery.recent[-1].measured_at, Readings(battery.recent, battery.meter_changes), counted
    for window in pieces(contract.use, Interval(counted.until, until)):
        for part in parts_of(contract, counting.bookings, readings, window):
            if part.interval.end <= until:
                whole = whole.plus(part)
            counted = counted.plus(part)
    counting.counted = replace(whole, until=max(align_down(until), counting.counted.until))
    return counted


def _let_go(battery: _Battery) -> None:
    """Count all contracts on, and drop the readings that none of them needs any more."""
    for counting in battery.contracts.values():
        _count_on(battery, counting)
    needed_from = min(counting.counted.until for counting in battery.contracts.values())
    after = bisect_right(battery.recent, needed_from, key=lambda one: one.measured_at)
    # The one before is where the line to the next begins.
    del battery.recent[: max(after - 1, 0)]
