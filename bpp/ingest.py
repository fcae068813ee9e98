"""The one way in for samples: whatever the protocol, they are judged and stored here, and operation hears of it.

1. A sample of a battery that is not in this fleet, or of a time that can not be, is *set aside*: kept as it came until
   the operator adds the battery or says how far the clock was wrong (`replay`). Nothing that was read is lost.
2. The others are judged (`energy.plausibility`) and stored in the same transaction, in pieces of `CHUNK`. What is
   doubted is stored as it came, with the quality "suspect", and noted as a problem of the battery.
3. After the commit whoever listens (`observers`) is handed the samples that were news, as they were stored.

Taking the same samples again changes nothing, so senders repeat what they are not sure of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from bpp.settings import TelemetrySettings
from bpp.store import fleet, meters, samples
from energy.metering import Sample
from energy.offers import CancellationTerms, Quality
from energy.plausibility import Judgement, Limits, MeterState, judge
from node.clocks import Clocks
from node.database import Database
from node.telemetry.intake import Flagged, Receipt, Refusal, Rejection

CHUNK = 200
"""As many samples are judged and stored in one function, which then takes a few ten milliseconds."""
FLEET_FRESH = timedelta(seconds=30)
STRANGER_FRESH = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a battery id, and until when that is believed; no limits: it is not in the fleet."""

    limits: Limits | None
    until: datetime


class Ingest:
    """The intake of one operator's platform (`node.telemetry.intake.Intake`)."""

    def __init__(
        self,
        database: Database,
        samples_database: Database,
        clocks: Clocks,
        settings: TelemetrySettings,
        cancellation: CancellationTerms,
    ) -> None:
        self._database = database
        self._samples = samples_database
        self._clocks = clocks
        self._settings = settings
        self._cancellation = cancellation
        self._fleet: dict[str, _Known] = {}
        self.observers: list[Callable[[Sequence[Sample]], None]] = []
        self.without_room = 0
        """How many samples could not even be set aside, since the start."""

    async def take(self, samples: Sequence[Sample]) -> Receipt:
        """Judge and store samples; what can not be taken is set aside and told by its index."""
        limits = await self._limits({sample.battery_id for sample in samples})
        rejected = self._refused(samples, limits)
        if rejected:
            await self._set_aside([(samples[one.index], one) for one in rejected])
        refused = {one.index for one in rejected}
        places = [index for index in range(len(samples)) if index not in refused]
        accepted, flagged = 0, []
        for start in range(0, len(places), CHUNK):
            chunk = places[start : start + CHUNK]
            stored, doubted = await self._store([samples[index] for index in chunk], limits)
            accepted += len(stored)
            flagged += [replace(one, index=chunk[one.index]) for one in doubted]
        return Receipt(accepted, len(places) - accepted, tuple(rejected), tuple(flagged))

    async def replay(self, battery_id: str, shift: timedelta) -> Receipt:
        """Take what was set aside of a battery, with its times moved by ``shift``; what is still refused stays."""
        after, total = None, Receipt(0, 0)
        while kept := await self._samples.read(
            partial(meters.set_aside_of, battery_id=battery_id, after=after, limit=CHUNK)
        ):
            originals = [one.sample for one in kept]
            after = originals[-1].measured_at
            moved = [replace(one, measured_at=one.measured_at + shift) for one in originals]
            limits = await self._limits({battery_id})
            refused = {one.index: one for one in self._refused(moved, limits)}
            ready = [index for index in range(len(moved)) if index not in refused]
            receipt = await self.take([moved[index] for index in ready])
            keys = [samples.key_of(originals[index]) for index in ready]
            await self._drop_set_aside(keys)
            total = Receipt(
                total.accepted + receipt.accepted,
                total.duplicates + receipt.duplicates,
                (*total.rejected, *refused.values()),
                (*total.flagged, *receipt.flagged),
            )
        return total

    # What is handed to the writer is named in the log when it takes long, so it must not carry samples in its name.
    async def _store(self, taken: Sequence[Sample], limits: Mapping[str, Limits]) -> tuple[list[Sample], list[Flagged]]:
        stored, doubted = await self._samples.write(lambda tx: _store(tx, taken, limits))
        for heard in self.observers:
            heard(stored)
        return stored, doubted

    async def _drop_set_aside(self, keys: Sequence[samples.Key]) -> None:
        await self._samples.write(lambda tx: meters.drop_set_aside(tx, keys))

    def _refused(self, samples: Sequence[Sample], limits: Mapping[str, Limits]) -> list[Rejection]:
        now = self._clocks.wire()
        latest = self._clocks.trade_at(now + timedelta(seconds=self._settings.ahead_s))
        earliest = latest - timedelta(days=self._settings.behind_days)
        rejected = []
        for index, sample in enumerate(samples):
            refusal = _refusal(sample, limits, earliest, latest)
            if refusal is not None:
                rejected.append(Rejection(index, *refusal))
        return rejected

    async def _set_aside(self, refused: Sequence[tuple[Sample, Rejection]]) -> None:
        for start in range(0, len(refused), CHUNK):
            self.without_room += await self._put_aside(refused[start : start + CHUNK])

    async def _put_aside(self, refused: Sequence[tuple[Sample, Rejection]]) -> int:
        now, most = self._clocks.wire(), self._settings.set_aside_max
        return await self._samples.write(lambda tx: meters.put_aside(tx, refused, now, most))

    async def _limits(self, battery_ids: set[str]) -> dict[str, Limits]:
        """The limits of those of the batteries that are in the fleet."""
        now = self._clocks.wire()
        wanted = [one for one in battery_ids if one not in self._fleet or now >= self._fleet[one].until]
        for start in range(0, len(wanted), CHUNK):
            await self._read_fleet(wanted[start : start + CHUNK], now)
        found = {battery_id: self._fleet[battery_id].limits for battery_id in battery_ids}
        self._forget_strangers(now)
        return {battery_id: limits for battery_id, limits in found.items() if limits is not None}

    async def _read_fleet(self, battery_ids: Sequence[str], now: datetime) -> None:
        listed = await self._database.read(lambda tx: fleet.listed_of(tx, self._cancellation, battery_ids))
        for battery_id in battery_ids:
            if battery_id in listed:
                self._fleet[battery_id] = _Known(Limits.of(listed[battery_id].battery), now + FLEET_FRESH)
            else:
                self._fleet[battery_id] = _Known(None, now + STRANGER_FRESH)

    def _forget_strangers(self, now: datetime) -> None:
        """Ids that anybody may make up must not fill the memory."""
        strangers = [one for one, known in self._fleet.items() if known.limits is None and now >= known.until]
        for battery_id in strangers:
            del self._fleet[battery_id]


def _refusal(
    sample: Sample, limits: Mapping[str, Limits], earliest: datetime, latest: datetime
) -> tuple[Refusal, str] | None:
    if sample.battery_id not in limits:
        sentence = (
            f"battery_id {sample.battery_id[:64]} is not in this fleet: it is unknown or another operator's. Its "
            "samples are set aside; add the battery and replay them."
        )
        return Refusal.UNKNOWN_BATTERY, sentence
    if sample.measured_at > latest:
        ahead = _length(sample.measured_at - latest)
        sentence = (
            f"measured_at lies in the future of trade time, by {ahead}: set the meter's clock. The sample is set aside."
        )
        return Refusal.CLOCK_AHEAD, sentence
    if sample.measured_at < earliest:
        behind = _length(latest - sample.measured_at)
        return Refusal.CLOCK_BEHIND, f"measured_at is {behind} old: set the meter's clock. The sample is set aside."
    return None


def _length(length: timedelta) -> str:
    if length >= timedelta(days=365):
        return f"{length.days // 365} years and {length.days % 365} days"
    return f"{length.days} days" if length >= timedelta(days=2) else f"{length // timedelta(seconds=1)} s"


def _store(tx: Connection, taken: Sequence[Sample], limits: Mapping[str, Limits]) -> tuple[list[Sample], list[Flagged]]:
    """One piece: judged in order of time, stored, and its problems noted."""
    states = meters.states(tx, {sample.battery_id for sample in taken})
    judgements = _judged(taken, limits, states)
    doubtful = {index: one for index, one in judgements.items() if one.findings}
    flagged = [
        replace(sample, quality=_doubted(sample.quality)) if index in doubtful else sample
        for index, sample in enumerate(taken)
    ]
    doubts = {index: ",".join(finding.doubt for finding in one.findings) for index, one in doubtful.items()}
    stored = samples.store(tx, flagged, doubts)
    meters.save_states(tx, {taken[index].battery_id: one.state for index, one in judgements.items()})
    news = {index: one for index, one in doubtful.items() if samples.key_of(taken[index]) in stored}
    meters.note_problems(tx, [(taken[index], finding) for index, one in news.items() for finding in one.findings])
    told = [_flag(index, doubtful[index]) for index in sorted(doubtful)]
    return [one for one in flagged if samples.key_of(one) in stored], told


def _judged(
    taken: Sequence[Sample], limits: Mapping[str, Limits], states: dict[str, MeterState]
) -> dict[int, Judgement]:
    """The judgement on each sample by its place; the last one of a battery has the state to keep."""
    judgements = {}
    for index in sorted(range(len(taken)), key=lambda place: (taken[place].measured_at, taken[place].sequence)):
        sample = taken[index]
        judgement = judge(limits[sample.battery_id], states.get(sample.battery_id), sample)
        states[sample.battery_id] = judgement.state
        judgements[index] = judgement
    return judgements


def _doubted(quality: Quality) -> Quality:
    return Quality.SUSPECT if quality is Quality.FRESH else quality


def _flag(index: int, judgement: Judgement) -> Flagged:
    return Flagged(
        index,
        tuple(finding.doubt.value for finding in judgement.findings),
        tuple(finding.sentence for finding in judgement.findings),
    )
