"""Sessions of browsers in the participant's database: functions of one connection.

A session's secret is the value of its cookie; only its SHA-256 is stored. It stands for an account that logged in, or
for the token that was exchanged for it, and ends with either: account disabled, password changed, token revoked. It
also ends when it was not used for ``idle``, and after ``most`` in any case.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from node import tokens
from node.callers import AccessRole, Caller
from node.clocks import milliseconds, moment_of
from node.tables import accounts, sessions
from node.tokens import LiveCredential, digest


def begin(tx: Connection, secret: str, caller: Caller, now: datetime, most: timedelta) -> None:
    """Remember a new session, and forget those that are over by their age."""
    tx.execute(delete(sessions).where(sessions.c.created_at_ms <= milliseconds(now - most)))
    at_ms = milliseconds(now)
    row = {"digest": digest(secret), "account": caller.account, "token_id": caller.token_id}
    tx.execute(insert(sessions).values(**row, created_at_ms=at_ms, used_at_ms=at_ms))


def live(
    tx: Connection, secret_digest: bytes, now: datetime, idle: timedelta, most: timedelta
) -> LiveCredential | None:
    """Whose session this is; None: nobody's, or it is over."""
    row = tx.execute(select(sessions).where(sessions.c.digest == secret_digest)).first()
    if row is None:
        return None
    created_at, used_at = moment_of(row.created_at_ms), moment_of(row.used_at_ms)
    until = min(created_at + most, used_at + idle)
    if now >= until:
        return None
    if row.token_id is not None:
        token = tokens.live_by_id(tx, row.token_id, now)
        if token is None:
            return None
        return LiveCredential(token.caller, until if token.until is None else min(until, token.until), used_at)
    account = tx.execute(select(accounts).where(accounts.c.name == row.account)).first()
    if account is None or account.disabled_at_ms is not None:
        return None
    return LiveCredential(Caller(row.account, AccessRole(account.role)), until, used_at)


def note_use(tx: Connection, secret_digest: bytes, now: datetime) -> None:
    """Begin the idle time of the session anew."""
    tx.execute(update(sessions).where(sessions.c.digest == secret_digest).values(used_at_ms=milliseconds(now)))


def end(tx: Connection, secret_digest: bytes) -> None:
    """Forget a session."""
    tx.execute(delete(sessions).where(sessions.c.digest == secret_digest))


def end_all(tx: Connection, account: str) -> None:
    """Forget every session of an account."""
    tx.execute(delete(sessions).where(sessions.c.account == account))
