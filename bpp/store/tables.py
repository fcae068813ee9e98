"""The tables of a battery operator's platform, beside the node's own.

Single values are columns; what is only ever read as a whole is a JSON document. Columns that end in ``_ms`` are
milliseconds since the epoch: of trade time, but for ``hold_until_ms``, ``quote_until_ms``, ``consented_at_ms`` and
``told_at_ms``, which are wire time. The migrations in ``bpp/versions`` and ``bpp/sample_versions`` create the tables;
a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
sample_metadata = MetaData()

HELD = "HELD"
COMMITTED = "COMMITTED"

batteries = Table(
    "batteries",
    metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("in_service", Boolean, nullable=False),
    Column("document", Text, nullable=False),
)

contracts = Table(
    "contracts",
    metadata,
    Column("contract_id", String(36), primary_key=True),
    Column("bap_id", String(255), nullable=False),
    Column("bap_uri", String(2_000), nullable=False),
    Column("transaction_id", String(255), nullable=False),
    Column("domain", String(255), nullable=False),
    Column("city_code", String(255)),
    Column("country_code", String(255)),
    Column("stage", String(16), nullable=False),
    Column("state", String(40), nullable=False),
    Column("state_at_ms", BigInteger, nullable=False),
    Column("battery_id", String(255), nullable=False),
    Column("energy_wh", BigInteger, nullable=False),
    Column("charge_start_ms", BigInteger, nullable=False),
    Column("charge_end_ms", BigInteger, nullable=False),
    Column("giveback_start_ms", BigInteger, nullable=False),
    Column("giveback_end_ms", BigInteger, nullable=False),
    Column("mode", String(40), nullable=False),
    Column("listed", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("quote_until_ms", BigInteger, nullable=False),
    Column("producer_meter_address", Text),
    Column("billing", Text),
    Column("form_token", String(64), unique=True),
    Column("submission_id", String(36)),
    Column("consented_by", Text),
    Column("consented_at_ms", BigInteger),
    Column("track_token", String(64), unique=True),
    Column("created_at_ms", BigInteger),
    Column("updated_at_ms", BigInteger),
    Column("cancellation", Text),
    Column("told", Text),
    Column("told_at_ms", BigInteger),
    Column("undelivered", Text),
    UniqueConstraint("bap_id", "transaction_id", name="contracts_transaction"),
    Index("contracts_stage", "stage", "charge_start_ms"),
)

bookings = Table(
    "bookings",
    metadata,
    Column("booking_id", String(36), primary_key=True),
    Column("battery_id", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("hold_until_ms", BigInteger),
    Column("charge_start_ms", BigInteger, nullable=False),
    Column("charge_end_ms", BigInteger, nullable=False),
    Column("giveback_start_ms", BigInteger, nullable=False),
    Column("giveback_end_ms", BigInteger, nullable=False),
    Column("charge_w", BigInteger, nullable=False),
    Column("discharge_w", BigInteger, nullable=False),
    Column("stored_wh", BigInteger, nullable=False),
    Index("bookings_battery", "battery_id", "giveback_end_ms"),
    Index("bookings_end", "giveback_end_ms"),
    Index("bookings_hold", "hold_until_ms"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("bap_id", String(255), primary_key=True),
    Column("category", String(16), primary_key=True),
    Column("rated_id", String(255), primary_key=True),
    Column("battery_id", String(255)),
    Column("value", Integer, nullable=False),
    Column("rated_at_ms", BigInteger, nullable=False),
    Index("ratings_battery", "battery_id"),
)

invoice_series = Table(
    "invoice_series",
    metadata,
    Column("series", String(16), primary_key=True),
    Column("last_number", Integer, nullable=False),
)

invoices = Table(
    "invoices",
    metadata,
    Column("contract_id", String(36), primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("token", String(64), nullable=False, unique=True),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("digest_sha256", String(64), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("invoices_issued", "issued_at_ms"),
)

samples = Table(
    "samples",
    sample_metadata,
    Column("time_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("battery_id", String(255), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("soc_millionths", BigInteger),
    Column("power_w", BigInteger),
    Column("energy_in_wh", BigInteger, nullable=False),
    Column("energy_out_wh", BigInteger, nullable=False),
    Column("quality", String(8), nullable=False),
    Column("source", String(64), nullable=False),
    sqlite_with_rowid=False,
)

latest_samples = Table(
    "latest_samples",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("soc_millionths", BigInteger),
    Column("power_w", BigInteger),
    Column("energy_in_wh", BigInteger, nullable=False),
    Column("energy_out_wh", BigInteger, nullable=False),
    Column("quality", String(8), nullable=False),
    Column("source", String(64), nullable=False),
)
