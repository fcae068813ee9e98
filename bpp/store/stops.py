"""Emergency stops: they stand until somebody releases them, over every restart."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from bpp.setpoints import Stop
from bpp.store.operation_tables import stops
from bpp.store.rows import put
from node.clocks import milliseconds, moment_of
from node.database import notify

CHANNEL = "stops"


def add(tx: Connection, stop: Stop) -> None:
    """Stop a battery, or the whole fleet; who stopped it first stays."""
    known = {each.battery_id for each in standing(tx)}
    if stop.battery_id not in known:
        row = {"battery_id": stop.battery_id, "stopped_at_ms": milliseconds(stop.at), "stopped_by": stop.by}
        put(tx, stops, row | {"reason": stop.reason})
    notify(tx, CHANNEL)


def release(tx: Connection, battery_id: str) -> bool:
    """End a stop; False: there is none."""
    ended = tx.execute(delete(stops).where(stops.c.battery_id == battery_id)).rowcount
    notify(tx, CHANNEL)
    return ended > 0


def standing(tx: Connection) -> list[Stop]:
    """The stops that stand."""
    rows = tx.execute(select(stops).order_by(stops.c.stopped_at_ms, stops.c.battery_id))
    return [Stop(row.battery_id, moment_of(row.stopped_at_ms), row.stopped_by, row.reason) for row in rows]
