"""Metering: register readings become the energy of aligned intervals, and nothing is booked that can not have been.

Source: ENERGY 2.4. Two registers count AC watt-hours, energy in and energy out, and only ever grow. The rules:

1. A reading is accepted when, against the last accepted one, it has not fallen and has not grown by more than the
   power limit allows in the time between (plus 10 %, and the one watt-hour that whole numbers may hide).
2. A refused reading books nothing and never becomes the reference. So a meter that shows zero for a moment, or a
   spike, costs nothing; a register that was reset books nothing until it passes its old maximum or a person has
   confirmed a new meter. The first reading after such a change is accepted as it is, and the energy between the
   last reading before it and this one is not booked, since nobody metered it.
3. Between readings the register is a straight line. Its value at a boundary is rounded once, and an interval is
   the difference of two boundaries: intervals add up to the register difference exactly, whatever their length.
4. An interval beside a refused or suspect reading is QUESTIONABLE, one with a boundary between two readings is
   DERIVED, any other is VALID. Before the first and after the last reading there are no intervals.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

from energy.intervals import METER_INTERVALS_S, Interval, IntervalError, slots
from energy.offers import Quality
from energy.quantities import round_half_up

_POWER_MARGIN_PERCENT = 110
_RESOLUTION_WH = 1
_HOUR_US = 3_600_000_000
_MICROSECOND = timedelta(microseconds=1)


class ReadingQuality(IntEnum):
    """How an interval came to be, by its code in ESPI's QualityOfReading (ENERGY 2.4)."""

    VALID = 0
    EDITED = 7
    ESTIMATED = 8
    ESTIMATED_LINEAR = 9
    QUESTIONABLE = 10
    DERIVED = 11
    PROJECTED = 12
    RAW = 14
    VALIDATED = 17
    VERIFIED = 18


_MEASURED = frozenset({ReadingQuality.VALID, ReadingQuality.RAW, ReadingQuality.VALIDATED, ReadingQuality.VERIFIED})


@dataclass(frozen=True, slots=True)
class Sample:
    """What a battery's gateway read at one moment.

    ``soc`` is a fraction of one and ``power_w`` positive while charging; None is "unknown". The two registers are AC
    watt-hours since the meter was new; a source that has only one of them or none tells no energy. ``sequence``
    orders readings of the same moment: the highest one counts. ``temperature_c`` is the battery's.
    """

    battery_id: str
    measured_at: datetime
    soc: Decimal | None
    power_w: int | None
    energy_in_wh: int | None
    energy_out_wh: int | None
    quality: Quality
    source: str
    sequence: int
    temperature_c: Decimal | None = None

    @property
    def registers_wh(self) -> tuple[int, int] | None:
        """Both registers (in, out), or None: then the sample is no meter reading."""
        if self.energy_in_wh is None or self.energy_out_wh is None:
            return None
        return self.energy_in_wh, self.energy_out_wh


@dataclass(frozen=True, slots=True)
class MeterInterval:
    """The AC energy that went in and came out during one aligned interval; neither is ever negative."""

    interval: Interval
    energy_in_wh: int
    energy_out_wh: int
    quality: ReadingQuality

    @property
    def is_estimated(self) -> bool:
        """Whether a person should know that this interval was not simply read from the meter."""
        return self.quality not in _MEASURED


def intervals_of(
    samples: Sequence[Sample],
    window: Interval,
    step_s: int,
    power_limit_w: int,
    meter_changes: Sequence[datetime] = (),
) -> tuple[MeterInterval, ...]:
    """The intervals of ``step_s`` in the window for which there are readings on both sides, in order.

    ``samples`` are those of one battery in any order, from the last at or before the window's start to the first at
    or after its end; ``power_limit_w`` is the greatest AC power that the battery can have, either way;
    ``meter_changes`` are the moments from which a person has confirmed another meter.

    Raises:
        IntervalError: ``step_s`` is no meter interval, or the window is not aligned to it.
        ValueError: samples of different batteries.
    """
    if step_s not in METER_INTERVALS_S:
        raise IntervalError(f"meters count in intervals of {METER_INTERVALS_S} seconds, not {step_s}")
    readings = _readings(samples, power_limit_w, meter_changes)
    return tuple(_interval(readings, slot) for slot in slots(window, step_s) if readings.cover(slot))


def energy_between(
    samples: Sequence[Sample],
    start: datetime,
    end: datetime,
    power_limit_w: int,
    meter_changes: Sequence[datetime] = (),
) -> tuple[int, int]:
    """AC watt-hours (in, out) from ``start`` to ``end``, or for as much of that time as there are readings.

    By the same rules as `intervals_of`, so that it is the sum of the intervals between two boundaries.
    """
    readings = _readings(samples, power_limit_w, meter_changes)
    if not readings.moments:
        return 0, 0
    start, end = max(start, readings.moments[0]), min(end, readings.moments[-1])
    if start >= end:
        return 0, 0
    return readings.between(start, end)


def allocate(energy_wh: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Shares of ``energy_wh`` in proportion to the weights, which add up to it exactly (largest remainder).

    Of equal remainders the earlier one is rounded up.

    Raises:
        ValueError: negative energy or weight, or energy that has nobody to go to.
    """
    whole = sum(weights)
    if energy_wh < 0 or any(weight < 0 for weight in weights):
        raise ValueError("energy and weights to allocate are never negative")
    if whole == 0:
        if energy_wh:
            raise ValueError(f"{energy_wh} Wh can not be allocated: all weights are zero")
        return tuple(0 for _ in weights)
    shares = [energy_wh * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(energy_wh * weights[index] % whole))
    for index in by_remainder[: energy_wh - sum(shares)]:
        shares[index] += 1
    return tuple(shares)


@dataclass(frozen=True, slots=True)
class _Readings:
    """Readings by time: both registers as far as accepted (so they never fall), and which ones are in doubt."""

    moments: tuple[datetime, ...]
    in_wh: tuple[int, ...]
    out_wh: tuple[int, ...]
    doubtful: tuple[bool, ...]

    def cover(self, slot: Interval) -> bool:
        return bool(self.moments) and self.moments[0] <= slot.start and slot.end <= self.moments[-1]

    def between(self, start: datetime, end: datetime) -> tuple[int, int]:
        first, last = self._at(start), self._at(end)
        return last[0] - first[0], last[1] - first[1]

    def quality(self, slot: Interval) -> ReadingQuality:
        first = bisect_right(self.moments, slot.start) - 1
        last = bisect_left(self.moments, slot.end)
        if any(self.doubtful[first : last + 1]):
            return ReadingQuality.QUESTIONABLE
        exact = self.moments[first] == slot.start and self.moments[last] == slot.end
        return ReadingQuality.VALID if exact else ReadingQuality.DERIVED

    def _at(self, moment: datetime) -> tuple[int, int]:
        """Both registers at a moment within the readings, on the straight line between its neighbours."""
        after = bisect_left(self.moments, moment)
        if self.moments[after] == moment:
            return self.in_wh[after], self.out_wh[after]
        before = after - 1
        length = self.moments[after] - self.moments[before]
        share = Fraction((moment - self.moments[before]) // _MICROSECOND, length // _MICROSECOND)
        return _on_line(self.in_wh, before, share), _on_line(self.out_wh, before, share)


def _interval(readings: _Readings, slot: Interval) -> MeterInterval:
    energy_in_wh, energy_out_wh = readings.between(slot.start, slot.end)
    return MeterInterval(slot, energy_in_wh, energy_out_wh, readings.quality(slot))


def has_grown_plausibly(before: tuple[datetime, int], after: tuple[datetime, int], power_limit_w: int) -> bool:
    """Rule 1, of one register at two moments."""
    elapsed_us = (after[0] - before[0]) // _MICROSECOND
    delta_wh = after[1] - before[1]
    sure_wh = delta_wh - _RESOLUTION_WH
    return delta_wh >= 0 and sure_wh * _HOUR_US * 100 <= power_limit_w * elapsed_us * _POWER_MARGIN_PERCENT


def _readings(samples: Sequence[Sample], power_limit_w: int, meter_changes: Sequence[datetime]) -> _Readings:
    if len({sample.battery_id for sample in samples}) > 1:
        raise ValueError("these samples are of more than one battery")
    in_order = sorted(samples, key=lambda sample: (sample.measured_at, sample.sequence))
    latest = {sample.measured_at: sample for sample in in_order if sample.registers_wh is not None}
    moments = tuple(latest)
    both = [sample.registers_wh or (0, 0) for sample in latest.values()]
    changed = _first_after(moments, meter_changes)
    in_wh, in_refused = _accepted(moments, [one[0] for one in both], power_limit_w, changed)
    out_wh, out_refused = _accepted(moments, [one[1] for one in both], power_limit_w, changed)
    suspect = [sample.quality is Quality.SUSPECT for sample in latest.values()]
    doubtful = tuple(any(reasons) for reasons in zip(in_refused, out_refused, suspect, strict=True))
    return _Readings(moments, in_wh, out_wh, doubtful)


def _first_after(moments: Sequence[datetime], meter_changes: Sequence[datetime]) -> frozenset[int]:
    """The places of the first readings of new meters."""
    return frozenset(bisect_left(moments, change) for change in meter_changes)


def _accepted(
    moments: Sequence[datetime], registers_wh: Sequence[int], power_limit_w: int, changed: frozenset[int]
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Rules 1 and 2: the register as far as it is accepted, and whether each reading was refused.

    ``offset_wh`` carries the register on over a change of meters, so what is accepted never falls.
    """
    accepted_wh: list[int] = []
    refused: list[bool] = []
    reference: tuple[datetime, int] | None = None
    offset_wh = 0
    for place, (moment, register_wh) in enumerate(zip(moments, registers_wh, strict=True)):
        if reference is not None and place in changed:
            offset_wh = reference[1] - register_wh
        reading = moment, register_wh + offset_wh
        if reference is None or has_grown_plausibly(reference, reading, power_limit_w):
            reference = reading
        accepted_wh.append(reference[1])
        refused.append(reference != reading)
    return tuple(accepted_wh), tuple(refused)


def _on_line(values: Sequence[int], before: int, share: Fraction) -> int:
    return values[before] + round_half_up((values[before + 1] - values[before]) * share)
