"""Numbers and dates as people write them."""

from __future__ import annotations

import pytest

from bpp.documents import words
from energy.tariffs import TAX_TITLES, LineTitle


@pytest.mark.parametrize(
    ("number", "currency", "text"),
    [
        ("5610.90", "INR", "5,610.90"),
        ("12345678.00", "INR", "1,23,45,678.00"),
        ("12345678.00", "EUR", "12,345,678.00"),
        ("-561.09", "INR", "−561.09"),
        ("0.00", "INR", "0.00"),
        ("100", None, "100"),
        ("1000", "JPY", "1,000"),
    ],
)
def test_amounts_are_grouped_as_their_country_does(number: str, currency: str | None, text: str) -> None:
    assert words.grouped(number, currency) == text


@pytest.mark.parametrize("title", sorted(set(LineTitle) - TAX_TITLES))
def test_every_charge_has_words_for_people(title: LineTitle) -> None:
    assert words.title(title.value) != title.value


def test_taxes_keep_their_names() -> None:
    assert [words.title(title) for title in sorted(TAX_TITLES)] == ["CGST", "IGST", "SGST", "UTGST", "VAT"]


def test_times_are_told_where_the_books_are_kept() -> None:
    assert words.moment("2026-11-06T20:00:00Z", "Asia/Kolkata") == "7 November 2026, 01:30"
    assert words.local_date("2026-11-06T20:00:00Z", "Asia/Kolkata") == "2026-11-07"


def test_shares_are_told_in_percent_and_a_dash_where_unknown() -> None:
    assert [words.percent(share) for share in ("0.879147", "1", None)] == ["87.9 %", "100 %", "–"]
