"""Reports of an operator: what is unpaid and how long, payments against documents, and each battery's energy by month.

All of them are computed from what was issued and booked; nothing is kept for them. Energy is what the bills stand on,
counted in the month of its interval where the books are kept. What a kWh that came back is worth for the climate is the
operator's own factor, named with each figure that was made by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from energy.payments import Due, Payment, Use
from energy.quantities import decimal_text, round_half_up
from protocol.moments import parse_timestamp, timestamp_text

Rows = list[dict[str, str | int | None]]
Columns = Mapping[str, type]
AGEING: Columns = MappingProxyType(
    {
        "number": str,
        "contract_id": str,
        "currency": str,
        "open": str,
        "due_at": str,
        "overdue_days": int,
        "age_class": str,
    }
)
PAID: Columns = MappingProxyType(
    {
        "number": str,
        "contract_id": str,
        "currency": str,
        "billed": str,
        "paid": str,
        "open": str,
        "payment_id": str,
        "paid_by_it": str,
    }
)
ENERGY: Columns = MappingProxyType(
    {
        "battery_id": str,
        "month": str,
        "contracts": int,
        "energy_in_wh": int,
        "energy_out_wh": int,
        "losses_wh": int,
        "efficiency_percent": str,
        "co2_g_per_kwh": str,
        "co2_avoided_g": int,
    }
)
_CLASSES = ((0, "not due"), (30, "1 to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
_OLDEST = "more than 90 days"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Metered:
    """A bill's document and the battery that it is about."""

    battery_id: str
    contract_id: str
    document: Mapping[str, Any]


def ageing(dues: Iterable[Due], now: datetime) -> Rows:
    """What is not paid, the longest overdue first; a day is begun when it counts."""
    unpaid = sorted((due for due in dues if not due.is_paid), key=lambda due: (due.due_at, due.number))
    return [_aged(due, max(0, -((due.due_at - now) // _DAY))) for due in unpaid]


def paid_documents(dues: Iterable[Due], payments: Iterable[Payment]) -> Rows:
    """Every document with the payments that pay it; one without any has one row."""
    by_number: dict[str, list[Payment]] = defaultdict(list)
    for payment in payments:
        for number in dict.fromkeys(part.target for part in payment.allocations if part.use is Use.INVOICE):
            if payment.used_for(Use.INVOICE, number).amount_minor:
                by_number[number].append(payment)
    rows: Rows = []
    for due in sorted(dues, key=lambda due: due.number):
        known: dict[str, str | int | None] = {
            "number": due.number,
            "contract_id": due.contract_id,
            "currency": due.billed.currency,
            "billed": due.billed.text,
            "paid": (due.billed - due.open).text,
            "open": due.open.text,
            "payment_id": None,
            "paid_by_it": None,
        }
        found = [
            known | {"payment_id": each.payment_id, "paid_by_it": each.used_for(Use.INVOICE, due.number).text}
            for each in sorted(by_number[due.number], key=lambda each: each.payment_id)
        ]
        rows += found or [known]
    return rows


def energy_balance(bills: Sequence[Metered], zone: ZoneInfo, co2_g_per_kwh: Decimal | None) -> Rows:
    """What each battery took in and gave back in each month, by the intervals of its bills."""
    moved: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    counted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for bill in bills:
        for each in bill.document["intervals"]:
            month = f"{parse_timestamp(each['start']).astimezone(zone):%Y-%m}"
            sums = moved[bill.battery_id, month]
            sums[0] += int(each["energy_in_wh"])
            sums[1] += int(each["energy_out_wh"])
            counted[bill.battery_id, month].add(bill.contract_id)
    return [
        _balance(battery_id, month, len(counted[battery_id, month]), taken, given, co2_g_per_kwh)
        for (battery_id, month), (taken, given) in sorted(moved.items())
    ]


def _balance(
    battery_id: str, month: str, contracts: int, taken: int, given: int, factor: Decimal | None
) -> dict[str, str | int | None]:
    return {
        "battery_id": battery_id,
        "month": month,
        "contracts": contracts,
        "energy_in_wh": taken,
        "energy_out_wh": given,
        "losses_wh": taken - given,
        "efficiency_percent": decimal_text(Decimal(given * 10_000 // taken).scaleb(-2)) if taken else None,
        "co2_g_per_kwh": None if factor is None else decimal_text(factor),
        "co2_avoided_g": None if factor is None else round_half_up(factor * given / 1_000),
    }


def _aged(due: Due, overdue_days: int) -> dict[str, str | int | None]:
    return {
        "number": due.number,
        "contract_id": due.contract_id,
        "currency": due.open.currency,
        "open": due.open.text,
        "due_at": timestamp_text(due.due_at),
        "overdue_days": overdue_days,
        "age_class": next((name for most, name in _CLASSES if overdue_days <= most), _OLDEST),
    }
