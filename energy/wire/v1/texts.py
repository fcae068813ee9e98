"""How single values look in a Beckn 1.1 message: times, durations, numbers, amounts and points as texts.

Rules:

- Numbers are decimal texts without exponent, of at most 24 characters: JSON numbers would be floats to many peers.
- Times are RFC 3339 in UTC with milliseconds and ``Z`` (INTEROP 7); what is finer than a millisecond is cut off.
- Durations are ISO 8601 in seconds. A point is "latitude,longitude" (Beckn core 1.1.1, Gps).

What can not be written raises `ValueError` (`energy.quantities.QuantityError` is one); so does what can not be read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from energy.intervals import Interval
from energy.offers import Place
from energy.quantities import Money, decimal_of, decimal_text

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?")
_GPS = re.compile(
    r"([-+]?(?:[1-8]?\d(?:\.\d+)?|90(?:\.0+)?)),\s*([-+]?(?:180(?:\.0+)?|(?:1[0-7]\d|[1-9]?\d)(?:\.\d+)?))"
)
_GPS_STEP = Decimal("0.000001")


def moment_text(moment: datetime) -> str:
    """``2026-11-20T10:00:00.000Z`` for a time that knows its zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no zone")
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def moment_of(text: str) -> datetime:
    """The time of an RFC 3339 text, in UTC."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError("it is not an RFC 3339 time with its zone")
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def duration_text(duration_s: int) -> str:
    """``900`` → ``"PT900S"``."""
    if duration_s < 0:
        raise ValueError(f"{duration_s} s is a negative duration")
    return f"PT{duration_s}S"


def duration_s_of(text: str) -> int:
    """``"PT15M"`` → ``900``. Days, hours, minutes and whole seconds; a month has no fixed length."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError("it is not an ISO 8601 duration in days, hours, minutes or seconds")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def whole_of(text: str) -> int:
    """The whole number of at most nine digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError("it is not a whole number")
    return int(text)


def number_text(value: Decimal) -> str:
    """The exact decimal text: ``Decimal("90.0")`` → ``"90"``."""
    text = decimal_text(value)
    decimal_of(text)
    return text


def kilo_text(value: int) -> str:
    """Watt-hours as kWh, watts as kW, metres as km: ``250`` → ``"0.25"``."""
    return number_text(Decimal(value).scaleb(-3))


def percent_text(share: Decimal) -> str:
    """A fraction of one as percent: ``Decimal("0.94")`` → ``"94"``."""
    return number_text(share.scaleb(2))


def money_text(amount: Money) -> str:
    """Major units with all decimals of the currency: ``"4755.00"``."""
    decimal_of(amount.text)
    return amount.text


def gps_text(place: Place) -> str:
    """``"12.9716,77.5946"``."""
    text = f"{number_text(place.latitude)},{number_text(place.longitude)}"
    if place_of(text) != place:
        raise ValueError(f"{text} has more than six decimals")
    return text


def place_of(text: str) -> Place:
    """The point of a Gps text, rounded to six decimals (0.1 m)."""
    match = _GPS.fullmatch(text)
    if match is None:
        raise ValueError("it is not 'latitude,longitude' in degrees")
    latitude, longitude = (decimal_of(part).quantize(_GPS_STEP) for part in match.groups())
    return Place(latitude, longitude)


def range_of(interval: Interval) -> dict[str, dict[str, str]]:
    """An interval as Beckn's Time."""
    return {"range": {"start": moment_text(interval.start), "end": moment_text(interval.end)}}
