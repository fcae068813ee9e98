"""The registry's tables, and what it reads and writes in them.

``subscribers`` and ``subscriber_keys`` hold what was proven (and the entry of a newcomer that still has to prove
itself); ``applications`` holds, one for each subscriber, what waits for the answer to a challenge. Every function runs
on the connection of a `Database.write` or `Database.read`. Wire times are milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    insert,
    or_,
    select,
    update,
)

from node.clocks import milliseconds, moment_of
from node.database import lock, notify
from protocol.actions import Role
from registry.applications import Application, Change, Standing, proven
from registry.audit import REGISTRY, metadata, record
from registry.subscriptions import Admission, LookupQuery, State, Subscriber, SubscriberKey, advance

CHANNEL = "challenges"
EVERYWHERE = "*"
PRUNED_AT_ONCE = 100

subscribers = Table(
    "subscribers",
    metadata,
    Column("subscriber_id", String(255), primary_key=True),
    Column("url", String(2_000), nullable=False),
    Column("role", String(8), nullable=False),
    Column("domain", String(255), nullable=False),
    Column("country", String(255)),
    Column("city", String(255)),
    Column("state", String(20), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("admission", String(16), nullable=False),
    Index("subscribers_place", "role", "domain", "city"),
)

subscriber_keys = Table(
    "subscriber_keys",
    metadata,
    Column("subscriber_id", String(255), primary_key=True),
    Column("key_id", String(255), primary_key=True),
    Column("signing_public_key", String(64), nullable=False),
    Column("encryption_public_key", String(64), nullable=False),
    Column("valid_from_ms", BigInteger, nullable=False),
    Column("valid_until_ms", BigInteger),
    Column("proven_at_ms", BigInteger, nullable=False),
    Column("withdrawn_at_ms", BigInteger),
    Index("subscriber_keys_id", "key_id"),
)

applications = Table(
    "applications",
    metadata,
    Column("subscriber_id", String(255), primary_key=True),
    Column("url", String(2_000), nullable=False),
    Column("role", String(8), nullable=False),
    Column("domain", String(255), nullable=False),
    Column("country", String(255)),
    Column("city", String(255)),
    Column("key_id", String(255), nullable=False),
    Column("signing_public_key", String(64), nullable=False),
    Column("encryption_public_key", String(64), nullable=False),
    Column("valid_from_ms", BigInteger, nullable=False),
    Column("valid_until_ms", BigInteger),
    Column("challenge", String(64)),
    Column("challenge_until_ms", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Index("applications_due", "due_at_ms"),
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge to send: ``text`` is what the subscriber has to find, ``attempt`` counts from 1."""

    application: Application
    text: str
    attempt: int


# -- subscribers and their keys -----------------------------------------------------------------------------


def standing(tx: Connection, subscriber_id: str) -> Standing | None:
    """What is held of a subscriber; None for an unknown one."""
    row = tx.execute(select(subscribers).where(subscribers.c.subscriber_id == subscriber_id)).first()
    if row is None:
        return None
    keys = tx.execute(select(subscriber_keys).where(subscriber_keys.c.subscriber_id == subscriber_id)).all()
    return Standing(_subscriber(row), tuple(_key(key) for key in keys))


def hold(tx: Connection, subscriber_id: str) -> Standing | None:
    """The same, and nobody else decides about that subscriber until this transaction ends."""
    lock(tx, subscribers, [subscriber_id])
    return standing(tx, subscriber_id)


def let_in(tx: Connection, application: Application, change: Change, now: datetime) -> None:
    """Store what was let in, in place of an earlier application of the subscriber, and have it challenged."""
    _put_subscriber(tx, change.subscriber)
    waiting = replace(application, valid_from=change.key.valid_from, valid_until=change.key.valid_until)
    tx.execute(delete(applications).where(applications.c.subscriber_id == application.subscriber_id))
    tx.execute(insert(applications).values(**_application_row(waiting), attempts=0, due_at_ms=milliseconds(now)))
    notify(tx, CHANNEL)
    _record_application(tx, now, "applied", waiting)


def put_standing(tx: Connection, after: Standing) -> None:
    """Store a subscriber whose keys or admission were changed; what it had applied for is void."""
    _put_subscriber(tx, after.subscriber)
    mine = after.subscriber.subscriber_id
    for key in after.keys:
        statement = update(subscriber_keys).where(
            subscriber_keys.c.subscriber_id == mine, subscriber_keys.c.key_id == key.key_id
        )
        tx.execute(statement.values(valid_until_ms=_ms(key.valid_until), withdrawn_at_ms=_ms(key.withdrawn_at)))
    tx.execute(delete(applications).where(applications.c.subscriber_id == mine))


def listing(tx: Connection, after_id: str, limit: int) -> list[Standing]:
    """Everybody whose id comes after that one, in the order of their ids."""
    ids = select(subscribers.c.subscriber_id).where(subscribers.c.subscriber_id > after_id)
    found = tx.execute(ids.order_by(subscribers.c.subscriber_id).limit(limit)).scalars().all()
    return [held for held in (standing(tx, one) for one in found) if held is not None]


def prune(tx: Connection, now: datetime, before: datetime, max_attempts: int) -> int:
    """Forget newcomers that never proved anything and whose last attempt lies before that; how many."""
    before_ms = milliseconds(before)
    spent = (applications.c.attempts >= max_attempts) & (applications.c.due_at_ms < before_ms)
    tx.execute(delete(applications).where(spent))
    unproven = select(subscribers.c.subscriber_id).where(
        subscribers.c.updated_at_ms < before_ms,
        subscribers.c.admission.in_([Admission.ADMITTED.value, Admission.AWAITING.value]),
        subscribers.c.subscriber_id.not_in(select(subscriber_keys.c.subscriber_id)),
        subscribers.c.subscriber_id.not_in(select(applications.c.subscriber_id)),
    )
    ids = tx.execute(unproven.order_by(subscribers.c.subscriber_id).limit(PRUNED_AT_ONCE)).scalars().all()
    for subscriber_id in ids:
        tx.execute(delete(subscribers).where(subscribers.c.subscriber_id == subscriber_id))
        record(tx, now, REGISTRY, "pruned", subscriber_id)
    return len(ids)


def lookup(tx: Connection, query: LookupQuery, now: datetime, limit: int) -> list[tuple[Subscriber, SubscriberKey]]:
    """Who is SUBSCRIBED with a key that is valid now and matches the query; at most ``limit`` keys.

    Domains match exactly. A subscriber of one city (country) is found there, one without or with ``*`` everywhere.
    """
    now_ms = milliseconds(now)
    statement = (
        select(subscribers, subscriber_keys)
        .join(subscriber_keys, subscriber_keys.c.subscriber_id == subscribers.c.subscriber_id)
        .where(
            subscribers.c.state == State.SUBSCRIBED.value,
            subscribers.c.admission == Admission.ADMITTED.value,
            subscriber_keys.c.valid_from_ms <= now_ms,
            or_(subscriber_keys.c.valid_until_ms.is_(None), subscriber_keys.c.valid_until_ms > now_ms),
            *_matches(query),
        )
        .order_by(subscribers.c.subscriber_id, subscriber_keys.c.valid_from_ms.desc())
        .limit(limit)
    )
    return [(_subscriber(row), _key(row)) for row in tx.execute(statement)]


def _matches(query: LookupQuery) -> list[ColumnElement[bool]]:
    exact = {
        subscribers.c.subscriber_id: query.subscriber_id,
        subscriber_keys.c.key_id: query.key_id,
        subscribers.c.role: query.role.value if query.role is not None else None,
        subscribers.c.domain: query.domain,
    }
    places = {subscribers.c.country: query.country, subscribers.c.city: query.city}
    conditions = [column == value for column, value in exact.items() if value is not None]
    conditions += [
        or_(column.is_(None), column.in_([EVERYWHERE, value]))
        for column, value in places.items()
        if value not in {None, EVERYWHERE}
    ]
    return conditions


# -- challenges ---------------------------------------------------------------------------------------------


def waiting(tx: Connection, subscriber_id: str) -> Application | None:
    """The application of a subscriber whose challenge was not answered yet."""
    row = tx.execute(select(applications).where(applications.c.subscriber_id == subscriber_id)).first()
    return None if row is None else _application(row)


def take_up_challenges(tx: Connection, now: datetime, max_attempts: int) -> None:
    """Make due what an earlier process had in hand; its challenges are void."""
    tx.execute(
        update(applications)
        .where(applications.c.attempts < max_attempts)
        .values(due_at_ms=milliseconds(now), challenge=None, challenge_until_ms=None)
    )


def next_challenges(
    tx: Connection, now: datetime, texts: list[str], lifetime_s: int, max_attempts: int
) -> list[Challenge]:
    """One due application for each of the fresh random ``texts``, which become their challenges; newcomers first.

    Until the challenge's end no other attempt is made, unless this one is given up before.
    """
    now_ms = milliseconds(now)
    until_ms = now_ms + lifetime_s * 1_000
    due = (
        select(applications)
        .where(applications.c.due_at_ms <= now_ms, applications.c.attempts < max_attempts)
        .order_by(applications.c.attempts, applications.c.due_at_ms)
        .limit(len(texts))
        .with_for_update(skip_locked=True)
    )
    challenges = []
    for row, text in zip(tx.execute(due).all(), texts, strict=False):
        values = {
            "challenge": text,
            "challenge_until_ms": until_ms,
            "due_at_ms": until_ms,
            "attempts": row.attempts + 1,
        }
        tx.execute(update(applications).where(applications.c.subscriber_id == row.subscriber_id).values(values))
        challenges.append(Challenge(_application(row), text, row.attempts + 1))
    return challenges


def answered(tx: Connection, challenge: Challenge, now: datetime) -> bool:
    """Make the application live; False when the challenge is no longer the one that counts, or is too old."""
    application = challenge.application
    held = hold(tx, application.subscriber_id)
    spent = delete(applications).where(
        applications.c.subscriber_id == application.subscriber_id,
        applications.c.challenge == challenge.text,
        applications.c.challenge_until_ms > milliseconds(now),
    )
    if held is None or tx.execute(spent).rowcount != 1:
        return False
    _put_subscriber(tx, proven(held.subscriber, application, now))
    _put_key(tx, application, now)
    _record_application(tx, now, "proven", application)
    return True


def give_up(tx: Connection, challenge: Challenge, now: datetime, due_at: datetime, *, insecure: bool = False) -> None:
    """The challenge was not answered or wrongly: it is void, and the next attempt is at ``due_at``.

    ``insecure``: because the subscriber's certificate does not hold.
    """
    held = hold(tx, challenge.application.subscriber_id) if insecure else None
    if held is not None and held.subscriber.state is State.UNDER_SUBSCRIPTION:
        _put_subscriber(tx, replace(held.subscriber, state=advance(held.subscriber.state, State.INVALID_SSL)))
        record(tx, now, REGISTRY, "invalid-ssl", challenge.application.subscriber_id, url=challenge.application.url)
    mine = (applications.c.subscriber_id == challenge.application.subscriber_id) & (
        applications.c.challenge == challenge.text
    )
    values = {"challenge": None, "challenge_until_ms": None, "due_at_ms": milliseconds(due_at)}
    tx.execute(update(applications).where(mine).values(values))


# -- rows ---------------------------------------------------------------------------------------------------


def _put_subscriber(tx: Connection, entry: Subscriber) -> None:
    values = {
        "url": entry.url,
        "role": entry.role.value,
        "domain": entry.domain,
        "country": entry.country,
        "city": entry.city,
        "state": entry.state.value,
        "created_at_ms": milliseconds(entry.created_at),
        "updated_at_ms": milliseconds(entry.updated_at),
        "admission": entry.admission.value,
    }
    mine = subscribers.c.subscriber_id == entry.subscriber_id
    if tx.execute(update(subscribers).where(mine).values(values)).rowcount == 0:
        tx.execute(insert(subscribers).values(subscriber_id=entry.subscriber_id, **values))


def _put_key(tx: Connection, application: Application, now: datetime) -> None:
    row = _application_row(application)
    names = ("key_id", "signing_public_key", "encryption_public_key", "valid_from_ms", "valid_until_ms")
    values = {name: row[name] for name in names} | {"proven_at_ms": milliseconds(now)}
    mine = (subscriber_keys.c.subscriber_id == application.subscriber_id) & (
        subscriber_keys.c.key_id == application.key_id
    )
    tx.execute(delete(subscriber_keys).where(mine))
    tx.execute(insert(subscriber_keys).values(subscriber_id=application.subscriber_id, **values))


def _record_application(tx: Connection, now: datetime, event: str, application: Application) -> None:
    facts = {name: value for name, value in _application_row(application).items() if name != "subscriber_id"}
    record(tx, now, application.subscriber_id, event, application.subscriber_id, **facts)


def _application_row(application: Application) -> dict[str, Any]:
    return {
        "subscriber_id": application.subscriber_id,
        "url": application.url,
        "role": application.role.value,
        "domain": application.domain,
        "country": application.country,
        "city": application.city,
        "key_id": application.key_id,
        "signing_public_key": application.signing_public_key,
        "encryption_public_key": application.encryption_public_key,
        "valid_from_ms": _ms(application.valid_from),
        "valid_until_ms": _ms(application.valid_until),
    }


def _application(row: Row[Any]) -> Application:
    return Application(
        subscriber_id=row.subscriber_id,
        url=row.url,
        role=Role(row.role),
        domain=row.domain,
        country=row.country,
        city=row.city,
        key_id=row.key_id,
        signing_public_key=row.signing_public_key,
        encryption_public_key=row.encryption_public_key,
        valid_from=moment_of(row.valid_from_ms),
        valid_until=_moment(row.valid_until_ms),
    )


def _subscriber(row: Row[Any]) -> Subscriber:
    return Subscriber(
        subscriber_id=row.subscriber_id,
        url=row.url,
        role=Role(row.role),
        domain=row.domain,
        state=State(row.state),
        created_at=moment_of(row.created_at_ms),
        updated_at=moment_of(row.updated_at_ms),
        country=row.country,
        city=row.city,
        admission=Admission(row.admission),
    )


def _key(row: Row[Any]) -> SubscriberKey:
    return SubscriberKey(
        key_id=row.key_id,
        signing_public_key=row.signing_public_key,
        encryption_public_key=row.encryption_public_key,
        valid_from=moment_of(row.valid_from_ms),
        valid_until=_moment(row.valid_until_ms),
        proven_at=moment_of(row.proven_at_ms),
        withdrawn_at=_moment(row.withdrawn_at_ms),
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_of(ms)
