"""The tables of operation: the live states that were told, alerts, and emergency stops.

Columns that end in ``_ms`` are milliseconds since the epoch of wire time, but for ``raised_at_ms`` and
``cleared_at_ms``, which are trade time. ``event_id`` and ``change_no`` only grow: who has seen one asks for what is
above it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from bpp.store.tables import metadata

live_states = Table(
    "live_states",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("contract_id", String(36), nullable=False),
    Column("told_at_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("live_states_of_a_contract", "contract_id", "event_id"),
    Index("live_states_told", "told_at_ms"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(36), primary_key=True),
    Column("change_no", BigInteger, nullable=False),
    Column("battery_id", String(255), nullable=False),
    Column("contract_id", String(36)),
    Column("kind", String(32), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("raised_at_ms", BigInteger, nullable=False),
    Column("cleared_at_ms", BigInteger),
    Column("acknowledged_at_ms", BigInteger),
    Column("acknowledged_by", String(255)),
    Index("alerts_changed", "change_no"),
    Index("alerts_open", "cleared_at_ms"),
)

stops = Table(
    "stops",
    metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("stopped_at_ms", BigInteger, nullable=False),
    Column("stopped_by", String(255), nullable=False),
    Column("reason", Text, nullable=False),
)
