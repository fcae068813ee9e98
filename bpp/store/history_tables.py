"""The tables of history, in the samples' database: rollups, and which of them the samples have left behind.

``reading_…`` is the last register reading that was accepted. Columns that end in ``_ms`` are milliseconds since the
epoch of trade time. `energy.rollups` says what the others are.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from bpp.store.tables import sample_metadata

rollups = Table(
    "rollups",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("step_s", Integer, primary_key=True, autoincrement=False),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("samples", Integer, nullable=False),
    Column("trusted", Integer, nullable=False),
    Column("soc_count", Integer, nullable=False),
    Column("soc_total", BigInteger),
    Column("soc_least", BigInteger),
    Column("soc_most", BigInteger),
    Column("soc_last", BigInteger),
    Column("power_count", Integer, nullable=False),
    Column("power_total", BigInteger),
    Column("power_least", BigInteger),
    Column("power_most", BigInteger),
    Column("power_last", BigInteger),
    Column("energy_in_wh", BigInteger, nullable=False),
    Column("energy_out_wh", BigInteger, nullable=False),
    Column("reading_ms", BigInteger),
    Column("reading_in_wh", BigInteger),
    Column("reading_out_wh", BigInteger),
    Index("rollups_age", "step_s", "start_ms"),
    sqlite_with_rowid=False,
)

unrolled = Table(
    "unrolled",
    sample_metadata,
    Column("slot_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("battery_id", String(255), primary_key=True),
    Column("marks", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
