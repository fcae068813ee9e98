"""What storing cost and saved: one row for each contract and month, computed from the bills that came.

Energy is counted in the month of its interval; the cost of a bill is divided among its months by the energy that moved
in them, to the last minor unit (the last month has what is left of rounding). Savings are what the returned energy
would have cost from the grid, less what the stored energy would have earned there, less the cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from energy.invoices import pays_producer
from energy.quantities import Money, decimal_text
from protocol.moments import parse_timestamp

COLUMNS: Mapping[str, type] = MappingProxyType(
    {
        "contract_id": str,
        "invoice": str,
        "month": str,
        "currency": str,
        "cost": str,
        "energy_in_wh": int,
        "energy_out_wh": int,
        "losses_wh": int,
        "efficiency_percent": str,
        "savings": str,
    }
)
_WH_IN_KWH = 1_000


@dataclass(frozen=True, slots=True)
class GridPrices:
    """What a kWh costs from the grid, and what it earns there, in major units of the bills' currency."""

    buy_per_kwh: Decimal
    sell_per_kwh: Decimal


def months_of(
    contract_id: str, document: Mapping[str, Any], prices: GridPrices | None, zone: ZoneInfo
) -> Iterator[dict[str, str | int | None]]:
    """The rows of one bill, month by month in local time.

    Raises:
        ValueError, KeyError, TypeError: the document can not be read.
    """
    moved: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in document["intervals"]:
        month = f"{parse_timestamp(each['start']).astimezone(zone):%Y-%m}"
        taken, given = moved[month]
        moved[month] = (taken + int(each["energy_in_wh"]), given + int(each["energy_out_wh"]))
    if not moved:
        moved[str(document["date"])[:7]] = (0, 0)
    total = Money.parse(document["total"], document["currency"])
    costs = _divided(-total if pays_producer(document) else total, moved)
    for month, (taken, given) in sorted(moved.items()):
        yield {
            "contract_id": contract_id,
            "invoice": str(document["number"]),
            "month": month,
            "currency": total.currency,
            "cost": costs[month].text,
            "energy_in_wh": taken,
            "energy_out_wh": given,
            "losses_wh": taken - given,
            "efficiency_percent": _percent(given, taken),
            "savings": None if prices is None else _savings(prices, taken, given, costs[month]).text,
        }


def _divided(cost: Money, moved: Mapping[str, tuple[int, int]]) -> dict[str, Money]:
    """The cost of each month, by energy; the sum is the cost."""
    weights = {month: sum(energies) for month, energies in sorted(moved.items())}
    whole = sum(weights.values())
    found, passed, given = {}, 0, 0
    for month, weight in weights.items():
        passed += weight
        share = Fraction(passed, whole) if whole else Fraction(1)
        reached = int(cost.amount_minor * share)
        found[month] = Money(reached - given, cost.currency)
        given = reached
    return found


def _percent(given: int, taken: int) -> str | None:
    """The share that came back; None where nothing went in, as in a month of returns only."""
    return decimal_text(Decimal(given * 10_000 // taken).scaleb(-2)) if taken else None


def _savings(prices: GridPrices, taken: int, given: int, cost: Money) -> Money:
    worth = Money.of(prices.buy_per_kwh * given / _WH_IN_KWH, cost.currency)
    forgone = Money.of(prices.sell_per_kwh * taken / _WH_IN_KWH, cost.currency)
    return worth - forgone - cost
