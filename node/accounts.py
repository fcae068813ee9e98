"""Accounts that log in with a password: functions of one connection, and the hashing of passwords.

Only an argon2id hash is stored. A name that has no account costs a login as long as one that has: its password is
compared with a hash that nothing fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, insert, select, update

from node import sessions
from node.callers import AccessRole, Caller
from node.clocks import milliseconds, moment_of
from node.ids import new_token
from node.tables import accounts

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 1_000

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Account:
    """One account without its password; ``disabled_at`` None: it may be used."""

    name: str
    role: AccessRole
    created_at: datetime
    disabled_at: datetime | None


def hashed(password: str) -> str:
    """What is stored of a password; takes some ten milliseconds and 64 MiB, so run it in a thread."""
    return _hasher.hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Whether this is the password; None: there is no account, and it never is. As slow as `hashed`."""
    # Made for everybody's first login alike.
    nobodys = _nobodys()
    try:
        return _hasher.verify(nobodys if stored is None else stored, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def add(tx: Connection, name: str, role: AccessRole, password_hash: str, now: datetime) -> bool:
    """Remember a new account; False when the name is taken."""
    if tx.scalar(select(accounts.c.name).where(accounts.c.name == name)) is not None:
        return False
    row = {"name": name, "role": role.value, "password": password_hash, "created_at_ms": milliseconds(now)}
    tx.execute(insert(accounts).values(row))
    return True


def set_password(tx: Connection, name: str, password_hash: str) -> bool:
    """Another password, which ends every session of the account; False when there is no such account."""
    changed = tx.execute(update(accounts).where(accounts.c.name == name).values(password=password_hash)).rowcount > 0
    sessions.end_all(tx, name)
    return changed


def disable(tx: Connection, name: str, now: datetime) -> bool:
    """End the account's sessions, and let its tokens count no more; False when there is no such account in use."""
    where = (accounts.c.name == name, accounts.c.disabled_at_ms.is_(None))
    changed = tx.execute(update(accounts).where(*where).values(disabled_at_ms=milliseconds(now))).rowcount > 0
    sessions.end_all(tx, name)
    return changed


def enable(tx: Connection, name: str) -> bool:
    """Undo `disable`; False when there is no such disabled account."""
    where = (accounts.c.name == name, accounts.c.disabled_at_ms.is_not(None))
    return tx.execute(update(accounts).where(*where).values(disabled_at_ms=None)).rowcount > 0


def listing(tx: Connection) -> list[Account]:
    """Every account by name."""
    rows = tx.execute(select(accounts).order_by(accounts.c.name))
    return [
        Account(
            name=row.name,
            role=AccessRole(row.role),
            created_at=moment_of(row.created_at_ms),
            disabled_at=None if row.disabled_at_ms is None else moment_of(row.disabled_at_ms),
        )
        for row in rows
    ]


def for_login(tx: Connection, name: str) -> tuple[Caller, str] | None:
    """Whom a login with this name would be, and the stored hash; None: nobody can log in so."""
    row = tx.execute(select(accounts).where(accounts.c.name == name, accounts.c.disabled_at_ms.is_(None))).first()
    return None if row is None else (Caller(row.name, AccessRole(row.role)), row.password)


@cache
def _nobodys() -> str:
    return _hasher.hash(new_token())
