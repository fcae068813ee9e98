"""The words of a printed invoice: titles that a payer understands, grouped amounts, dates as people write them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from energy.quantities import Money, decimal_text
from energy.tariffs import LineTitle

_RUPEE = "INR"
_FIRST_GROUP = 3

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
TITLES = MappingProxyType(
    {
        LineTitle.CAPACITY: "Storage capacity kept free",
        LineTitle.THROUGHPUT: "Energy moved",
        LineTitle.POWER: "Power kept free",
        LineTitle.PLATFORM: "Service fee",
        LineTitle.WHEELING: "Use of the grid (wheeling)",
        LineTitle.IMBALANCE_PENALTY: "Deviation from the plan",
        LineTitle.RTE_ADJUSTMENT: "Energy that was guaranteed and not returned",
        LineTitle.AVAILABILITY_CREDIT: "Credit for missing availability",
        LineTitle.CANCELLATION_FEE: "Cancellation fee",
        LineTitle.LATE_FEE: "Late payment",
        LineTitle.OCCUPANCY: "Adjustment by occupancy",
        LineTitle.MINIMUM: "To the minimum charge",
        LineTitle.DISCOUNT: "Discount",
        LineTitle.ROUNDING: "Rounding",
        LineTitle.UNITEMISED: "Charge",
    }
)


def title(code: str) -> str:
    """What a line is for: ``"STORAGE_CAPACITY_CHARGE"`` → ``"Storage capacity kept free"``; taxes keep their names."""
    return TITLES.get(LineTitle(code), code)


def grouped(number: str, currency: str | None = None) -> str:
    """``"123456.70"`` → ``"123,456.70"``; rupees as India groups them, ``"1,23,456.70"``."""
    sign, digits = ("−", number[1:]) if number.startswith("-") else ("", number)
    whole, dot, fraction = digits.partition(".")
    head, tail = whole[:-_FIRST_GROUP], whole[-_FIRST_GROUP:]
    size = 2 if currency == _RUPEE else _FIRST_GROUP
    groups: list[str] = []
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    return sign + ",".join([*groups, tail]) + dot + fraction


def amount(text: str, currency: str) -> str:
    """``("5610.90", "INR")`` → ``"INR 5,610.90"``."""
    return f"{currency} {grouped(text, currency)}"


def quantity(text: str | None, unit: str | None, currency: str) -> str:
    """How much a line counts: ``"50 kWh-month"``; of a percentage the amount that it is of."""
    if text is None:
        return ""
    if unit == "%":
        return f"of {grouped(Money.parse(text, currency).text, currency)}"
    return f"{grouped(text)} {unit or ''}".strip()


def rate(text: str | None, unit: str | None, currency: str) -> str:
    """The price of one: ``"90"``; of a percentage ``"9 %"``."""
    if text is None:
        return ""
    return f"{grouped(text)} %" if unit == "%" else grouped(text, currency)


def day(text: str) -> str:
    """``"2026-11-06"`` → ``"6 November 2026"``."""
    return _day(date.fromisoformat(text))


def moment(text: str, zone: str) -> str:
    """``"2026-11-06T02:00:00Z"`` → ``"6 November 2026, 07:30"`` in that time zone."""
    there = local(_moment(text), zone)
    return f"{_day(there.date())}, {there:%H:%M}"


def local_date(text: str, zone: str) -> str:
    """The date of a time of the document in that time zone: ``"2026-11-06"``."""
    return local(_moment(text), zone).date().isoformat()


def local(moment: datetime, zone: str) -> datetime:
    """The moment in that time zone."""
    return moment.astimezone(ZoneInfo(zone))


def kwh(energy_wh: int) -> str:
    """``263744`` → ``"263.744 kWh"``."""
    return f"{grouped(decimal_text(Decimal(energy_wh) / 1000))} kWh"


def percent(share: str | None) -> str:
    """``"0.879147"`` → ``"87.9 %"``; a dash where it is not known."""
    if share is None:
        return "–"
    return f"{decimal_text((Decimal(share) * 100).quantize(Decimal('0.1')))} %"


def _day(value: date) -> str:
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
