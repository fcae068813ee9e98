"""Whose search and whose contract it is; what was there before is the default account's."""

import sqlalchemy as sa
from alembic import op

revision = "bap_0002"
down_revision = "bap_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and their indexes."""
    for table in ("searches", "contracts"):
        op.add_column(table, sa.Column("account", sa.String(255), nullable=False, server_default="default"))
        op.create_index(f"{table}_of_an_account", table, ["account", "created_at_ms"])


def downgrade() -> None:
    """Drop them."""
    for table in ("searches", "contracts"):
        op.drop_index(f"{table}_of_an_account", table)
        op.drop_column(table, "account")
