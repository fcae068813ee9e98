"""Alerts in the database: raised, cleared and acknowledged, each change with a number that only grows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from bpp.alerts import Alert, AlertKey, AlertKind
from bpp.store.operation_tables import alerts
from bpp.store.rows import put
from node.clocks import milliseconds, moment_of
from node.database import lock, notify

CHANNEL = "alerts"
Numbered = tuple[int, Alert]
"""An alert with the number of its last change."""


def save(tx: Connection, alert: Alert, change_no: int) -> None:
    """Write an alert as it is now, and tell who follows them."""
    key = alert.key
    row = {
        "alert_id": alert.alert_id,
        "change_no": change_no,
        "battery_id": key.battery_id,
        "contract_id": key.contract_id,
        "kind": key.kind.value,
        "sentence": alert.sentence,
        "raised_at_ms": milliseconds(alert.raised_at),
        "cleared_at_ms": _ms(alert.cleared_at),
        "acknowledged_at_ms": _ms(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
    }
    put(tx, alerts, row)
    notify(tx, CHANNEL)


def clear(tx: Connection, alert_id: str, cleared_at: datetime, change_no: int) -> None:
    """The trouble is over; who acknowledged it stays."""
    values = {"cleared_at_ms": milliseconds(cleared_at), "change_no": change_no}
    tx.execute(update(alerts).where(alerts.c.alert_id == alert_id).values(values))
    notify(tx, CHANNEL)


def acknowledge(tx: Connection, alert_id: str, by: str, at: datetime, change_no: int) -> Alert | None:
    """Somebody has seen it; the first who said so stays. None: there is no such alert."""
    lock(tx, alerts, [alert_id])
    mine = alerts.c.alert_id == alert_id
    row = tx.execute(select(alerts).where(mine)).first()
    if row is None:
        return None
    if row.acknowledged_at_ms is None:
        seen = {"acknowledged_at_ms": milliseconds(at), "acknowledged_by": by, "change_no": change_no}
        tx.execute(update(alerts).where(mine).values(seen))
        notify(tx, CHANNEL)
    return _alert_of(tx.execute(select(alerts).where(mine)).one())


def raised(tx: Connection) -> list[Alert]:
    """The alerts that are raised and not cleared."""
    rows = tx.execute(select(alerts).where(alerts.c.cleared_at_ms.is_(None)).order_by(alerts.c.raised_at_ms))
    return [_alert_of(row) for row in rows]


def listed(tx: Connection, battery_id: str | None, limit: int, *, only_open: bool) -> list[Alert]:
    """The newest alerts, newest first; ``only_open``: those that are raised or not acknowledged."""
    wanted = select(alerts)
    if battery_id is not None:
        wanted = wanted.where(alerts.c.battery_id == battery_id)
    if only_open:
        wanted = wanted.where(alerts.c.cleared_at_ms.is_(None) | alerts.c.acknowledged_at_ms.is_(None))
    rows = tx.execute(wanted.order_by(alerts.c.raised_at_ms.desc(), alerts.c.alert_id).limit(limit))
    return [_alert_of(row) for row in rows]


def changed_after(tx: Connection, change_no: int, limit: int) -> list[Numbered]:
    """The alerts whose last change has a greater number, in that order."""
    rows = tx.execute(select(alerts).where(alerts.c.change_no > change_no).order_by(alerts.c.change_no).limit(limit))
    return [(row.change_no, _alert_of(row)) for row in rows]


def _alert_of(row: Row[Any]) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        key=AlertKey(AlertKind(row.kind), row.battery_id, row.contract_id),
        sentence=row.sentence,
        raised_at=moment_of(row.raised_at_ms),
        cleared_at=_moment(row.cleared_at_ms),
        acknowledged_at=_moment(row.acknowledged_at_ms),
        acknowledged_by=row.acknowledged_by,
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_of(ms)
