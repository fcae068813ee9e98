"""The tables under every participant: inbox, outbox, destinations, audit chain, ledger, data keys, access to its API.

Wire times are milliseconds since the epoch (`node.clocks.milliseconds`). The migration in ``node/migrations/versions``
creates them; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from node.hashchain import chain_table
from node.personal_columns import PersonalData

metadata = MetaData()

PENDING = "PENDING"
DONE = "DONE"
SENT = "SENT"
DEAD = "DEAD"
FAILED = "FAILED"
DROPPED = "DROPPED"

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("dedup_key", LargeBinary(32), nullable=False, unique=True),
    Column("digest", LargeBinary(64), nullable=False),
    Column("sender_id", String(255), nullable=False),
    Column("key_id", String(255), nullable=False),
    Column("gateway_id", String(255)),
    Column("action", String(32), nullable=False),
    Column("transaction_id", String(255), nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("body", PersonalData, nullable=False),
    Column("authorization", Text, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    Index("inbox_pending", "id", sqlite_where=Column("state") == PENDING, postgresql_where=Column("state") == PENDING),
    Index("inbox_failed", "id", sqlite_where=Column("state") == FAILED, postgresql_where=Column("state") == FAILED),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("destination", String(2_000), nullable=False),
    Column("transaction_id", String(255), nullable=False),
    Column("action", String(32), nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("body", PersonalData, nullable=False),
    Column("relayed_authorization", Text),
    Column("coalesce_key", String(255)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("lease_token", String(64)),
    Column("finished_at_ms", BigInteger),
    Column("response_status", Integer),
    Column("last_error", Text),
    Index(
        "outbox_lane",
        "destination",
        "transaction_id",
        "id",
        sqlite_where=Column("state") == PENDING,
        postgresql_where=Column("state") == PENDING,
    ),
    Index(
        "outbox_due",
        "destination",
        "id",
        sqlite_where=Column("state") == PENDING,
        postgresql_where=Column("state") == PENDING,
    ),
    Index("outbox_transaction", "transaction_id"),
    Index("outbox_dead", "id", sqlite_where=Column("state") == DEAD, postgresql_where=Column("state") == DEAD),
)

destinations = Table(
    "destinations",
    metadata,
    Column("destination", String(2_000), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("retry_at_ms", BigInteger, nullable=False),
)

# ``about`` copies an entry's transaction_id or subject, to find it by; the chain does not hash it.
audit = chain_table("audit", metadata, Column("about", String(255)), Index("audit_about", "about"))

# ``at_ms`` of the ledger is trade time. What columns copy from ``change``, to find entries by, the chain does not hash.
ledger = chain_table(
    "ledger",
    metadata,
    Column("reference", String(1_000), nullable=False, unique=True),
    Column("contract_id", String(255), nullable=False),
    Index("ledger_of_a_contract", "contract_id", "seq"),
    Index("ledger_booked", "at_ms", "seq"),
)

ledger_balances = Table(
    "ledger_balances",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("owner", String(255), primary_key=True),
    Column("detail", String(600), primary_key=True),
    Column("unit", String(3), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

ledger_roots = Table(
    "ledger_roots",
    metadata,
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("day", String(10), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("key_id", String(255), nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", String(36), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("account", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("used_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", String(255), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("disabled_at_ms", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("account", String(255), nullable=False),
    Column("token_id", String(36)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger, nullable=False),
)
