"""The tables of payments: what moved, what it was used for, and the files and events that told of it.

``details`` of a payment, which are personal data, are who paid and what the payer wrote. ``allocations`` are only ever
added to. ``paid_news`` are the contracts whose other side has to hear that their bill is paid, or is not any more.
``booked_at_ms`` is midnight of the bank's date, or trade time where there is none; ``at_ms`` is trade time.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from bpp.store.tables import metadata
from node.personal_columns import PersonalData

payments = Table(
    "payments",
    metadata,
    Column("payment_id", String(36), primary_key=True),
    Column("origin", String(16), nullable=False),
    Column("source_id", String(160), nullable=False),
    Column("way", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("booked_at_ms", BigInteger, nullable=False),
    Column("reason", Text),
    Column("asked_for", String(36)),
    Column("url", String(2_000)),
    Column("details", PersonalData, nullable=False),
    UniqueConstraint("origin", "source_id", name="payments_source"),
    Index("payments_booked", "booked_at_ms"),
    Index("payments_state", "state"),
    Index("payments_asked_for", "asked_for"),
)

allocations = Table(
    "allocations",
    metadata,
    Column("payment_id", String(36), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("purpose", String(8), nullable=False),
    Column("target", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("made_by", String(255), nullable=False),
    Index("allocations_target", "purpose", "target"),
)

statements = Table(
    "statements",
    metadata,
    Column("digest_sha256", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("imported_at_ms", BigInteger, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("new_count", Integer, nullable=False),
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("digest_sha256", String(64), nullable=False),
    Column("outcome", Text, nullable=False),
)

paid_news = Table(
    "paid_news",
    metadata,
    Column("contract_id", String(36), primary_key=True),
    Column("noted_at_ms", BigInteger, nullable=False),
)
