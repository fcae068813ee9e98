"""The audit chain, and indexes for what an operator looks for."""

import sqlalchemy as sa
from alembic import op

revision = "node_0002"
down_revision = "node_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the indexes."""
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("about", sa.String(255)),
    )
    op.create_index("audit_about", "audit", ["about"])
    for name, table, state in (("outbox_dead", "outbox", "DEAD"), ("inbox_failed", "inbox", "FAILED")):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, table, ["id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("inbox_failed", "inbox")
    op.drop_index("outbox_dead", "outbox")
    op.drop_table("audit")
