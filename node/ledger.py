"""The ledger in a participant's database: entries in a hash chain, what lies on each account, and a signed root a day.

An entry (`energy.ledger`) is written in the transaction of the decision that it tells of. Its reference is there once:
what is booked again is not booked twice. The chain is `node.hashchain`'s, so an entry that was changed, removed or
reordered shows; `balances` are kept beside it and can be told again from it (`verify`).

A *root* is the hash of a day's last entry, signed with the participant's Ed25519 key. It is published: whoever noted
one can tell later that nothing before it was written anew or cut off. Days are days of trade time in UTC.

Booking holds the end of the chain until the transaction ends. Call it behind everything else that locks, but before the
audit chain (`node.audit`).
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from energy.ledger import Account, Entry, Event, Kind, Posting
from energy.ledger import balances as sums_of
from node.clocks import milliseconds, moment_of
from node.hashchain import Entry as Link
from node.hashchain import chained, entries, first_fault, hold_end, link
from node.tables import ledger, ledger_balances, ledger_roots
from protocol.keys import OwnKeys

ACTOR = "the platform"
_CHAIN = tuple(column.name for column in chained(ledger))
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry as it is in the chain: its number, when it was booked (trade time), and its hash."""

    seq: int
    at: datetime
    entry: Entry
    hash: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What lies on an account: a debit is positive."""

    account: Account
    unit: str
    amount: int


@dataclass(frozen=True, slots=True)
class Root:
    """What a day ended with, signed: `statement` is what the signature is over. Key and signature are base64."""

    day: date
    last_seq: int
    hash: str
    key_id: str
    public_key: str
    signature: str

    def holds(self, subscriber_id: str) -> bool:
        """Whether the key that it names signed it."""
        signed = statement(subscriber_id, self.day, self.last_seq, self.hash)
        try:
            VerifyKey(base64.b64decode(self.public_key)).verify(signed, base64.b64decode(self.signature))
        except (BadSignatureError, ValueError):
            return False
        return True


# -- booking ------------------------------------------------------------------------------------------------------


def hold(tx: Connection) -> None:
    """Nobody else books until the transaction ends; `book` does it by itself."""
    hold_end(tx, ledger)


def book(tx: Connection, at: datetime, made: Iterable[Entry | None]) -> list[Entry]:
    """Write the entries at trade time ``at``, but for None and what is booked already; those that were written."""
    wanted = [entry for entry in made if entry is not None]
    if not wanted:
        return []
    hold(tx)
    last, rows, written = _last(tx), list[dict[str, Any]](), list[Entry]()
    known = _known(tx, [entry.reference for entry in wanted])
    for entry in wanted:
        if entry.reference in known:
            continue
        known.add(entry.reference)
        change = orjson.dumps(_change(entry), option=orjson.OPT_SORT_KEYS).decode()
        last = link(last, milliseconds(at), ACTOR, change)
        chain = {name: getattr(last, name) for name in _CHAIN}
        rows.append(chain | {"reference": entry.reference, "contract_id": entry.contract_id})
        written.append(entry)
    if rows:
        tx.execute(insert(ledger), rows)
        _post(tx, written)
    return written


def _known(tx: Connection, references: Sequence[str]) -> set[str]:
    """Those of the references that there are entries of."""
    return set(tx.scalars(select(ledger.c.reference).where(ledger.c.reference.in_(references))))


def _last(tx: Connection) -> Link | None:
    row = tx.execute(select(*chained(ledger)).order_by(ledger.c.seq.desc()).limit(1)).first()
    return None if row is None else Link(*row)


def _post(tx: Connection, written: Iterable[Entry]) -> None:
    keys = ("kind", "owner", "detail", "unit")
    rows = [
        {"kind": account.kind.value, "owner": account.owner, "detail": account.detail, "unit": unit, "amount": amount}
        for (account, unit), amount in sums_of(written).items()
        if amount
    ]
    if not rows:
        return
    maker = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    statement = maker(ledger_balances)
    summed = {"amount": ledger_balances.c.amount + statement.excluded.amount}
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_=summed), rows)
    # An account that is empty again is forgotten: most lots are.
    same = [ledger_balances.c[name] == bindparam(f"of_{name}") for name in keys]
    emptied = delete(ledger_balances).where(*same, ledger_balances.c.amount == 0)
    tx.execute(emptied, [{f"of_{name}": row[name] for name in keys} for row in rows])


# -- reading ------------------------------------------------------------------------------------------------------


def of_contract(tx: Connection, contract_id: str) -> list[Booked]:
    """The entries of a contract in their order."""
    rows = select(*chained(ledger)).where(ledger.c.contract_id == contract_id).order_by(ledger.c.seq)
    return [_booked(Link(*row)) for row in tx.execute(rows)]


def after(tx: Connection, seq: int, limit: int) -> list[Booked]:
    """The entries behind a number in their order, at most ``limit``."""
    rows = select(*chained(ledger)).where(ledger.c.seq > seq).order_by(ledger.c.seq).limit(limit)
    return [_booked(Link(*row)) for row in tx.execute(rows)]


def balances(tx: Connection, kind: Kind | None = None, owner: str | None = None) -> list[Balance]:
    """What lies on the accounts that are not empty (of a kind, of an owner), in their order."""
    columns = ledger_balances.c
    wanted = [column == value for column, value in ((columns.kind, kind), (columns.owner, owner)) if value is not None]
    order = (columns.kind, columns.owner, columns.detail, columns.unit)
    rows = tx.execute(select(ledger_balances).where(*wanted).order_by(*order))
    return [Balance(Account(Kind(row.kind), row.owner, row.detail), row.unit, row.amount) for row in rows]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: ``last`` is the newest entry, ``faults`` are sentences, empty when all holds."""

    last: Link | None
    faults: tuple[str, ...]


def verify(tx: Connection, subscriber_id: str) -> Verdict:
    """Read the whole chain: does it hold, does every entry balance, are balances and roots what it says?"""
    reading = _Reading(tx)
    fault = first_fault(reading.links())
    if fault is not None:
        return Verdict(reading.last, (f"entry {fault.seq}: {fault.reason}", *reading.wrong))
    other = [*_other_balances(tx, reading.sums), *_other_roots(tx, subscriber_id, reading.hashes)]
    return Verdict(reading.last, (*reading.wrong, *other))


class _Reading:
    """One way through the chain, and what was seen on it."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._signed = {root.last_seq for root in roots(tx)}
        self.last: Link | None = None
        self.sums: dict[tuple[Account, str], int] = defaultdict(int)
        self.hashes: dict[int, str] = {}
        self.wrong: list[str] = []

    def links(self) -> Iterator[Link]:
        """The links in their order; each is looked at once it was taken for good."""
        for written in entries(self._tx, ledger):
            yield written
            self.last = written
            if written.seq in self._signed:
                self.hashes[written.seq] = written.hash
            try:
                for posting in _booked(written).entry.postings:
                    self.sums[posting.account, posting.unit] += posting.amount
            except (ValueError, KeyError, TypeError) as error:
                self.wrong.append(f"entry {written.seq}: {error}")


def _other_balances(tx: Connection, told: Mapping[tuple[Account, str], int]) -> Iterator[str]:
    due = {key: amount for key, amount in told.items() if amount}
    kept = {(each.account, each.unit): each.amount for each in balances(tx)}
    for account, unit in sorted(due.keys() | kept.keys()):
        ours, theirs = kept.get((account, unit), 0), due.get((account, unit), 0)
        if ours != theirs:
            yield f"account {account.name} has {ours} {unit}, its entries add up to {theirs}"


def _other_roots(tx: Connection, subscriber_id: str, hashes: Mapping[int, str]) -> Iterator[str]:
    for root in roots(tx):
        if hashes.get(root.last_seq) != root.hash:
            yield f"the root of {root.day.isoformat()} is of another entry {root.last_seq}"
        elif not root.holds(subscriber_id):
            yield f"the root of {root.day.isoformat()} is not signed by its key {root.key_id}"


# -- roots --------------------------------------------------------------------------------------------------------


def statement(subscriber_id: str, day: date, last_seq: int, digest: str) -> bytes:
    """The bytes that a root's signature is over: compact JSON with sorted keys."""
    told = {"subscriber_id": subscriber_id, "day": day.isoformat(), "last_seq": last_seq, "hash": digest}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def sign_roots(tx: Connection, keys: OwnKeys, now: datetime) -> list[Root]:
    """Sign a root for every day that is over and has entries without one; the new ones. ``now`` is trade time.

    A root is never signed anew: entries that were booked after it, with a time of its day, get another one.
    """
    signed = []
    for last_seq, digest, at in list(_unsigned(tx, now)):
        day = at.date()
        signature = keys.signing.sign(statement(keys.subscriber_id, day, last_seq, digest)).signature
        root = Root(day, last_seq, digest, keys.key_id, keys.signing_public_b64, base64.b64encode(signature).decode())
        values = {name: getattr(root, name) for name in ("last_seq", "hash", "key_id", "public_key", "signature")}
        tx.execute(insert(ledger_roots).values(**values, day=day.isoformat()))
        signed.append(root)
    return signed


def has_unsigned(tx: Connection, now: datetime) -> bool:
    """Whether a day is over that has entries and no root."""
    return next(_unsigned(tx, now), None) is not None


def roots(tx: Connection, limit: int | None = None) -> list[Root]:
    """The roots, the newest first."""
    rows = tx.execute(select(ledger_roots).order_by(ledger_roots.c.last_seq.desc()).limit(limit))
    return [_root_of(row) for row in rows]


def _unsigned(tx: Connection, now: datetime) -> Iterator[tuple[int, str, datetime]]:
    """The last entry of each day that is over and has no root yet: its number, hash, and when it was booked."""
    signed_seq = tx.scalar(select(func.max(ledger_roots.c.last_seq))) or 0
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    while True:
        behind = select(ledger.c.at_ms).where(ledger.c.seq > signed_seq).order_by(ledger.c.seq).limit(1)
        first_ms = tx.scalar(behind)
        if first_ms is None or moment_of(first_ms) >= today:
            return
        end = datetime.combine(moment_of(first_ms).date(), time(), UTC) + _DAY
        of_day = (ledger.c.seq > signed_seq, ledger.c.at_ms < milliseconds(end))
        row = tx.execute(select(ledger).where(*of_day).order_by(ledger.c.seq.desc()).limit(1)).one()
        yield row.seq, row.hash, moment_of(row.at_ms)
        signed_seq = row.seq


def _root_of(row: Row[Any]) -> Root:
    return Root(date.fromisoformat(row.day), row.last_seq, row.hash, row.key_id, row.public_key, row.signature)


# -- an entry as it is stored -------------------------------------------------------------------------------------


def _change(entry: Entry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "event": entry.event.value,
        "contract_id": entry.contract_id,
        "sentence": entry.sentence,
        "postings": [
            [each.account.kind.value, each.account.owner, each.account.detail, each.amount, each.unit]
            for each in entry.postings
        ],
        "reverses": entry.reverses,
    }


def _booked(written: Link) -> Booked:
    change = orjson.loads(written.change)
    postings = tuple(
        Posting(Account(Kind(kind), owner, detail), amount, unit)
        for kind, owner, detail, amount, unit in change["postings"]
    )
    entry = Entry(
        reference=change["reference"],
        event=Event(change["event"]),
        contract_id=change["contract_id"],
        sentence=change["sentence"],
        postings=postings,
        reverses=change["reverses"],
    )
    return Booked(written.seq, moment_of(written.at_ms), entry, written.hash)
