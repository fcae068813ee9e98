"""Invoice numbers: consecutive in a series, which is one legal entity's, for one kind of document and financial year.

Source: Rule 46 (b) of the CGST Rules (at most 16 letters, digits, / and -; unique in a financial year, April to March);
VAT Directive, Article 226 (2) (a sequential number). Which number comes next is the caller's to know: it is handed out
in the transaction that makes the document final, so that a series has no gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from energy.tax import Regime

SERIAL = re.compile(r"[A-Za-z0-9/-]{1,16}")
_APRIL = 4
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Books:
    """Whose tax law the documents follow, and in which time zone a date is a date."""

    regime: Regime
    time_zone: str

    def date_of(self, moment: datetime) -> date:
        """The date of a moment where the books are kept.

        Raises:
            ValueError: the moment has no zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no zone, so its financial year is unknown")
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def financial_year(self, moment: datetime) -> str:
        """``"26-27"`` in India, where it begins in April; ``"2026"`` in the EU, where it is the calendar year.

        Raises:
            ValueError: the moment has no zone.
        """
        local = self.date_of(moment)
        if self.regime is Regime.EU_VAT:
            return f"{local.year:04d}"
        first = local.year if local.month >= _APRIL else local.year - 1
        return f"{first % 100:02d}-{(first + 1) % 100:02d}"

    def last_credit_date(self, moment: datetime) -> date | None:
        """Until when a credit note for a supply of that moment may reduce its tax (CGST Act, section 34 (2)).

        It is 30 November after the financial year; None: the EU's directive sets no such day.
        """
        if self.regime is Regime.EU_VAT:
            return None
        local = self.date_of(moment)
        return date(local.year + (1 if local.month >= _APRIL else 0), 11, 30)


INDIA = Books(Regime.INDIA_GST, "Asia/Kolkata")


def serial(series: str, issued_at: datetime, number: int, books: Books = INDIA) -> str:
    """The invoice number: ``("BB", ..., 7)`` → ``"BB/26-27/000007"``.

    Raises:
        ValueError: the number is not positive, or the text is longer than the 16 characters that Rule 46 allows.
    """
    text = f"{series}/{books.financial_year(issued_at)}/{number:0{_DIGITS}d}"
    if number < 1 or SERIAL.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is no invoice number: 1 to 16 letters, digits, / and -")
    return text
