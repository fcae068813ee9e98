"""What contracts have in batteries, as far as it is booked: positions, and what was in a battery before the first.

No row is locked: who changes them holds the ledger (`node.ledger.hold`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, select, update

from bpp.store.ledger_tables import energy_positions, energy_stores
from bpp.store.rows import insert_into, put
from bpp.store.tables import contracts
from energy.ledger_lots import Efficiencies, Lot, Position
from node.clocks import milliseconds, moment_of


@dataclass(frozen=True, slots=True)
class Store:
    """A battery that contracts have energy in: what was measured in it before the first of them charged, and when.

    ``alarm`` says that its lots hold more than is measured in it.
    """

    battery_id: str
    since: datetime
    opening_wh: int
    alarm: str | None = None


def producer_of(tx: Connection, contract_id: str) -> str:
    """The subscriber id of the producer's platform that has the contract."""
    return str(tx.execute(select(contracts.c.bap_id).where(contracts.c.contract_id == contract_id)).scalar_one())


def contracts_of(tx: Connection, transaction_id: str) -> list[str]:
    """The ids of the contracts that a transaction made."""
    ours = select(contracts.c.contract_id).where(contracts.c.transaction_id == transaction_id)
    return list(tx.scalars(ours.order_by(contracts.c.contract_id)))


def position_of(tx: Connection, contract_id: str) -> Position | None:
    """What a contract has in its battery."""
    known = select(energy_positions.c.document).where(energy_positions.c.contract_id == contract_id)
    document = tx.scalar(known)
    return None if document is None else _position_of(document)


def save(tx: Connection, position: Position) -> None:
    """Keep a position in place of what it was."""
    values = {
        "contract_id": position.contract_id,
        "battery_id": position.battery_id,
        "start_ms": milliseconds(position.start),
        "is_closed": position.is_closed,
        "document": orjson.dumps(asdict(position), default=str).decode(),
    }
    put(tx, energy_positions, values)


def positions_since(tx: Connection, battery_id: str, since: datetime) -> list[Position]:
    """The positions in a battery of the contracts that began at that time or later, the oldest first."""
    columns = energy_positions.c
    wanted = (columns.battery_id == battery_id, columns.start_ms >= milliseconds(since))
    rows = select(columns.document).where(*wanted).order_by(columns.start_ms, columns.contract_id)
    return [_position_of(document) for document in tx.scalars(rows)]


def open_positions(tx: Connection, battery_id: str) -> list[Position]:
    """The positions in a battery that are not closed, the oldest first."""
    columns = energy_positions.c
    wanted = (columns.battery_id == battery_id, columns.is_closed.is_(False))
    rows = select(columns.document).where(*wanted).order_by(columns.start_ms, columns.contract_id)
    return [_position_of(document) for document in tx.scalars(rows)]


# -- batteries ----------------------------------------------------------------------------------------------------


def open_store(tx: Connection, battery_id: str, since: datetime, opening_wh: int) -> None:
    """Remember what was in a battery before its contracts charged, unless that is known."""
    row = insert_into(tx, energy_stores).values(
        battery_id=battery_id, since_ms=milliseconds(since), opening_wh=opening_wh
    )
    tx.execute(row.on_conflict_do_nothing())


def store_of(tx: Connection, battery_id: str) -> Store | None:
    """The battery's store; None: no contract has energy in it, or its state was never told."""
    row = tx.execute(select(energy_stores).where(energy_stores.c.battery_id == battery_id)).first()
    return None if row is None else _store_of(row)


def close_store(tx: Connection, battery_id: str) -> None:
    """No contract has energy in the battery any more."""
    tx.execute(delete(energy_stores).where(energy_stores.c.battery_id == battery_id))


def set_alarm(tx: Connection, battery_id: str, sentence: str | None) -> None:
    """Raise or clear the alarm of a battery."""
    of_battery = energy_stores.c.battery_id == battery_id
    tx.execute(update(energy_stores).where(of_battery).values(alarm=sentence))


def alarms(tx: Connection) -> list[Store]:
    """The batteries whose lots hold more than is measured in them."""
    raised = select(energy_stores).where(energy_stores.c.alarm.is_not(None)).order_by(energy_stores.c.battery_id)
    return [_store_of(row) for row in tx.execute(raised)]


def _store_of(row: Row[Any]) -> Store:
    return Store(row.battery_id, moment_of(row.since_ms), row.opening_wh, row.alarm)


def _position_of(document: str) -> Position:
    content: dict[str, Any] = orjson.loads(document)
    losses = Efficiencies(**{name: Decimal(text) for name, text in content["losses"].items()})
    content |= {name: Decimal(content[name]) for name in ("exact_wh", "exact_forecast_wh")}
    content |= {name: _moment(content[name]) for name in ("start", "until")}
    lots = tuple(Lot(**(lot | {"since": _moment(lot["since"])})) for lot in content["lots"])
    return Position(**(content | {"losses": losses, "lots": lots}))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
