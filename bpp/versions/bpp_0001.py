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
        sa.Column("site_id", sa.String(255)),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("account", sa.String(255), nullable=False, server_default="default"),
        sa.Column("retired_at_ms", sa.BigInteger),
    )
    op.create_index("batteries_site", "batteries", ["site_id"])
    op.create_table(
        "sites",
        sa.Column("site_id", sa.String(255), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "fleet_changes",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("change_no", sa.BigInteger, nullable=False),
        sa.Column("battery_no", sa.BigInteger, nullable=False),
    )
    op.create_index("fleet_changes_no", "fleet_changes", ["change_no"])
    op.create_table(
        "fleet_counter",
        sa.Column("counter", sa.String(16), primary_key=True),
        sa.Column("last_no", sa.BigInteger, nullable=False),
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
        sa.Column("billing", sa.LargeBinary),
        sa.Column("form_token", sa.String(64), unique=True),
        sa.Column("form_once", sa.String(64)),
        sa.Column("agreements", sa.Text),
        sa.Column("submission_id", sa.String(36)),
        sa.Column("consented_by", sa.LargeBinary),
        sa.Column("consented_at_ms", sa.BigInteger),
        sa.Column("track_token", sa.String(64), unique=True),
        sa.Column("created_at_ms", sa.BigInteger),
        sa.Column("updated_at_ms", sa.BigInteger),
        sa.Column("cancellation", sa.Text),
        sa.Column("told", sa.Text),
        sa.Column("told_at_ms", sa.BigInteger),
        sa.Column("undelivered", sa.Text),
        sa.Column("return_wh", sa.BigInteger),
        sa.Column("payment_report", sa.Text),
        sa.Column("bargain", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("order_id", sa.String(36), nullable=False),
        sa.Column("part_no", sa.Integer, nullable=False),
        sa.Column("part_count", sa.Integer, nullable=False),
        sa.Column("placement", sa.Text),
        sa.UniqueConstraint("bap_id", "transaction_id", "part_no", name="contracts_transaction"),
    )
    op.create_index("contracts_order", "contracts", ["order_id"])
    op.create_index("contracts_stage", "contracts", ["stage", "charge_start_ms"])
    op.create_table(
        "spoken",
        sa.Column("bap_id", sa.String(255), primary_key=True),
        sa.Column("transaction_id", sa.String(255), primary_key=True),
        sa.Column("energy_wh", sa.BigInteger, nullable=False),
        sa.Column("charge_start_ms", sa.BigInteger),
        sa.Column("charge_end_ms", sa.BigInteger),
        sa.Column("giveback_start_ms", sa.BigInteger),
        sa.Column("giveback_end_ms", sa.BigInteger),
        sa.Column("mode", sa.String(40)),
        sa.Column("searched_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("spoken_searched", "spoken", ["searched_at_ms"])
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
        sa.Column("number", sa.String(16), primary_key=True),
        sa.Column("contract_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("corrects", sa.String(16)),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
        sa.Column("issued_at_ms", sa.BigInteger, nullable=False),
        sa.Column("due_at_ms", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("digest_sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("invoices_issued", "invoices", ["issued_at_ms"])
    op.create_index("invoices_contract", "invoices", ["contract_id"])
    op.create_index("invoices_corrects", "invoices", ["corrects"])
    _create_service()
    _create_operation()
    _create_ledger()
    _create_payments()


def _create_service() -> None:
    op.create_table(
        "feedback",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("once", sa.String(64), nullable=False),
        sa.Column("bap_id", sa.String(255), nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("rated_id", sa.String(255), nullable=False),
        sa.Column("words", sa.LargeBinary),
        sa.Column("given_at_ms", sa.BigInteger),
        sa.UniqueConstraint("bap_id", "category", "rated_id", name="feedback_of_a_rating"),
    )
    op.create_table(
        "support_links",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("once", sa.String(64), nullable=False),
        sa.Column("bap_id", sa.String(255), nullable=False),
        sa.Column("ref_id", sa.String(255), nullable=False),
        sa.Column("contract_id", sa.String(36)),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("support_links_expiry", "support_links", ["expires_at_ms"])
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("bap_id", sa.String(255)),
        sa.Column("ref_id", sa.String(255)),
        sa.Column("contract_id", sa.String(36)),
        sa.Column("battery_id", sa.String(255)),
        sa.Column("maintenance_start_ms", sa.BigInteger),
        sa.Column("maintenance_end_ms", sa.BigInteger),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("tickets_of_a_link", "tickets", ["bap_id", "ref_id"])
    op.create_index("tickets_updated", "tickets", ["updated_at_ms"])


def _create_operation() -> None:
    op.create_table(
        "live_states",
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("contract_id", sa.String(36), nullable=False),
        sa.Column("told_at_ms", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("live_states_of_a_contract", "live_states", ["contract_id", "event_id"])
    op.create_index("live_states_told", "live_states", ["told_at_ms"])
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(36), primary_key=True),
        sa.Column("change_no", sa.BigInteger, nullable=False),
        sa.Column("battery_id", sa.String(255), nullable=False),
        sa.Column("contract_id", sa.String(36)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("raised_at_ms", sa.BigInteger, nullable=False),
        sa.Column("cleared_at_ms", sa.BigInteger),
        sa.Column("acknowledged_at_ms", sa.BigInteger),
        sa.Column("acknowledged_by", sa.String(255)),
    )
    op.create_index("alerts_changed", "alerts", ["change_no"])
    op.create_index("alerts_open", "alerts", ["cleared_at_ms"])
    op.create_table(
        "stops",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("stopped_at_ms", sa.BigInteger, nullable=False),
        sa.Column("stopped_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _create_ledger() -> None:
    op.create_table(
        "energy_positions",
        sa.Column("contract_id", sa.String(36), primary_key=True),
        sa.Column("battery_id", sa.String(255), nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("is_closed", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("energy_positions_of_a_battery", "energy_positions", ["battery_id", "start_ms"])
    op.create_table(
        "energy_stores",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("opening_wh", sa.BigInteger, nullable=False),
        sa.Column("alarm", sa.Text),
    )


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.String(36), primary_key=True),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(160), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("booked_at_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("asked_for", sa.String(36)),
        sa.Column("url", sa.String(2_000)),
        sa.Column("details", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("origin", "source_id", name="payments_source"),
    )
    op.create_index("payments_booked", "payments", ["booked_at_ms"])
    op.create_index("payments_state", "payments", ["state"])
    op.create_index("payments_asked_for", "payments", ["asked_for"])
    op.create_table(
        "allocations",
        sa.Column("payment_id", sa.String(36), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("purpose", sa.String(8), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
    )
    op.create_index("allocations_target", "allocations", ["purpose", "target"])
    _create_payment_sources()


def _create_payment_sources() -> None:
    op.create_table(
        "statements",
        sa.Column("digest_sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("imported_at_ms", sa.BigInteger, nullable=False),
        sa.Column("line_count", sa.Integer, nullable=False),
        sa.Column("new_count", sa.Integer, nullable=False),
    )
    op.create_table(
        "payment_events",
        sa.Column("event_id", sa.String(255), primary_key=True),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("digest_sha256", sa.String(64), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )
    op.create_table(
        "paid_news",
        sa.Column("contract_id", sa.String(36), primary_key=True),
        sa.Column("noted_at_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("paid_news", "payment_events", "statements", "allocations", "payments"):
        op.drop_table(table)
    for table in ("energy_stores", "energy_positions"):
        op.drop_table(table)
    for table in ("stops", "alerts", "live_states"):
        op.drop_table(table)
    for table in ("tickets", "support_links", "feedback"):
        op.drop_table(table)
    for table in ("invoices", "invoice_series", "ratings", "bookings", "contracts", "fleet_counter", "fleet_changes"):
        op.drop_table(table)
    for table in ("spoken", "sites", "batteries"):
        op.drop_table(table)
