"""What a dead letter means: the request it carried never arrived, and the trade says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from bap.store import contracts, searches
from bap.store.records import UNDELIVERED, Failure, RequestState


def note_undelivered(tx: Connection, row: Row[Any], reason: str, now: datetime) -> None:
    """The outbox gave a letter up, for ``reason``. An answer that still comes counts all the same."""
    failure = Failure(row.action, UNDELIVERED, f"{row.action} could not be delivered: {reason}")
    if row.action == "search":
        searches.fail(tx, row.transaction_id, failure)
        return
    contract = contracts.hold(tx, row.transaction_id)
    request = contracts.load_request(tx, row.message_id)
    if contract is None or request is None or request.state is not RequestState.WAITING:
        return
    contracts.save(tx, replace(contract, error=failure, updated_at=now))
    contracts.end_request(tx, request, RequestState.UNDELIVERED)
