"""Notes to an invoice: a credit note takes part of it back, a debit note adds to it, nothing ever changes it.

What can be credited is what was charged and not credited yet, title by title; in India until 30 November after the
financial year (CGST Act, section 34 (2)). Only the operator's own invoices have notes: for what the producer sold there
is a new statement. A note is numbered, stored and told like an invoice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection

from bpp.invoicing import issued_document, next_serial
from bpp.ledger import book_document
from bpp.settings import BppSettings
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.intervals import Interval
from energy.invoices import Invoice, Kind, Party
from energy.invoices.corrections import difference, late_fee, note_lines, read_lines, tax_parts, turned
from energy.invoices.model import Corrected
from energy.quantities import Money
from energy.tariffs import Line, LineTitle, lines_total
from energy.tax import Regime
from protocol.moments import parse_timestamp

REASON_CHARS = 200


class NoteRefused(Exception):
    """Why there can be no such note, as a sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Billed:
    """An invoice with its notes. ``lines`` is what they make together, counted from the producer to the operator."""

    invoice: IssuedInvoice
    document: Mapping[str, Any]
    original: tuple[Line, ...]
    lines: tuple[Line, ...]
    has_notes: bool

    def charged(self, title: LineTitle) -> Money:
        """What is charged under a title now."""
        currency = self.invoice.total.currency
        return lines_total([line for line in self.lines if line.title is title], currency)


def billed(tx: Connection, number: str) -> Billed:
    """The invoice with that number and what its notes made of it.

    Raises:
        NoteRefused: there is none, or it is no invoice of the operator's.
    """
    invoice = money.locked(tx, number)
    if invoice is None:
        raise NoteRefused(f"There is no invoice {number[:20]} here.")
    if invoice.kind is not Kind.INVOICE:
        raise NoteRefused(f"{number} is a {invoice.kind.value}: notes belong to invoices.")
    document = orjson.loads(invoice.document)
    original = lines = _lines(document)
    notes = money.notes_of(tx, number)
    for note in notes:
        changed = _lines(orjson.loads(note.document))
        lines += turned(changed) if note.kind is Kind.CREDIT_NOTE else changed
    return Billed(invoice, document, original, lines, bool(notes))


def issue_credit(
    tx: Connection,
    settings: BppSettings,
    known: Billed,
    charges: Sequence[Line],
    reason: str,
    token: str,
    issued_at: datetime,
) -> IssuedInvoice:
    """A credit note for these charges, before tax; without any for all that is left of the invoice.

    Raises:
        NoteRefused: more than is charged, nothing at all, another currency, or too late.
    """
    last = settings.invoicing.books.last_credit_date(known.invoice.issued_at)
    if last is not None and settings.invoicing.books.date_of(issued_at) > last:
        raise NoteRefused(f"Tax on {known.invoice.number} could be credited until {last.isoformat()} (section 34 (2)).")
    if not charges and not known.has_notes:
        return _issue(tx, settings, known, Kind.CREDIT_NOTE, known.original, reason, token, issued_at)
    wanted = charges or _left(known)
    _check_charges(known, wanted)
    for title in {line.title for line in wanted}:
        asked = lines_total([line for line in wanted if line.title is title], known.invoice.total.currency)
        if asked.amount_minor > known.charged(title).amount_minor:
            raise NoteRefused(
                f"{title.value}: {known.charged(title).text} are charged, {asked.text} can not be credited."
            )
    lines = note_lines(wanted, tax_parts(known.original), known.invoice.total.currency)
    return _issue(tx, settings, known, Kind.CREDIT_NOTE, lines, reason, token, issued_at)


def issue_debit(
    tx: Connection,
    settings: BppSettings,
    known: Billed,
    charges: Sequence[Line],
    reason: str,
    token: str,
    issued_at: datetime,
) -> IssuedInvoice:
    """A debit note for these charges, before tax.

    Raises:
        NoteRefused: nothing at all, or another currency.
    """
    _check_charges(known, charges)
    lines = note_lines(charges, tax_parts(known.original), known.invoice.total.currency)
    return _issue(tx, settings, known, Kind.DEBIT_NOTE, lines, reason, token, issued_at)


def issue_late_fee(
    tx: Connection, settings: BppSettings, known: Billed, owed: Money, until: datetime, token: str, issued_at: datetime
) -> IssuedInvoice:
    """A debit note for the delay of what is owed, from the invoice's due date until then.

    In India it is part of the price and taxed with it (section 15 (2) (d)); in the EU it is compensation, without VAT.

    Raises:
        NoteRefused: another currency, or there is no fee.
    """
    if owed.currency != known.invoice.total.currency:
        raise NoteRefused(f"{known.invoice.number} is in {known.invoice.total.currency}, not in {owed.currency}.")
    fee = late_fee(owed, known.invoice.due_at, until, settings.invoicing.yearly_late_fee)
    if fee is None:
        raise NoteRefused(
            f"No fee is due: {known.invoice.number} is not a day late, or invoicing.late_fee_percent is 0."
        )
    is_taxed = settings.invoicing.books.regime is Regime.INDIA_GST
    lines = note_lines([fee], tax_parts(known.original) if is_taxed else (), owed.currency)
    reason = f"Paid late: {owed.text} {owed.currency} until {until.date().isoformat()}"
    return _issue(tx, settings, known, Kind.DEBIT_NOTE, lines, reason, token, issued_at)


def issue_difference(
    tx: Connection,
    settings: BppSettings,
    known: Billed,
    settled: Sequence[Line],
    reason: str,
    token: str,
    issued_at: datetime,
) -> IssuedInvoice | None:
    """The note that makes what was billed into what was settled since; None where nothing differs."""
    found = difference(known.lines, settled, known.invoice.total.currency)
    if found is None:
        return None
    kind, charges = found
    lines = note_lines(charges, tax_parts(known.original), known.invoice.total.currency)
    return _issue(tx, settings, known, kind, lines, reason, token, issued_at)


def _issue(
    tx: Connection,
    settings: BppSettings,
    known: Billed,
    kind: Kind,
    lines: Sequence[Line],
    reason: str,
    token: str,
    issued_at: datetime,
) -> IssuedInvoice:
    books, document = settings.invoicing.books, known.document
    if not 1 <= len(reason.strip()) <= REASON_CHARS:
        raise NoteRefused(f"Give the reason for the note in 1 to {REASON_CHARS} characters.")
    is_credit = kind is Kind.CREDIT_NOTE
    currency = known.invoice.total.currency
    note = Invoice(
        number=next_serial(tx, settings, kind, issued_at),
        issued_at=issued_at,
        due_at=issued_at + timedelta(days=0 if is_credit else settings.terms.invoice_due_days),
        seller=Party(**document["seller"]),
        buyer=Party(**document["buyer"]),
        contract_id=known.invoice.contract_id,
        supply=Interval(*(parse_timestamp(document["supply"][edge]) for edge in ("start", "end"))),
        lines=tuple(lines),
        total=lines_total(lines, currency),
        currency=currency,
        service_code=document["service"]["code"],
        evidence=None,
        kind=kind,
        corrects=Corrected(known.invoice.number, books.date_of(known.invoice.issued_at), reason.strip()),
        books=books,
        pay_to=None if is_credit else settings.invoicing.pay_to,
        late_fee_percent=settings.invoicing.yearly_late_fee,
        reverse_charge=document["reverse_charge"],
    )
    issued = issued_document(note, (), token)
    money.add(tx, issued)
    book_document(tx, issued)
    return issued


def _check_charges(known: Billed, charges: Sequence[Line]) -> None:
    number, currency = known.invoice.number, known.invoice.total.currency
    for line in charges:
        if line.amount.currency != currency:
            raise NoteRefused(f"{number} is in {currency}, not in {line.amount.currency}.")
        if line.is_tax:
            raise NoteRefused(f"{line.title.value}: name charges before tax; their taxes follow from them.")
        if line.amount.amount_minor < 1:
            raise NoteRefused(f"{line.title.value}: name an amount above zero; the kind of the note says which way.")
    if not charges:
        raise NoteRefused(f"Nothing of {number} is left to be credited, or no line was named.")


def _left(known: Billed) -> list[Line]:
    """All that is charged now, a line for each title."""
    titles = dict.fromkeys(line.title for line in known.lines if not line.is_tax)
    left = [Line(title, known.charged(title)) for title in titles]
    return [line for line in left if line.amount.amount_minor > 0]


def _lines(document: Mapping[str, Any]) -> tuple[Line, ...]:
    return read_lines(document["lines"], document["currency"])
