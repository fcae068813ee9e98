"""Rollups: a battery's samples told by the minute, and by 5, 15 and 60 of them, so that a year is quick to read.

1. A rollup is made of samples and of nothing else, so rolling them again, with one more that came late, is all it
   takes to mend it.
2. Energy is what the registers grew by. The growth between two accepted readings belongs to the minute of the later
   one; which readings are accepted is said by `energy.metering`, rules 1 and 2. So rollups of any length add up to the
   growth of the registers, and the energy of a silence shows where the meter was heard again.
3. Least, mean, most and last are those of the samples that tell the value: unknown is no zero. What was measured is
   never clamped, and a suspect sample counts like any other; ``trusted`` says how many were not doubted.
4. The longer steps are merged from the shorter ones, which loses nothing (`merged`).

State of charge is in millionths here, so that sums of many samples stay whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from energy.intervals import align_down
from energy.metering import Sample, has_grown_plausibly
from energy.offers import Quality
from energy.quantities import round_half_up

MINUTE_S = 60
SLOT_S = 300
"""What is rolled at once: late samples make this much anew."""
STEPS_S = (MINUTE_S, SLOT_S, 900, 3_600)
_MILLION = 1_000_000


class Spread(NamedTuple):
    """The values of some samples, at least one: how many, their sum, the least, the most, and the last in time."""

    number: int
    total: int
    least: int
    most: int
    last: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Spread | None:
        """The spread of values in order of time; None when there are none."""
        return cls(len(values), sum(values), min(values), max(values), values[-1]) if values else None

    @property
    def mean(self) -> int:
        """The mean, halves rounded up."""
        return (2 * self.total + self.number) // (2 * self.number)


class RegisterReading(NamedTuple):
    """Both registers at a moment, as the meter told them."""

    at: datetime
    energy_in_wh: int
    energy_out_wh: int


class Rollup(NamedTuple):
    """``step_s`` seconds of one battery from ``start`` on, in which it has sent at least one sample.

    ``trusted`` is how many of the ``samples`` were not doubted. ``soc_millionths`` and ``power_w`` (positive while
    charging) are None when no sample told them. ``reading`` is the last reading in it that was accepted.
    """

    start: datetime
    step_s: int
    samples: int
    trusted: int
    soc_millionths: Spread | None
    power_w: Spread | None
    energy_in_wh: int
    energy_out_wh: int
    reading: RegisterReading | None


def roll(
    samples: Iterable[Sample],
    before: RegisterReading | None,
    power_limit_w: int,
    meter_changes: Sequence[datetime] = (),
) -> tuple[Rollup, ...]:
    """The minutes of one battery's samples, in order.

    ``before`` is the last accepted reading before them; without one their first reading books nothing.
    ``power_limit_w`` and ``meter_changes`` are as for `energy.metering.intervals_of`. Of two samples of one moment the
    one with the higher sequence counts.
    """
    in_order = sorted(samples, key=lambda sample: (sample.measured_at, sample.sequence))
    counting = {sample.measured_at: sample for sample in in_order}.values()
    rolled: list[Rollup] = []
    last = before
    for start, minute in groupby(counting, key=lambda sample: align_down(sample.measured_at, MINUTE_S)):
        rolled.append(_minute(start, list(minute), last, power_limit_w, meter_changes))
        last = rolled[-1].reading or last
    return tuple(rolled)


def merged(rollups: Sequence[Rollup], step_s: int) -> tuple[Rollup, ...]:
    """The same in steps of ``step_s``, a multiple of the steps that they have; in order, as they must be."""
    by_start = groupby(rollups, key=lambda rollup: align_down(rollup.start, step_s))
    return tuple(_merged(start, step_s, list(parts)) for start, parts in by_start)


def _minute(
    start: datetime,
    samples: Sequence[Sample],
    before: RegisterReading | None,
    power_limit_w: int,
    meter_changes: Sequence[datetime],
) -> Rollup:
    last, energy_in_wh, energy_out_wh = before, 0, 0
    for reading in _readings(samples):
        grown_wh = _grown_wh(last, reading, power_limit_w, meter_changes)
        if grown_wh is not None:
            last, energy_in_wh, energy_out_wh = reading, energy_in_wh + grown_wh[0], energy_out_wh + grown_wh[1]
    return Rollup(
        start=start,
        step_s=MINUTE_S,
        samples=len(samples),
        trusted=sum(sample.quality is not Quality.SUSPECT for sample in samples),
        soc_millionths=Spread.of([round_half_up(each.soc * _MILLION) for each in samples if each.soc is not None]),
        power_w=Spread.of([each.power_w for each in samples if each.power_w is not None]),
        energy_in_wh=energy_in_wh,
        energy_out_wh=energy_out_wh,
        reading=None if last is before else last,
    )


def _readings(samples: Iterable[Sample]) -> Iterator[RegisterReading]:
    for sample in samples:
        if sample.registers_wh is not None:
            yield RegisterReading(sample.measured_at, *sample.registers_wh)


def _grown_wh(
    last: RegisterReading | None, reading: RegisterReading, power_limit_w: int, meter_changes: Sequence[datetime]
) -> tuple[int, int] | None:
    """What both registers grew by, nothing where another meter begins; None: the reading is refused."""
    if last is None or any(last.at < changed_at <= reading.at for changed_at in meter_changes):
        return 0, 0
    registers = ((last.energy_in_wh, reading.energy_in_wh), (last.energy_out_wh, reading.energy_out_wh))
    if not all(has_grown_plausibly((last.at, old), (reading.at, new), power_limit_w) for old, new in registers):
        return None
    return reading.energy_in_wh - last.energy_in_wh, reading.energy_out_wh - last.energy_out_wh


def _merged(start: datetime, step_s: int, parts: Sequence[Rollup]) -> Rollup:
    readings = [part.reading for part in parts if part.reading is not None]
    return Rollup(
        start=start,
        step_s=step_s,
        samples=sum(part.samples for part in parts),
        trusted=sum(part.trusted for part in parts),
        soc_millionths=_together([part.soc_millionths for part in parts]),
        power_w=_together([part.power_w for part in parts]),
        energy_in_wh=sum(part.energy_in_wh for part in parts),
        energy_out_wh=sum(part.energy_out_wh for part in parts),
        reading=readings[-1] if readings else None,
    )


def _together(spreads: Iterable[Spread | None]) -> Spread | None:
    known = [spread for spread in spreads if spread is not None]
    if not known:
        return None
    return Spread(
        number=sum(spread.number for spread in known),
        total=sum(spread.total for spread in known),
        least=min(spread.least for spread in known),
        most=max(spread.most for spread in known),
        last=known[-1].last,
    )
