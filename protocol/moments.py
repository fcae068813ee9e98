"""Timestamps and durations as Beckn writes them: RFC 3339 in UTC with milliseconds and ``Z``, ISO 8601 durations.

Reading is tolerant about precision and offset.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_DURATION = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?"
    r"(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_DAYS_OF_A_YEAR = 365
_DAYS_OF_A_MONTH = 30


def timestamp_text(moment: datetime) -> str:
    """``2026-11-20T10:00:00.000Z``; sub-milliseconds are cut off, so a text never lies in the future."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_timestamp(text: str, zone: tzinfo = UTC) -> datetime:
    """An RFC 3339 time in UTC; one that names no zone is of ``zone`` (ENERGY 1.2, D15).

    Raises:
        ValueError: not such a time.
    """
    if len(text) > 40 or _TIMESTAMP.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not an RFC 3339 time")
    moment = datetime.fromisoformat(text.replace("z", "Z"))
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from None


def has_zone(text: str) -> bool:
    """Whether a time that `parse_timestamp` reads names its zone."""
    match = _TIMESTAMP.fullmatch(text)
    return match is not None and match[2] is not None


def duration_text(duration: timedelta) -> str:
    """``PT30S``, ``PT1.5S``: always in seconds, so that reading it needs no calendar."""
    whole, micros = divmod(duration // timedelta(microseconds=1), 1_000_000)
    fraction = f".{micros:06d}".rstrip("0") if micros else ""
    return f"PT{whole}{fraction}S"


@lru_cache(maxsize=256)
def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration; a year counts 365 days and a month 30, since a lifetime has no calendar.

    Raises:
        ValueError: not such a duration, or an empty one (``P``, ``PT``).
    """
    match = _DURATION.fullmatch(text) if len(text) <= 40 else None
    if match is None or not any(match.groups()) or text.endswith("T"):
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 duration")
    years, months, weeks, days, hours, minutes, secs = match.groups()
    whole_days = (
        int(years or 0) * _DAYS_OF_A_YEAR + int(months or 0) * _DAYS_OF_A_MONTH + int(weeks or 0) * 7 + int(days or 0)
    )
    micros = int(Decimal(secs or 0) * 1_000_000)
    return timedelta(days=whole_days, hours=int(hours or 0), minutes=int(minutes or 0), microseconds=micros)
