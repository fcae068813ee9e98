"""Inbox, outbox, destinations, the ledger, and the names of the data keys that personal data is sealed under."""

import sqlalchemy as sa
from alembic import op

revision = "node_0001"
down_revision = None
branch_labels = ("node",)
depends_on = None


_PENDING = sa.text("state = 'PENDING'")


def upgrade() -> None:
    """Create the tables."""
    _create_inbox()
    _create_outbox()
    op.create_table(
        "destinations",
        sa.Column("destination", sa.String(2_000), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("retry_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "data_keys",
        sa.Column("key_id", sa.String(16), primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("dedup_key", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary(64), nullable=False),
        sa.Column("sender_id", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(255), nullable=False),
        sa.Column("gateway_id", sa.String(255)),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("transaction_id", sa.String(255), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("authorization", sa.Text, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("inbox_pending", "inbox", ["id"], sqlite_where=_PENDING, postgresql_where=_PENDING)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("destination", sa.String(2_000), nullable=False),
        sa.Column("transaction_id", sa.String(255), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("relayed_authorization", sa.Text),
        sa.Column("coalesce_key", sa.String(255)),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("not_after_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_token", sa.String(64)),
        sa.Column("finished_at_ms", sa.BigInteger),
        sa.Column("response_status", sa.Integer),
        sa.Column("last_error", sa.Text),
    )
    op.create_index(
        "outbox_lane",
        "outbox",
        ["destination", "transaction_id", "id"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.create_index("outbox_due", "outbox", ["destination", "id"], sqlite_where=_PENDING, postgresql_where=_PENDING)
    op.create_index("outbox_transaction", "outbox", ["transaction_id"])
    _create_ledger()


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(1_000), nullable=False, unique=True),
        sa.Column("contract_id", sa.String(255), nullable=False),
    )
    op.create_index("ledger_of_a_contract", "ledger", ["contract_id", "seq"])
    op.create_index("ledger_booked", "ledger", ["at_ms", "seq"])
    op.create_table(
        "ledger_balances",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("detail", sa.String(600), primary_key=True),
        sa.Column("unit", sa.String(3), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_roots",
        sa.Column("last_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(255), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("ledger_roots", "ledger_balances", "ledger", "data_keys", "destinations", "outbox", "inbox"):
        op.drop_table(table)
