"""The tables of what is said about a trade: feedback, links to support, and tickets.

What people wrote is personal data and sealed as such. Columns that end in ``_ms`` are milliseconds since the epoch of
wire time, but for those of maintenance, which are trade time.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, UniqueConstraint

from bpp.store.tables import metadata
from node.personal_columns import PersonalData

feedback = Table(
    "feedback",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("once", String(64), nullable=False),
    Column("bap_id", String(255), nullable=False),
    Column("category", String(16), nullable=False),
    Column("rated_id", String(255), nullable=False),
    Column("words", PersonalData),
    Column("given_at_ms", BigInteger),
    UniqueConstraint("bap_id", "category", "rated_id", name="feedback_of_a_rating"),
)

support_links = Table(
    "support_links",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("once", String(64), nullable=False),
    Column("bap_id", String(255), nullable=False),
    Column("ref_id", String(255), nullable=False),
    Column("contract_id", String(36)),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index("support_links_expiry", "expires_at_ms"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_id", String(36), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("state", String(16), nullable=False),
    Column("bap_id", String(255)),
    Column("ref_id", String(255)),
    Column("contract_id", String(36)),
    Column("battery_id", String(255)),
    Column("maintenance_start_ms", BigInteger),
    Column("maintenance_end_ms", BigInteger),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("document", PersonalData, nullable=False),
    Index("tickets_of_a_link", "bap_id", "ref_id"),
    Index("tickets_updated", "updated_at_ms"),
)
