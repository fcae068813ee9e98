"""The tables behind the energy in the ledger, whose entries are `node.tables`': positions, and batteries' states.

``start_ms`` and ``since_ms`` are trade time. A document is a `energy.ledger_lots.Position`. ``alarm`` is a sentence
while a battery's lots hold more than was measured in it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text

from bpp.store.tables import metadata

energy_positions = Table(
    "energy_positions",
    metadata,
    Column("contract_id", String(36), primary_key=True),
    Column("battery_id", String(255), nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("is_closed", Boolean, nullable=False),
    Column("document", Text, nullable=False),
    Index("energy_positions_of_a_battery", "battery_id", "start_ms"),
)

energy_stores = Table(
    "energy_stores",
    metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("opening_wh", BigInteger, nullable=False),
    Column("alarm", Text),
)
