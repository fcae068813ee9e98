"""Where the producer's platform holds personal data, beside the messages: contracts, and invoices that came."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from bap.store.tables import contracts, invoices
from energy.retention import invoice_kept_until
from node.clocks import moment_of
from node.personal import Source
from protocol.lifecycle import Stage


def _running(row: Row[Any]) -> str | None:
    return "the contract is running, and its bill is checked against it" if row.stage == Stage.ACTIVE else None


def _by_law(row: Row[Any]) -> str:
    return f"the law keeps invoices: this one until {invoice_kept_until(moment_of(row.fetched_at_ms))}"


SOURCES = (
    Source("contracts", contracts.c.document, _running),
    Source("invoices", invoices.c.content, _by_law),
)
