"""How long the law keeps an invoice, whoever asks for its data to be erased.

Source: Central Goods and Services Tax Act 2017 (India), section 36: accounts and records are kept until seventy-two
months have passed since the due date of the annual return of their year, which is 31 December after it (section 44;
rule 80 of the CGST Rules 2017).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

_INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
_APRIL = 4
_YEARS_AFTER_THE_RETURN = 6


def invoice_kept_until(issued_at: datetime) -> date:
    """The last day on which an invoice has to be kept. The financial year begins on 1 April, in Indian time."""
    local = issued_at.astimezone(_INDIA)
    year_ends = local.year + 1 if local.month >= _APRIL else local.year
    return date(year_ends + _YEARS_AFTER_THE_RETURN, 12, 31)
