"""Batteries, contracts, bookings, ratings and invoices."""

import sqlalchemy as sa
from alembic import op

revision = "bpp_0001"
down_revision = None
branch_labels = ("bpp",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "batteries",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("in_service", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "contracts",
        sa.Column("contract_id", sa.String(36), primary_key=True),
        sa.Column("bap_id", sa.String(255), nullable=False),
        sa.Column("bap_uri", sa.String(2_000), nullable=False),
        sa.Column("transaction_id", sa.String(255), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("city_code", sa.String(255)),
        sa.Column("country_code", sa.String(255)),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("state_at_ms", sa.BigInteger, nullable=False),
        sa.Column("battery_id", sa.String(255), nullable=False),
        sa.Column("energy_wh", sa.BigInteger, nullable=False),
        sa.Column("charge_start_ms", sa.BigInteger, nullable=False),
        sa.Column("charge_end_ms", sa.BigInteger, nullable=False),
        sa.Column("giveback_start_ms", sa.BigInteger, nullable=False),
        sa.Column("giveback_end_ms", sa.BigInteger, nullable=False),
        sa.Column("mode", sa.String(40), nullable=False),
        sa.Column("listed", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("quote_until_ms", sa.BigInteger, nullable=False),
        sa.Column("producer_meter_address", sa.Text),
        sa.Column("billing", sa.Text),
        sa.Column("form_token", sa.String(64), unique=True),
        sa.Column("submission_id", sa.String(36)),
        sa.Column("consented_by", sa.Text),
        sa.Column("consented_at_ms", sa.BigInteger),
        sa.Column("track_token", sa.String(64), unique=True),
        sa.Column("created_at_ms", sa.BigInteger),
        sa.Column("updated_at_ms", sa.BigInteger),
        sa.Column("cancellation", sa.Text),
        sa.Column("told", sa.Text),
        sa.Column("told_at_ms", sa.BigInteger),
        sa.Column("undelivered", sa.Text),
        sa.UniqueConstraint("bap_id", "transaction_id", name="contracts_transaction"),
    )
    op.create_index("contracts_stage", "contracts", ["stage", "charge_start_ms"])
    op.create_table(
        "bookings",
        sa.Column("booking_id", sa.String(36), primary_key=True),
        sa.Column("battery_id", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("hold_until_ms", sa.BigInteger),
        sa.Column("charge_start_ms", sa.BigInteger, nullable=False),
        sa.Column("charge_end_ms", sa.BigInteger, nullable=False),
        sa.Column("giveback_start_ms", sa.BigInteger, nullable=False),
        sa.Column("giveback_end_ms", sa.BigInteger, nullable=False),
        sa.Column("charge_w", sa.BigInteger, nullable=False),
        sa.Column("discharge_w", sa.BigInteger, nullable=False),
        sa.Column("stored_wh", sa.BigInteger, nullable=False),
    )
    op.create_index("bookings_battery", "bookings", ["battery_id", "giveback_end_ms"])
    op.create_index("bookings_end", "bookings", ["giveback_end_ms"])
    op.create_index("bookings_hold", "bookings", ["hold_until_ms"])
    op.create_table(
        "ratings",
        sa.Column("bap_id", sa.String(255), primary_key=True),
        sa.Column("category", sa.String(16), primary_key=True),
        sa.Column("rated_id", sa.String(255), primary_key=True),
        sa.Column("battery_id", sa.String(255)),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("rated_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ratings_battery", "ratings", ["battery_id"])
    op.create_table(
        "invoice_series",
        sa.Column("series", sa.String(16), primary_key=True),
        sa.Column("last_number", sa.Integer, nullable=False),
    )
    op.create_table(
        "invoices",
        sa.Column("contract_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.String(16), nullable=False, unique=True),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
        sa.Column("issued_at_ms", sa.BigInteger, nullable=False),
        sa.Column("due_at_ms", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("digest_sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("invoices_issued", "invoices", ["issued_at_ms"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("invoices", "invoice_series", "ratings", "bookings", "contracts", "batteries"):
        op.drop_table(table)
