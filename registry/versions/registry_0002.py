"""Who the operator lets in or keeps out, keys withdrawn before their time, and the log of every change."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0002"
down_revision = "registry_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("subscribers", sa.Column("admission", sa.String(16), nullable=False, server_default="ADMITTED"))
    op.add_column("subscriber_keys", sa.Column("withdrawn_at_ms", sa.BigInteger))
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("audit")
    op.drop_column("subscriber_keys", "withdrawn_at_ms")
    op.drop_column("subscribers", "admission")
