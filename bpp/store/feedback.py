"""Feedback: more words than a rating has, asked for at an address that only its sender was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, select, update

from bpp.store.rows import insert_into
from bpp.store.service_tables import feedback
from bpp.store.tables import ratings
from node.clocks import milliseconds, moment_of
from node.database import lock
from node.personal_columns import opened, sealed


@dataclass(frozen=True, slots=True)
class Feedback:
    """A form for words about one rating, and the words once there are some; ``given_at`` is wire time."""

    token: str
    once: str
    category: str
    rated_id: str
    words: str | None = None
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating as the operator sees it; ``rated_at`` is trade time."""

    bap_id: str
    category: str
    rated_id: str
    battery_id: str | None
    value: int
    rated_at: datetime
    words: str | None


def ask(tx: Connection, bap_id: str, wanted: Feedback) -> str:
    """Ask for words about a rating; the token of the form, which stays the same for the same rating."""
    row = {"token": wanted.token, "once": wanted.once, "bap_id": bap_id}
    row |= {"category": wanted.category, "rated_id": wanted.rated_id}
    tx.execute(insert_into(tx, feedback).values(**row).on_conflict_do_nothing())
    same = and_(
        feedback.c.bap_id == bap_id,
        feedback.c.category == wanted.category,
        feedback.c.rated_id == wanted.rated_id,
    )
    return str(tx.scalar(select(feedback.c.token).where(same)))


def of_token(tx: Connection, token: str, *, locked: bool = False) -> Feedback | None:
    """The form at this token, locked until the end of the transaction where it is to be filled in."""
    if locked:
        lock(tx, feedback, [token])
    row = tx.execute(select(feedback).where(feedback.c.token == token)).first()
    if row is None:
        return None
    at = None if row.given_at_ms is None else moment_of(row.given_at_ms)
    return Feedback(row.token, row.once, row.category, row.rated_id, _words(tx, row), at)


def give(tx: Connection, token: str, words: str, once: str, at: datetime) -> None:
    """Keep the words, in place of earlier ones; the form is good for another submission with ``once``."""
    document = sealed(tx, feedback.c.words, token, orjson.dumps({"text": words}))
    given = {"words": document, "once": once, "given_at_ms": milliseconds(at)}
    tx.execute(update(feedback).where(feedback.c.token == token).values(given))


def rated(tx: Connection, limit: int) -> list[Rating]:
    """The ratings with their words, the newest first."""
    same = and_(*(ratings.c[name] == feedback.c[name] for name in ("bap_id", "category", "rated_id")))
    rows = select(ratings, feedback.c.token, feedback.c.words).outerjoin(feedback, same)
    newest = rows.order_by(ratings.c.rated_at_ms.desc(), ratings.c.rated_id).limit(limit)
    return [
        Rating(
            bap_id=row.bap_id,
            category=row.category,
            rated_id=row.rated_id,
            battery_id=row.battery_id,
            value=row.value,
            rated_at=moment_of(row.rated_at_ms),
            words=_words(tx, row),
        )
        for row in tx.execute(newest).all()
    ]


def _words(tx: Connection, row: Row[Any]) -> str | None:
    if row.words is None:
        return None
    return str(orjson.loads(opened(tx, feedback.c.words, row.token, row.words))["text"])
