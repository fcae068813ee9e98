"""Bookkeeping of the producer: a bill that adds up is owed, and its energy was stored, consumed later, or lost.

A document is booked in the transaction that keeps it, under our own contract's id. It is booked as it came: what is
disputed about it is settled by a note of the operator, which is booked too. One whose sums are wrong is not booked at
all, since no entry could be made of it that balances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bap.store.records import Contract
from energy.invoices import check
from energy.ledger import Entry
from energy.ledger_money import energy_billed, received
from node import ledger


def book_invoice(
    tx: Connection, contract: Contract, document: Mapping[str, Any], own_id: str, at: datetime
) -> list[Entry]:
    """Book a document of the contract at trade time ``at``; what was written. ``own_id`` is our subscriber id."""
    if check(document):
        return []
    operator = contract.bpp_id
    made = [received(document, operator), energy_billed(document, own_id, operator)]
    ours = [replace(entry, contract_id=contract.contract_id) for entry in made if entry is not None]
    return ledger.book(tx, at, ours)
