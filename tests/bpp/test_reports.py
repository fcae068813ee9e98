"""Reports: ageing, payments against documents, and each battery's energy by month."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bpp.reports import Metered, ageing, energy_balance, paid_documents
from energy.payments import Due, Payment, State, Way, paid
from tests.energy.test_payments import DUE_AT, due, inr, payment


@pytest.mark.parametrize(
    ("later", "days", "name"),
    [
        (timedelta(0), 0, "not due"),
        (timedelta(seconds=1), 1, "1 to 30 days"),
        (timedelta(days=30), 30, "1 to 30 days"),
        (timedelta(days=60, hours=1), 61, "61 to 90 days"),
        (timedelta(days=91), 91, "more than 90 days"),
        (timedelta(days=-3), 0, "not due"),
    ],
)
def test_what_is_unpaid_is_told_by_how_long(later: timedelta, days: int, name: str) -> None:
    (row,) = ageing([due(), due(open_minor=0)], DUE_AT + later)
    assert (row["overdue_days"], row["age_class"], row["open"]) == (days, name, "5610.90")


def test_a_document_stands_beside_the_payments_that_pay_it() -> None:
    first = paid(payment(100_000), due())
    second = paid(Payment("p-2", Way.UPI, inr(461_090), State.OPEN), due(461_090))
    other = Due("BB/26-27/000002", "c", inr(5), inr(5), DUE_AT)
    rows = paid_documents([other, due(0)], [second, first])
    assert [(row["number"], row["payment_id"], row["paid_by_it"]) for row in rows] == [
        ("BB/26-27/000001", "p-1", "1000.00"),
        ("BB/26-27/000001", "p-2", "4610.90"),
        ("BB/26-27/000002", None, None),
    ]


def interval(start: str, taken: int, given: int) -> dict[str, object]:
    return {"start": start, "energy_in_wh": taken, "energy_out_wh": given}


def test_energy_is_counted_in_the_month_where_the_books_are_kept() -> None:
    document = {
        "intervals": [interval("2026-11-30T18:15:00Z", 1_000, 0), interval("2026-11-30T18:30:00Z", 2_000, 1_500)]
    }
    bills = [Metered("b-1", "c-1", document), Metered("b-1", "c-2", document)]
    november, december = energy_balance(bills, ZoneInfo("Asia/Kolkata"), Decimal(700))
    assert (november["month"], november["energy_in_wh"], november["contracts"]) == ("2026-11", 2_000, 2)
    assert (december["month"], december["losses_wh"], december["efficiency_percent"]) == ("2026-12", 1_000, "75")
    assert december["co2_avoided_g"] == 2_100
    assert energy_balance(bills, ZoneInfo("UTC"), None)[0]["co2_avoided_g"] is None
