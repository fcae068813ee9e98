"""Invoices and their numbers, which have no gaps: a number is handed out in the transaction that stores its invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from bpp.store.rows import insert_into
from bpp.store.tables import invoice_series, invoices
from energy.quantities import Money
from node.clocks import milliseconds, moment_of
from node.database import lock


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """An invoice as it was issued: ``document`` is its exact bytes, times are trade time."""

    contract_id: str
    number: str
    token: str
    issued_at: datetime
    due_at: datetime
    total: Money
    digest_sha256: str
    document: bytes


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
    """Store an invoice. A contract has one, and it is never changed."""
    tx.execute(
        insert(invoices).values(
            contract_id=invoice.contract_id,
            number=invoice.number,
            token=invoice.token,
            issued_at_ms=milliseconds(invoice.issued_at),
            due_at_ms=milliseconds(invoice.due_at),
            currency=invoice.total.currency,
            total_minor=invoice.total.amount_minor,
            digest_sha256=invoice.digest_sha256,
            document=invoice.document,
        )
    )


def of_contract(tx: Connection, contract_id: str) -> IssuedInvoice | None:
    """The invoice of a contract."""
    return _one(tx, invoices.c.contract_id == contract_id)


def of_token(tx: Connection, token: str) -> IssuedInvoice | None:
    """The invoice that is shown at this token."""
    return _one(tx, invoices.c.token == token)


def issued(tx: Connection, limit: int) -> list[IssuedInvoice]:
    """The invoices, the newest first."""
    newest = select(invoices).order_by(invoices.c.issued_at_ms.desc(), invoices.c.number.desc()).limit(limit)
    return [_invoice_of(row) for row in tx.execute(newest)]


def _one(tx: Connection, condition: ColumnElement[bool]) -> IssuedInvoice | None:
    row = tx.execute(select(invoices).where(condition)).first()
    return None if row is None else _invoice_of(row)


def _invoice_of(row: Row[Any]) -> IssuedInvoice:
    return IssuedInvoice(
        contract_id=row.contract_id,
        number=row.number,
        token=row.token,
        issued_at=moment_of(row.issued_at_ms),
        due_at=moment_of(row.due_at_ms),
        total=Money(row.total_minor, row.currency),
        digest_sha256=row.digest_sha256,
        document=bytes(row.document),
    )
