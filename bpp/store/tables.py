"""The tables of a battery operator's platform, beside the node's own.

Single values are columns; what is only ever read as a whole is a JSON document. Columns that end in ``_ms`` are
milliseconds since the epoch: of trade time, but for ``hold_until_ms``, ``quote_until_ms``, ``consented_at_ms``,
``told_at_ms`` and ``searched_at_ms``, which are wire time. The migrations in ``bpp/versions`` and
``bpp/sample_versions`` create the tables; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from node.callers import DEFAULT_ACCOUNT
from node.personal_columns import PersonalData

metadata = MetaData()
sample_metadata = MetaData()

HELD = "HELD"
COMMITTED = "COMMITTED"

batteries = Table(
    "batteries",
    metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("in_service", Boolean, nullable=False),
    Column("site_id", String(255)),
    Column("document", Text, nullable=False),
    Column("account", String(255), nullable=False, server_default=DEFAULT_ACCOUNT),
    Column("retired_at_ms", BigInteger),
    Index("batteries_site", "site_id"),
)

sites = Table(
    "sites",
    metadata,
    Column("site_id", String(255), primary_key=True),
    Column("document", Text, nullable=False),
)

fleet_changes = Table(
    "fleet_changes",
    metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("change_no", BigInteger, nullable=False),
    Column("battery_no", BigInteger, nullable=False),
    Index("fleet_changes_no", "change_no"),
)

fleet_counter = Table(
    "fleet_counter",
    metadata,
    Column("counter", String(16), primary_key=True),
    Column("last_no", BigInteger, nullable=False),
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
    Column("billing", PersonalData),
    Column("form_token", String(64), unique=True),
    Column("form_once", String(64)),
    Column("agreements", Text),
    Column("submission_id", String(36)),
    Column("consented_by", PersonalData),
    Column("consented_at_ms", BigInteger),
    Column("track_token", String(64), unique=True),
    Column("created_at_ms", BigInteger),
    Column("updated_at_ms", BigInteger),
    Column("cancellation", Text),
    Column("told", Text),
    Column("told_at_ms", BigInteger),
    Column("undelivered", Text),
    Column("return_wh", BigInteger),
    Column("payment_report", Text),
    Column("bargain", Text),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("order_id", String(36), nullable=False),
    Column("part_no", Integer, nullable=False),
    Column("part_count", Integer, nullable=False),
    Column("placement", Text),
    UniqueConstraint("bap_id", "transaction_id", "part_no", name="contracts_transaction"),
    Index("contracts_order", "order_id"),
    Index("contracts_stage", "stage", "charge_start_ms"),
)

spoken = Table(
    "spoken",
    metadata,
    Column("bap_id", String(255), primary_key=True),
    Column("transaction_id", String(255), primary_key=True),
    Column("energy_wh", BigInteger, nullable=False),
    Column("charge_start_ms", BigInteger),
    Column("charge_end_ms", BigInteger),
    Column("giveback_start_ms", BigInteger),
    Column("giveback_end_ms", BigInteger),
    Column("mode", String(40)),
    Column("searched_at_ms", BigInteger, nullable=False),
    Index("spoken_searched", "searched_at_ms"),
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
    Column("number", String(16), primary_key=True),
    Column("contract_id", String(36), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("corrects", String(16)),
    Column("token", String(64), nullable=False, unique=True),
    Column("issued_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("digest_sha256", String(64), nullable=False),
    Column("document", PersonalData, nullable=False),
    Index("invoices_issued", "issued_at_ms"),
    Index("invoices_contract", "contract_id"),
    Index("invoices_corrects", "corrects"),
)


def _reading_columns() -> tuple[Column[Any], ...]:
    """What a sample has beside its battery and time; ``doubts`` are names of `energy.plausibility.Doubt`."""
    return (
        Column("sequence", BigInteger, nullable=False),
        Column("soc_millionths", BigInteger),
        Column("power_w", BigInteger),
        Column("energy_in_wh", BigInteger),
        Column("energy_out_wh", BigInteger),
        Column("temperature_thousandths_c", BigInteger),
        Column("quality", String(8), nullable=False),
        Column("source", String(64), nullable=False),
        Column("doubts", String(255)),
    )


samples = Table(
    "samples",
    sample_metadata,
    Column("time_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("battery_id", String(255), primary_key=True),
    *_reading_columns(),
    # What one battery measured in a window, without looking at all the others' samples of that time.
    Index("samples_of_a_battery", "battery_id", "time_ms"),
    sqlite_with_rowid=False,
)

latest_samples = Table(
    "latest_samples",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    *_reading_columns(),
)

meter_states = Table(
    "meter_states",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("document", Text, nullable=False),
)

meter_changes = Table(
    "meter_changes",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("changed_at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("confirmed_by", String(255), nullable=False),
    Column("note", Text, nullable=False),
)

telemetry_problems = Table(
    "telemetry_problems",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("doubt", String(40), primary_key=True),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("times_seen", BigInteger, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("source", String(64), nullable=False),
)

set_aside = Table(
    "set_aside",
    sample_metadata,
    Column("battery_id", String(255), primary_key=True),
    Column("time_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("refusal", String(40), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("document", Text, nullable=False),
)
