"""Time of use and seasons: at which times, in local time, a rate is valid (ENERGY 2.3).

Everything else in the trade is UTC; only here does the wall clock of a place matter. All time zones are whole quarters
of an hour away from UTC, so a piece of time is cut at full quarters, or at local midnights when no time of day counts.
On the days when clocks are changed a local day has 23 or 25 hours, and every one of them is counted once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from energy.intervals import SLOT_S, Interval, align_down

DAY_MINUTES = 1_440
ALWAYS = "always"
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_QUARTER_MINUTES = 15


@dataclass(frozen=True, slots=True)
class When:
    """Months (1 to 12), days of the week (1 is Monday) and minutes of the local day; empty: all of them.

    The minutes run from ``from_minute`` up to, but without, ``until_minute``; over midnight where that is earlier.

    Raises:
        ValueError: a month, day or minute that does not exist, or minutes that are no full quarters.
    """

    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    from_minute: int = 0
    until_minute: int = DAY_MINUTES

    def __post_init__(self) -> None:
        if not all(1 <= month <= 12 for month in self.months):
            raise ValueError(f"months are 1 to 12, not {self.months}")
        if not all(1 <= day <= 7 for day in self.weekdays):
            raise ValueError(f"days of the week are 1 (Monday) to 7, not {self.weekdays}")
        for minute in (self.from_minute, self.until_minute):
            if not 0 <= minute <= DAY_MINUTES or minute % _QUARTER_MINUTES:
                raise ValueError(f"minute {minute} of the day is no full quarter of an hour from 0 to {DAY_MINUTES}")
        if self.from_minute == self.until_minute:
            raise ValueError(f"a time of day from minute {self.from_minute} to the same minute is empty")

    @property
    def is_all_day(self) -> bool:
        """Whether the time of day does not matter."""
        return (self.from_minute, self.until_minute) == (0, DAY_MINUTES)

    def holds(self, local: datetime) -> bool:
        """Whether the local time is one of these."""
        if self.months and local.month not in self.months:
            return False
        if self.weekdays and local.isoweekday() not in self.weekdays:
            return False
        minute = local.hour * 60 + local.minute
        if self.from_minute < self.until_minute:
            return self.from_minute <= minute < self.until_minute
        return minute >= self.from_minute or minute < self.until_minute


@lru_cache(maxsize=4096)
def times(interval: Interval, zone: str, when: When) -> tuple[Interval, ...]:
    """The parts of the interval at which ``when`` holds in the time zone, in order; neighbours are one part."""
    place = ZoneInfo(zone)
    found: list[Interval] = []
    for piece in _local_days(interval, place) if when.is_all_day else _quarters(interval):
        if not when.holds(piece.start.astimezone(place)):
            continue
        if found and found[-1].end == piece.start:
            piece = Interval(found.pop().start, piece.end)
        found.append(piece)
    return tuple(found)


def check_zone(zone: str) -> None:
    """Refuse a time zone that is not known here.

    Raises:
        ValueError: no name of the IANA time zone database.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{zone[:40]!r} is not a time zone such as Asia/Kolkata") from None


def when_text(when: When | None) -> str:
    """The time as one text: None is ``always``, a peak on workdays in winter
    ``months=11,12 days=1,2,3,4,5 time=06:00-22:00``. Days count from Monday = 1; ``24:00`` is the day's end.
    """
    if when is None:
        return ALWAYS
    parts = []
    if when.months:
        parts.append(f"months={_list_text(when.months)}")
    if when.weekdays:
        parts.append(f"days={_list_text(when.weekdays)}")
    if not when.is_all_day:
        parts.append(f"time={_clock_text(when.from_minute)}-{_clock_text(when.until_minute)}")
    return " ".join(parts) or "time=00:00-24:00"


def when_of(text: str) -> When | None:
    """The inverse of `when_text`.

    Raises:
        ValueError: it is no such text.
    """
    if text == ALWAYS:
        return None
    months: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    minutes = (0, DAY_MINUTES)
    for part in text.split(" "):
        name, _, value = part.partition("=")
        if name == "months":
            months = _list_of(value)
        elif name == "days":
            days = _list_of(value)
        elif name == "time":
            minutes = _minutes_of(value)
        else:
            raise ValueError(f"{part[:40]!r} limits no time")
    return When(months, days, *minutes)


def _list_text(numbers: tuple[int, ...]) -> str:
    return ",".join(str(number) for number in numbers)


def _list_of(text: str) -> tuple[int, ...]:
    return tuple(_number(number) for number in text.split(","))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise ValueError(f"{text[:40]!r} is no month or day")
    return int(text)


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _minutes_of(text: str) -> tuple[int, int]:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no time of day such as 06:00-22:00")
    hours, minutes, until_hours, until_minutes = (int(group) for group in match.groups())
    return hours * 60 + minutes, until_hours * 60 + until_minutes


def _quarters(interval: Interval) -> Iterator[Interval]:
    start = interval.start
    while start < interval.end:
        end = min(align_down(start) + timedelta(seconds=SLOT_S), interval.end)
        yield Interval(start, end)
        start = end


def _local_days(interval: Interval, place: ZoneInfo) -> Iterator[Interval]:
    start = interval.start
    while start < interval.end:
        tomorrow = start.astimezone(place).date() + timedelta(days=1)
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=place).astimezone(UTC)
        end = min(midnight, interval.end)
        yield Interval(start, end)
        start = end
