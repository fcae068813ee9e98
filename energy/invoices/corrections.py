"""Lines of corrections: what a note takes back or adds, and what paying late costs (ENERGY 2.5).

An issued document is never changed. A note's lines count in its own direction: a credit note's from the seller back to
the buyer. Its taxes are computed on its own sum at the rates of the document that it corrects; so invoice and notes
together may differ from one settlement of the whole by the rounding of each tax, less than one minor unit a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from energy.invoices.model import Kind
from energy.quantities import Money, round_half_up
from energy.tariffs import Line, LineTitle, TaxPart, lines_total, percentage

_YEAR_DAYS = 365


def turned(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same lines counted the other way: every amount with the other sign, and still quantity × rate."""
    return tuple(_turned(line) for line in lines)


def tax_parts(lines: Iterable[Line]) -> tuple[TaxPart, ...]:
    """The taxes that the lines have."""
    return tuple(TaxPart(line.title, line.rate) for line in lines if line.is_tax and line.rate is not None)


def note_lines(charges: Sequence[Line], parts: Sequence[TaxPart], currency: str) -> tuple[Line, ...]:
    """The charges of a note and the taxes on them."""
    taxable = lines_total(charges, currency)
    return (*charges, *(percentage(part.title, taxable, part.percent) for part in parts))


def difference(billed: Sequence[Line], settled: Sequence[Line], currency: str) -> tuple[Kind, tuple[Line, ...]] | None:
    """The note that makes what was billed into what was settled since: its kind and charges.

    None where nothing differs. Taxes are left out. A line for each title, without a quantity, stands for several.
    """
    charges = [Line(title, amount) for title, amount in _by_title(settled, billed, currency) if amount.amount_minor]
    if not charges:
        return None
    if lines_total(charges, currency).amount_minor < 0:
        return Kind.CREDIT_NOTE, turned(charges)
    return Kind.DEBIT_NOTE, tuple(charges)


def late_fee(owed: Money, due_at: datetime, paid_at: datetime, percent_a_year: Decimal) -> Line | None:
    """What paying late costs: simple interest for each full day after the due date; None where nothing is due."""
    days = (paid_at - due_at) // timedelta(days=1)
    if days < 1 or owed.amount_minor < 1 or not percent_a_year:
        return None
    share = Fraction(percent_a_year) * days / (100 * _YEAR_DAYS)
    amount = Money(round_half_up(Fraction(owed.amount_minor) * share), owed.currency)
    return Line(LineTitle.LATE_FEE, amount) if amount.amount_minor else None


def read_lines(document_lines: Iterable[dict[str, str | None]], currency: str) -> tuple[Line, ...]:
    """The lines of a document that we issued ourselves."""
    return tuple(
        Line(
            LineTitle(str(line["title"])),
            Money.parse(str(line["amount"]), currency),
            _decimal(line["quantity"]),
            line["unit"],
            _decimal(line["rate"]),
        )
        for line in document_lines
    )


def _turned(line: Line) -> Line:
    if line.quantity is None or line.rate is None:
        return replace(line, amount=-line.amount)
    if line.unit == "%":
        return replace(line, amount=-line.amount, quantity=-line.quantity)
    return replace(line, amount=-line.amount, rate=-line.rate)


def _by_title(settled: Sequence[Line], billed: Sequence[Line], currency: str) -> Iterable[tuple[LineTitle, Money]]:
    for title in dict.fromkeys(line.title for line in (*billed, *settled) if not line.is_tax):
        before = lines_total([line for line in billed if line.title is title], currency)
        yield title, lines_total([line for line in settled if line.title is title], currency) - before


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
