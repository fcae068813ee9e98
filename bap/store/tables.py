"""The tables of the producer's platform, beside inbox and outbox (`node.tables`).

What is looked up has columns; the rest of a record is one JSON text (`bap.store.documents`). Wire times are
milliseconds since the epoch, so are ``measured_at_ms``, ``start_ms`` and ``end_ms``, which are trade time. ``inbox_id``
names the exact message that a row was made from. The migration in ``bap/versions`` creates them; a test compares the
two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from node.callers import DEFAULT_ACCOUNT
from node.personal_columns import PersonalData

metadata = MetaData()

searches = Table(
    "searches",
    metadata,
    Column("search_id", String(255), primary_key=True),
    Column("message_id", String(255), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("intent", Text, nullable=False),
    Column("error", Text),
    Column("account", String(255), nullable=False, server_default=DEFAULT_ACCOUNT),
    Index("searches_created", "created_at_ms"),
    Index("searches_of_an_account", "account", "created_at_ms"),
)

answers = Table(
    "answers",
    metadata,
    Column("search_id", String(255), primary_key=True),
    Column("bpp_id", String(255), primary_key=True),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("inbox_id", BigInteger, nullable=False),
    Column("pages", Integer, nullable=False),
)

answer_pages = Table(
    "answer_pages",
    metadata,
    Column("search_id", String(255), primary_key=True),
    Column("bpp_id", String(255), primary_key=True),
    Column("page", Integer, primary_key=True, autoincrement=False),
    Column("inbox_id", BigInteger, nullable=False),
)

offers = Table(
    "offers",
    metadata,
    Column("offer_id", String(36), primary_key=True),
    Column("search_id", String(255), nullable=False),
    Column("bpp_id", String(255), nullable=False),
    Column("bpp_uri", String(2_000), nullable=False),
    Column("provider_id", String(255), nullable=False),
    Column("item_id", String(255), nullable=False),
    Column("inbox_id", BigInteger, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("offer", Text, nullable=False),
    UniqueConstraint("search_id", "bpp_id", "provider_id", "item_id", name="offers_of_one_item"),
)

contracts = Table(
    "contracts",
    metadata,
    Column("contract_id", String(255), primary_key=True),
    Column("search_id", String(255), nullable=False),
    Column("bpp_id", String(255), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("document", PersonalData, nullable=False),
    Column("account", String(255), nullable=False, server_default=DEFAULT_ACCOUNT),
    Index("contracts_created", "created_at_ms"),
    Index("contracts_of_an_account", "account", "created_at_ms"),
)

requests = Table(
    "requests",
    metadata,
    Column("message_id", String(255), primary_key=True),
    Column("contract_id", String(255), nullable=False),
    Column("action", String(32), nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked", Text),
    Column("inbox_id", BigInteger),
    Index("requests_of_a_contract", "contract_id", "sent_at_ms"),
)

readings = Table(
    "readings",
    metadata,
    Column("contract_id", String(255), primary_key=True),
    Column("measured_at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("inbox_id", BigInteger, nullable=False),
    Column("live", Text, nullable=False),
)

invoices = Table(
    "invoices",
    metadata,
    Column("contract_id", String(255), primary_key=True),
    Column("digest_sha256", String(64), nullable=False),
    Column("fetched_at_ms", BigInteger, nullable=False),
    Column("content", PersonalData, nullable=False),
)

own_intervals = Table(
    "own_intervals",
    metadata,
    Column("contract_id", String(255), primary_key=True),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("energy_in_wh", BigInteger, nullable=False),
    Column("energy_out_wh", BigInteger, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
)

bill_decisions = Table(
    "bill_decisions",
    metadata,
    Column("contract_id", String(255), primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("digest_sha256", String(64), nullable=False),
    Column("decided_at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)


def news(transaction_id: str) -> str:
    """The database channel that tells of every change of one search or contract."""
    return f"trade:{transaction_id}"
