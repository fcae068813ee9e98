"""Invoices and their numbers without gaps: a number is handed out in the transaction that stores its document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from bpp.store.rows import insert_into
from bpp.store.tables import invoice_series, invoices
from energy.invoices.model import Kind
from energy.quantities import Money
from node.clocks import milliseconds, moment_of
from node.database import lock
from node.personal_columns import opened, sealed

_NOTES = tuple(kind.value for kind in Kind if kind.is_note)


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """A document as it was issued: ``document`` is its exact bytes, times are trade time.

    ``total`` is what the producer owes the operator by it: negative for a credit note, or where the operator pays.
    ``corrects`` is the number of the invoice that a note belongs to.
    """

    contract_id: str
    number: str
    token: str
    issued_at: datetime
    due_at: datetime
    total: Money
    digest_sha256: str
    document: bytes
    kind: Kind = Kind.INVOICE
    corrects: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: None is any. ``since`` and ``until`` are half-open, of when they were issued."""

    contract_id: str | None = None
    kind: Kind | None = None
    currency: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    """Only those older than the document with this number, which the page before ended with."""


def next_number(tx: Connection, series: str) -> int:
    """The next number of a series, from 1 on; it is used only if the transaction is committed."""
    first = insert_into(tx, invoice_series).values(series=series, last_number=0)
    tx.execute(first.on_conflict_do_nothing())
    lock(tx, invoice_series, [series])
    of_series = invoice_series.c.series == series
    number = int(tx.scalar(select(invoice_series.c.last_number).where(of_series)) or 0) + 1
    tx.execute(update(invoice_series).where(of_series).values(last_number=number))
    return number


def add(tx: Connection, invoice: IssuedInvoice) -> None:
    """Store a document, which is never changed."""
    tx.execute(
        insert(invoices).values(
            number=invoice.number,
            contract_id=invoice.contract_id,
            kind=invoice.kind.value,
            corrects=invoice.corrects,
            token=invoice.token,
            issued_at_ms=milliseconds(invoice.issued_at),
            due_at_ms=milliseconds(invoice.due_at),
            currency=invoice.total.currency,
            total_minor=invoice.total.amount_minor,
            digest_sha256=invoice.digest_sha256,
            document=sealed(tx, invoices.c.document, invoice.number, invoice.document),
        )
    )


def of_contract(tx: Connection, contract_id: str) -> IssuedInvoice | None:
    """The document that bills a contract; notes are `notes_of` its number."""
    return _one(tx, (invoices.c.contract_id == contract_id) & invoices.c.kind.not_in(_NOTES))


def of_number(tx: Connection, number: str) -> IssuedInvoice | None:
    """The document with this number."""
    return _one(tx, invoices.c.number == number)


def locked(tx: Connection, number: str) -> IssuedInvoice | None:
    """The document with this number, its row locked, so that no other note to it comes between."""
    lock(tx, invoices, [number])
    return of_number(tx, number)


def of_token(tx: Connection, token: str) -> IssuedInvoice | None:
    """The document that is shown at this token."""
    return _one(tx, invoices.c.token == token)


def notes_of(tx: Connection, number: str) -> list[IssuedInvoice]:
    """The notes to an invoice, the oldest first."""
    rows = select(invoices).where(invoices.c.corrects == number)
    return [_invoice_of(tx, row) for row in tx.execute(rows.order_by(invoices.c.issued_at_ms, invoices.c.number)).all()]


def issued(tx: Connection, limit: int, wanted: Wanted = Wanted()) -> list[IssuedInvoice]:
    """The documents that are wanted, the newest first."""
    newest = select(invoices).order_by(invoices.c.issued_at_ms.desc(), invoices.c.number.desc()).limit(limit)
    return [_invoice_of(tx, row) for row in tx.execute(newest.where(*_conditions(tx, wanted))).all()]


def _conditions(tx: Connection, wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    columns = invoices.c
    found: list[ColumnElement[bool]] = []
    if wanted.contract_id is not None:
        found.append(columns.contract_id == wanted.contract_id)
    if wanted.kind is not None:
        found.append(columns.kind == wanted.kind.value)
    if wanted.currency is not None:
        found.append(columns.currency == wanted.currency)
    if wanted.since is not None:
        found.append(columns.issued_at_ms >= milliseconds(wanted.since))
    if wanted.until is not None:
        found.append(columns.issued_at_ms < milliseconds(wanted.until))
    if wanted.after is not None:
        last_ms = tx.scalar(select(columns.issued_at_ms).where(columns.number == wanted.after)) or 0
        same = (columns.issued_at_ms == last_ms) & (columns.number < wanted.after)
        found.append((columns.issued_at_ms < last_ms) | same)
    return found


def _one(tx: Connection, condition: ColumnElement[bool]) -> IssuedInvoice | None:
    row = tx.execute(select(invoices).where(condition)).first()
    return None if row is None else _invoice_of(tx, row)


def _invoice_of(tx: Connection, row: Row[Any]) -> IssuedInvoice:
    return IssuedInvoice(
        contract_id=row.contract_id,
        number=row.number,
        token=row.token,
        issued_at=moment_of(row.issued_at_ms),
        due_at=moment_of(row.due_at_ms),
        total=Money(row.total_minor, row.currency),
        digest_sha256=row.digest_sha256,
        document=opened(tx, invoices.c.document, row.number, row.document),
        kind=Kind(row.kind),
        corrects=row.corrects,
    )
