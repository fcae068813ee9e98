"""Time: half-open intervals in UTC, and the aligned slots that meters and the capacity book count in.

An interval contains its start and not its end, so neighbours never overlap and never leave a gap. Local
time exists for display and time-of-use only (ENERGY 2.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

SLOT_S = 900
METER_INTERVALS_S = (300, 900, 1800, 3600)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IntervalError(ValueError):
    """Not an interval: no zone, or it ends before it begins, or it is not aligned."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """``[start, end)`` in UTC; both aware, start before end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is UTC and self.end.tzinfo is UTC and self.start < self.end:
            return  # Nearly always. What follows is for other spellings of UTC, and for what is wrong.
        for moment in (self.start, self.end):
            if moment.utcoffset() != timedelta(0):
                raise IntervalError(f"{moment.isoformat()} is not in UTC")
        if self.end <= self.start:
            raise IntervalError(f"{self.start.isoformat()} to {self.end.isoformat()} is empty or runs backwards")

    @property
    def duration_s(self) -> Decimal:
        """Length in seconds, exact to the microsecond."""
        return seconds(self.end - self.start)

    @property
    def hours(self) -> Decimal:
        """Length in hours."""
        return self.duration_s / 3600

    def contains(self, moment: datetime) -> bool:
        """Whether ``start <= moment < end``."""
        return self.start <= moment < self.end

    def overlaps(self, other: Interval) -> bool:
        """Whether some moment lies in both."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: Interval) -> Interval | None:
        """What lies in both, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None


def seconds(delta: timedelta) -> Decimal:
    """A duration in exact seconds."""
    return Decimal(delta.days * 86_400 + delta.seconds) + Decimal(delta.microseconds) / 1_000_000


def align_down(moment: datetime, step_s: int = SLOT_S) -> datetime:
    """The latest multiple of ``step_s`` since the epoch that is not after ``moment``."""
    step = timedelta(seconds=step_s)
    return _EPOCH + (moment - _EPOCH) // step * step


def align_up(moment: datetime, step_s: int = SLOT_S) -> datetime:
    """The earliest multiple of ``step_s`` since the epoch that is not before ``moment``."""
    down = align_down(moment, step_s)
    return down if down == moment else down + timedelta(seconds=step_s)


def is_aligned(interval: Interval, step_s: int = SLOT_S) -> bool:
    """Whether both ends are multiples of ``step_s``."""
    return align_down(interval.start, step_s) == interval.start and align_down(interval.end, step_s) == interval.end


def slots(interval: Interval, step_s: int = SLOT_S) -> Iterator[Interval]:
    """The slots of ``step_s`` that tile an aligned interval, in order.

    Raises:
        IntervalError: the interval is not aligned.
    """
    if not is_aligned(interval, step_s):
        raise IntervalError(f"{interval.start.isoformat()} to {interval.end.isoformat()} is not aligned to {step_s} s")
    step, start = timedelta(seconds=step_s), interval.start
    while start < interval.end:
        yield Interval(start, start + step)
        start += step
