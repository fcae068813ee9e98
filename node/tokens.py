"""API tokens in the participant's database: functions of one connection.

A token is 256 random bits, shown once; only its SHA-256 is stored, which is enough for a secret that nobody can guess.
It counts until it expires or is revoked, and while its account is not disabled. The one in ``api.token`` (mode 0600),
which the first start makes, has a row of its own: an admin's of the account "default".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select, update

from node.callers import DEFAULT_ACCOUNT, AccessRole, Caller
from node.clocks import milliseconds, moment_of
from node.tables import accounts, tokens

FILE_TOKEN_ID = "api.token"  # noqa: S105 - a row's id


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """One row, without the hash; times are wire time, ``used_at`` to the hour."""

    token_id: str
    account: str
    role: AccessRole
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveCredential:
    """Who a token or session stands for, until when at most, and when it was last noted as used."""

    caller: Caller
    until: datetime | None
    used_at: datetime | None


def digest(secret: str) -> bytes:
    """What is stored of a token or a session."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def add(tx: Connection, token_id: str, secret: str, caller: Caller, now: datetime, expires_at: datetime | None) -> None:
    """Remember a new token."""
    tx.execute(
        insert(tokens).values(
            token_id=token_id,
            digest=digest(secret),
            account=caller.account,
            role=caller.role.value,
            created_at_ms=milliseconds(now),
            expires_at_ms=None if expires_at is None else milliseconds(expires_at),
        )
    )


def enter_file_token(tx: Connection, secret: str, now: datetime) -> None:
    """Make the token of ``api.token`` count. A file with another one ends the one before it; a revoked one stays so."""
    known = tx.scalar(select(tokens.c.digest).where(tokens.c.token_id == FILE_TOKEN_ID))
    if known is None:
        add(tx, FILE_TOKEN_ID, secret, Caller(DEFAULT_ACCOUNT, AccessRole.ADMIN, FILE_TOKEN_ID), now, None)
    elif bytes(known) != digest(secret):
        fresh = {
            "digest": digest(secret),
            "created_at_ms": milliseconds(now),
            "revoked_at_ms": None,
            "used_at_ms": None,
        }
        tx.execute(update(tokens).where(tokens.c.token_id == FILE_TOKEN_ID).values(fresh))


def live(tx: Connection, secret_digest: bytes, now: datetime) -> LiveCredential | None:
    """Whose token this is; None: nobody's, or it does not count any more."""
    return _live(tx.execute(_WITH_ACCOUNT.where(tokens.c.digest == secret_digest)).first(), now)


def live_by_id(tx: Connection, token_id: str, now: datetime) -> LiveCredential | None:
    """The same by the token's id."""
    return _live(tx.execute(_WITH_ACCOUNT.where(tokens.c.token_id == token_id)).first(), now)


def note_use(tx: Connection, token_id: str, now: datetime) -> None:
    """Remember when the token was used."""
    tx.execute(update(tokens).where(tokens.c.token_id == token_id).values(used_at_ms=milliseconds(now)))


def listing(tx: Connection) -> list[TokenEntry]:
    """Every token, the oldest first."""
    rows = tx.execute(select(tokens).order_by(tokens.c.created_at_ms, tokens.c.token_id))
    return [_entry(row) for row in rows]


def revoke(tx: Connection, token_id: str, now: datetime) -> bool:
    """End a token; False when there is none with this id that counts."""
    where = (tokens.c.token_id == token_id, tokens.c.revoked_at_ms.is_(None))
    return tx.execute(update(tokens).where(*where).values(revoked_at_ms=milliseconds(now))).rowcount > 0


_WITH_ACCOUNT = select(tokens, accounts.c.disabled_at_ms).outerjoin(accounts, accounts.c.name == tokens.c.account)


def _live(row: Row[tuple[object, ...]] | None, now: datetime) -> LiveCredential | None:
    if row is None or row.revoked_at_ms is not None or row.disabled_at_ms is not None:
        return None
    entry = _entry(row)
    if entry.expires_at is not None and now >= entry.expires_at:
        return None
    return LiveCredential(Caller(entry.account, entry.role, entry.token_id), entry.expires_at, entry.used_at)


def _entry(row: Row[tuple[object, ...]]) -> TokenEntry:
    return TokenEntry(
        token_id=row.token_id,
        account=row.account,
        role=AccessRole(row.role),
        created_at=moment_of(row.created_at_ms),
        expires_at=_moment(row.expires_at_ms),
        used_at=_moment(row.used_at_ms),
        revoked_at=_moment(row.revoked_at_ms),
    )


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_of(ms)
