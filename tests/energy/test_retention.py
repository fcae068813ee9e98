"""How long invoices are kept: by the Indian financial year of their date."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from energy.retention import invoice_kept_until


@pytest.mark.parametrize(
    ("issued_at", "until"),
    [
        (datetime(2026, 11, 20, 10, tzinfo=UTC), date(2033, 12, 31)),
        (datetime(2027, 3, 31, 18, 29, tzinfo=UTC), date(2033, 12, 31)),
        (datetime(2027, 3, 31, 18, 30, tzinfo=UTC), date(2034, 12, 31)),
        (datetime(2027, 1, 1, tzinfo=UTC), date(2033, 12, 31)),
    ],
)
def test_an_invoice_is_kept_six_years_after_the_return_of_its_indian_financial_year(
    issued_at: datetime, until: date
) -> None:
    assert invoice_kept_until(issued_at) == until
