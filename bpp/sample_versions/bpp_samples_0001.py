"""Samples of the batteries' meters, and the newest of each battery."""

import sqlalchemy as sa
from alembic import op

revision = "bpp_samples_0001"
down_revision = None
branch_labels = ("bpp_samples",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "samples",
        sa.Column("time_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("soc_millionths", sa.BigInteger),
        sa.Column("power_w", sa.BigInteger),
        sa.Column("energy_in_wh", sa.BigInteger, nullable=False),
        sa.Column("energy_out_wh", sa.BigInteger, nullable=False),
        sa.Column("quality", sa.String(8), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "latest_samples",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("soc_millionths", sa.BigInteger),
        sa.Column("power_w", sa.BigInteger),
        sa.Column("energy_in_wh", sa.BigInteger, nullable=False),
        sa.Column("energy_out_wh", sa.BigInteger, nullable=False),
        sa.Column("quality", sa.String(8), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("latest_samples", "samples"):
        op.drop_table(table)
