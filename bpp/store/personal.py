"""Where the battery operator's platform holds personal data, beside the messages: trades, invoices, notes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from bpp.store.payment_tables import payments
from bpp.store.service_tables import feedback, tickets
from bpp.store.tables import contracts, invoices
from energy.retention import invoice_kept_until
from node.clocks import moment_of
from node.personal import Source
from protocol.lifecycle import Stage


def _running(row: Row[Any]) -> str | None:
    return "the contract is running, and its invoice needs it" if row.stage == Stage.ACTIVE else None


def _by_law(row: Row[Any]) -> str:
    return f"the law keeps invoices: this one until {invoice_kept_until(moment_of(row.issued_at_ms))}"


def _by_law_too(row: Row[Any]) -> str:
    return f"the law keeps accounts: this payment until {invoice_kept_until(moment_of(row.booked_at_ms))}"


SOURCES = (
    Source("contracts", contracts.c.billing, _running, texts=(contracts.c.consented_by,)),
    Source("invoices", invoices.c.document, _by_law),
    Source("payments", payments.c.details, _by_law_too),
    Source("feedback", feedback.c.words),
    Source("tickets", tickets.c.document),
)
