"""The live states that were told of each contract, in their order: what a stream of live values is read from.

A state is written in the transaction that tells it by ``on_status``, so both say the same. What is older than the
messages that are kept goes (`node.retention`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, insert, select

from bpp.contracts import Contract
from bpp.store.documents import live_of, live_text
from bpp.store.operation_tables import live_states
from bpp.store.trade import news
from energy.offers import ContractState, LiveState
from node.clocks import milliseconds
from node.database import notify

CLEARED_ROWS = 500


@dataclass(frozen=True, slots=True)
class ToldState:
    """One state of a contract as it was told, with the live values if there were any."""

    event_id: int
    state: ContractState
    live: LiveState | None


def add(tx: Connection, contract: Contract, live: LiveState | None, event_id: int, told_at: datetime) -> None:
    """Keep what is told now; ``told_at`` is wire time."""
    document = orjson.dumps([contract.state.value, live_text(live)]).decode()
    row = {"event_id": event_id, "contract_id": contract.contract_id, "told_at_ms": milliseconds(told_at)}
    tx.execute(insert(live_states).values(**row, document=document))
    notify(tx, news(contract.contract_id))


def since(tx: Connection, contract_id: str, event_id: int, limit: int) -> list[ToldState]:
    """The states after that one, oldest first."""
    ours = (live_states.c.contract_id == contract_id, live_states.c.event_id > event_id)
    rows = tx.execute(select(live_states).where(*ours).order_by(live_states.c.event_id).limit(limit))
    return [_told_of(row.event_id, row.document) for row in rows]


def latest(tx: Connection, contract_id: str) -> ToldState | None:
    """What was told last."""
    ours = select(live_states).where(live_states.c.contract_id == contract_id)
    row = tx.execute(ours.order_by(live_states.c.event_id.desc()).limit(1)).first()
    return None if row is None else _told_of(row.event_id, row.document)


def clear(tx: Connection, before: datetime) -> int:
    """Delete some of the states that were told before that wire time, and how many."""
    old = select(live_states.c.event_id).where(live_states.c.told_at_ms < milliseconds(before))
    first = old.order_by(live_states.c.told_at_ms).limit(CLEARED_ROWS)
    return tx.execute(delete(live_states).where(live_states.c.event_id.in_(first))).rowcount


def _told_of(event_id: int, document: str) -> ToldState:
    state, live = orjson.loads(document)
    return ToldState(event_id, ContractState(state), live_of(live))
