"""Searches, answers, offers, contracts, requests, readings and invoices."""

import sqlalchemy as sa
from alembic import op

revision = "bap_0001"
down_revision = None
branch_labels = ("bap",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_market()
    _create_trade()


def _create_market() -> None:
    op.create_table(
        "searches",
        sa.Column("search_id", sa.String(255), primary_key=True),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("intent", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_index("searches_created", "searches", ["created_at_ms"])
    op.create_table(
        "answers",
        sa.Column("search_id", sa.String(255), primary_key=True),
        sa.Column("bpp_id", sa.String(255), primary_key=True),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("inbox_id", sa.BigInteger, nullable=False),
        sa.Column("pages", sa.Integer, nullable=False),
    )
    op.create_table(
        "answer_pages",
        sa.Column("search_id", sa.String(255), primary_key=True),
        sa.Column("bpp_id", sa.String(255), primary_key=True),
        sa.Column("page", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("inbox_id", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "offers",
        sa.Column("offer_id", sa.String(36), primary_key=True),
        sa.Column("search_id", sa.String(255), nullable=False),
        sa.Column("bpp_id", sa.String(255), nullable=False),
        sa.Column("bpp_uri", sa.String(2_000), nullable=False),
        sa.Column("provider_id", sa.String(255), nullable=False),
        sa.Column("item_id", sa.String(255), nullable=False),
        sa.Column("inbox_id", sa.BigInteger, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("offer", sa.Text, nullable=False),
        sa.UniqueConstraint("search_id", "bpp_id", "provider_id", "item_id", name="offers_of_one_item"),
    )


def _create_trade() -> None:
    op.create_table(
        "contracts",
        sa.Column("contract_id", sa.String(255), primary_key=True),
        sa.Column("search_id", sa.String(255), nullable=False),
        sa.Column("bpp_id", sa.String(255), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("contracts_created", "contracts", ["created_at_ms"])
    op.create_table(
        "requests",
        sa.Column("message_id", sa.String(255), primary_key=True),
        sa.Column("contract_id", sa.String(255), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked", sa.Text),
        sa.Column("inbox_id", sa.BigInteger),
    )
    op.create_index("requests_of_a_contract", "requests", ["contract_id", "sent_at_ms"])
    op.create_table(
        "readings",
        sa.Column("contract_id", sa.String(255), primary_key=True),
        sa.Column("measured_at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("inbox_id", sa.BigInteger, nullable=False),
        sa.Column("live", sa.Text, nullable=False),
    )
    op.create_table(
        "invoices",
        sa.Column("contract_id", sa.String(255), primary_key=True),
        sa.Column("digest_sha256", sa.String(64), nullable=False),
        sa.Column("fetched_at_ms", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    _create_bills()


def _create_bills() -> None:
    op.create_table(
        "own_intervals",
        sa.Column("contract_id", sa.String(255), primary_key=True),
        sa.Column("start_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("energy_in_wh", sa.BigInteger, nullable=False),
        sa.Column("energy_out_wh", sa.BigInteger, nullable=False),
        sa.Column("quality", sa.Integer, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "bill_decisions",
        sa.Column("contract_id", sa.String(255), primary_key=True),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("digest_sha256", sa.String(64), nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("bill_decisions", "own_intervals"):
        op.drop_table(table)
    for table in ("invoices", "readings", "requests", "contracts", "offers", "answer_pages", "answers", "searches"):
        op.drop_table(table)
