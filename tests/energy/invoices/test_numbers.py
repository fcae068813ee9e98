"""Invoice numbers fit Rule 46, and years turn where the books are kept."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.invoices import document, serial
from energy.invoices.numbers import INDIA, Books
from energy.tax import Regime
from tests.energy.examples import at
from tests.energy.invoices.examples import INVOICE

INDIAN = timezone(timedelta(hours=5, minutes=30))
GERMANY = Books(Regime.EU_VAT, "Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2027, 3, 31, 18, 29, 59, tzinfo=UTC), "26-27"),
        (datetime(2027, 3, 31, 18, 30, tzinfo=UTC), "27-28"),
        (datetime(2026, 4, 1, tzinfo=INDIAN), "26-27"),
        (datetime(2099, 12, 31, tzinfo=UTC), "99-00"),
    ],
)
def test_the_financial_year_turns_at_indian_midnight_before_the_first_of_april(moment: datetime, year: str) -> None:
    assert INDIA.financial_year(moment) == year


def test_a_time_without_zone_has_no_financial_year() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        INDIA.financial_year(at(0).replace(tzinfo=None))


def test_the_invoice_of_a_march_evening_in_utc_is_dated_and_numbered_in_april() -> None:
    issued_at = datetime(2027, 3, 31, 20, tzinfo=UTC)
    invoice = replace(INVOICE, number=serial("BB", issued_at, 1), issued_at=issued_at, due_at=issued_at)
    shown = document(invoice, ())
    assert (shown["number"], shown["date"]) == ("BB/27-28/000001", "2027-04-01")


@given(st.text("ABCxyz09-", min_size=1, max_size=3), st.integers(1, 999_999))
def test_a_serial_fits_rule_46(series: str, number: int) -> None:
    text = serial(series, at(0), number)
    assert re.fullmatch(r"[A-Za-z0-9/-]{1,16}", text)
    assert text.startswith(f"{series}/26-27/")
    assert int(text.rsplit("/", 1)[1]) == number


@pytest.mark.parametrize(("series", "number"), [("TOOLONG", 1), ("B B", 1), ("BB", 0), ("BBB", 10_000_000)])
def test_a_serial_that_rule_46_does_not_allow_is_refused(series: str, number: int) -> None:
    with pytest.raises(ValueError, match="is no invoice number"):
        serial(series, at(0), number)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), "BB/2026/000001"),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "BB/2027/000001"),
    ],
)
def test_in_the_eu_the_year_is_the_calendar_year_at_local_midnight(moment: datetime, number: str) -> None:
    assert serial("BB", moment, 1, GERMANY) == number


def test_tax_can_be_credited_until_november_after_the_financial_year() -> None:
    assert INDIA.last_credit_date(datetime(2027, 3, 31, 18, 29, tzinfo=UTC)) == date(2027, 11, 30)
    assert INDIA.last_credit_date(datetime(2027, 3, 31, 18, 30, tzinfo=UTC)) == date(2028, 11, 30)
    assert GERMANY.last_credit_date(at(0)) is None
