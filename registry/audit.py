"""The registry's log of every change, chained by hashes (`node.hashchain`), in the transaction of the change itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, MetaData

from node.clocks import milliseconds
from node.hashchain import append, chain_table
from protocol.moments import timestamp_text

REGISTRY = "registry"

# Of all the registry's tables; the others stand in `registry.store`.
metadata = MetaData()
audit = chain_table("audit", metadata)


def record(tx: Connection, now: datetime, actor: str, event: str, subscriber_id: str, **facts: object) -> None:
    """``actor`` (a subscriber, the operator's address, or the registry itself) changed something of a subscriber."""
    shown = {name: timestamp_text(fact) if isinstance(fact, datetime) else fact for name, fact in facts.items()}
    append(tx, audit, milliseconds(now), actor, {"event": event, "subscriber_id": subscriber_id, **shown})
