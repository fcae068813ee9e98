"""What searches have said, for peers that leave it out of the orders that follow (ENERGY 1.2, S8 and S12).

One row for each transaction whose search needs it; rows are dropped a day later, in wire time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from bpp.store.rows import put
from bpp.store.tables import spoken
from energy.intervals import Interval
from energy.offers import DispatchMode
from energy.searches import SearchIntent
from energy.wire.v1.tolerances.rules import Known
from node.clocks import milliseconds, moment_of

KEPT = timedelta(days=1)


def remember(tx: Connection, bap_id: str, transaction_id: str, intent: SearchIntent, now: datetime) -> None:
    """Keep amount, windows and way of dispatch of a BAP's search. ``now`` is wire time."""
    tx.execute(delete(spoken).where(spoken.c.searched_at_ms < milliseconds(now - KEPT)))
    charge, giveback = intent.charge, intent.giveback
    row = {
        "bap_id": bap_id,
        "transaction_id": transaction_id,
        "energy_wh": intent.energy_wh,
        "charge_start_ms": None if charge is None else milliseconds(charge.start),
        "charge_end_ms": None if charge is None else milliseconds(charge.end),
        "giveback_start_ms": None if giveback is None else milliseconds(giveback.start),
        "giveback_end_ms": None if giveback is None else milliseconds(giveback.end),
        "mode": None if intent.mode is None else intent.mode.value,
        "searched_at_ms": milliseconds(now),
    }
    put(tx, spoken, row)


def recall(tx: Connection, bap_id: str, transaction_id: str) -> Known:
    """What the search of that transaction has said; nothing when there was none."""
    of_it = (spoken.c.bap_id == bap_id, spoken.c.transaction_id == transaction_id)
    row = tx.execute(select(spoken).where(*of_it)).first()
    if row is None:
        return Known()
    return Known(
        energy_wh=row.energy_wh,
        charge=_interval(row.charge_start_ms, row.charge_end_ms),
        giveback=_interval(row.giveback_start_ms, row.giveback_end_ms),
        mode=None if row.mode is None else DispatchMode(row.mode),
    )


def _interval(start_ms: int | None, end_ms: int | None) -> Interval | None:
    if start_ms is None or end_ms is None:
        return None
    return Interval(moment_of(start_ms), moment_of(end_ms))
