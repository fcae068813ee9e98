"""Subscribers, their keys, and the applications that wait for an answer to their challenge."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0001"
down_revision = None
branch_labels = ("registry",)
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "subscribers",
        sa.Column("subscriber_id", sa.String(255), primary_key=True),
        sa.Column("url", sa.String(2_000), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("country", sa.String(255)),
        sa.Column("city", sa.String(255)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("subscribers_place", "subscribers", ["role", "domain", "city"])
    op.create_table(
        "subscriber_keys",
        sa.Column("subscriber_id", sa.String(255), primary_key=True),
        sa.Column("key_id", sa.String(255), primary_key=True),
        sa.Column("signing_public_key", sa.String(64), nullable=False),
        sa.Column("encryption_public_key", sa.String(64), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger, nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger),
        sa.Column("proven_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("subscriber_keys_id", "subscriber_keys", ["key_id"])
    op.create_table(
        "applications",
        sa.Column("subscriber_id", sa.String(255), primary_key=True),
        sa.Column("url", sa.String(2_000), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("country", sa.String(255)),
        sa.Column("city", sa.String(255)),
        sa.Column("key_id", sa.String(255), nullable=False),
        sa.Column("signing_public_key", sa.String(64), nullable=False),
        sa.Column("encryption_public_key", sa.String(64), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger, nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger),
        sa.Column("challenge", sa.String(64)),
        sa.Column("challenge_until_ms", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("applications_due", "applications", ["due_at_ms"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("applications", "subscriber_keys", "subscribers"):
        op.drop_table(table)
