"""Samples of the batteries' meters, the newest of each battery, what is wrong with them, and their rollups."""

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
        *_reading_columns(),
        sqlite_with_rowid=False,
    )
    op.create_index("samples_of_a_battery", "samples", ["battery_id", "time_ms"])
    op.create_table(
        "latest_samples",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        *_reading_columns(),
    )
    op.create_table(
        "meter_states",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "meter_changes",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("changed_at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("confirmed_by", sa.String(255), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "telemetry_problems",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("doubt", sa.String(40), primary_key=True),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("times_seen", sa.BigInteger, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
    )
    op.create_table(
        "set_aside",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("time_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("refusal", sa.String(40), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    _create_history()


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index("rollups_age", "rollups")
    for table in ("unrolled", "rollups"):
        op.drop_table(table)
    tables = ("set_aside", "telemetry_problems", "meter_changes", "meter_states", "latest_samples", "samples")
    for table in tables:
        op.drop_table(table)


def _reading_columns() -> "tuple[sa.Column[object], ...]":
    return (
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("soc_millionths", sa.BigInteger),
        sa.Column("power_w", sa.BigInteger),
        sa.Column("energy_in_wh", sa.BigInteger),
        sa.Column("energy_out_wh", sa.BigInteger),
        sa.Column("temperature_thousandths_c", sa.BigInteger),
        sa.Column("quality", sa.String(8), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("doubts", sa.String(255)),
    )


def _create_history() -> None:
    op.create_table(
        "rollups",
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("step_s", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("trusted", sa.Integer, nullable=False),
        *_spread_columns("soc"),
        *_spread_columns("power"),
        sa.Column("energy_in_wh", sa.BigInteger, nullable=False),
        sa.Column("energy_out_wh", sa.BigInteger, nullable=False),
        sa.Column("reading_ms", sa.BigInteger),
        sa.Column("reading_in_wh", sa.BigInteger),
        sa.Column("reading_out_wh", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("rollups_age", "rollups", ["step_s", "start_ms"])
    op.create_table(
        "unrolled",
        sa.Column("slot_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("battery_id", sa.String(255), primary_key=True),
        sa.Column("marks", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _spread_columns(name: str) -> "tuple[sa.Column[object], ...]":
    return (
        sa.Column(f"{name}_count", sa.Integer, nullable=False),
        sa.Column(f"{name}_total", sa.BigInteger),
        sa.Column(f"{name}_least", sa.BigInteger),
        sa.Column(f"{name}_most", sa.BigInteger),
        sa.Column(f"{name}_last", sa.BigInteger),
    )
