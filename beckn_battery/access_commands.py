"""``beckn-battery tokens`` and ``users``: who may use a participant's own API and console. It may run meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
from rich.table import Table
from sqlalchemy import Connection

from beckn_battery.opening import ROLE_NAMES, Opened, with_database
from beckn_battery.terminal import new_console
from node import accounts
from node import tokens as store
from node.audit import Actor, operator, record
from node.callers import AccessRole, Caller
from node.clocks import wall_clock
from node.ids import new_token, new_uuid
from node.keyfile import read_secret
from protocol.moments import timestamp_text

T = TypeVar("T")

_ID_LENGTH = 12
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([dh])")
_ACCOUNT = re.compile(r"[\w.@+-]{1,64}", re.ASCII)
_NEVER = "never"

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)
_PARTY = click.option(
    "--party", type=click.Choice(list(ROLE_NAMES)), help="Whose settings file it is; by default as it shows."
)
_ROLE = click.option(
    "--role", type=click.Choice([role.value for role in AccessRole]), required=True, help="What it may do."
)

_PASSWORD = click.option(
    "--password-file", type=click.Path(path_type=Path), help="Holds the password (mode 0600); without it you are asked."
)


@click.group()
def tokens() -> None:
    """API tokens of a participant: only their hashes are stored."""


@tokens.command()
@_CONFIG
@_PARTY
@_ROLE
@click.option("--account", required=True, help="Whose data it sees and makes.")
@click.option("--expires", default="90d", show_default=True, help="When it ends: 90d, 12h, or never.")
def create(file: Path, party: str | None, role: str, account: str, expires: str) -> None:
    """Make a token and print it on standard output, this once; its id goes to standard error."""
    now, by, secret, token_id = wall_clock(), operator(), new_token(), new_uuid().replace("-", "")[:_ID_LENGTH]
    caller, ends_at = Caller(account_name(account), AccessRole(role), token_id), _end(expires, now)

    def add(tx: Connection) -> None:
        store.add(tx, token_id, secret, caller, now, ends_at)
        record(tx, now, by, "tokens create", subject=f"{token_id} {role} {account}")

    write(file, party, add)
    until = "never ends" if ends_at is None else f"ends {timestamp_text(ends_at)}"
    click.echo(f"token {token_id} of account {account} ({role}) {until}", err=True)
    click.echo(secret)


@tokens.command(name="list")
@_CONFIG
@_PARTY
def list_tokens(file: Path, party: str | None) -> None:
    """List the tokens; none is shown itself."""

    async def use(participant: Opened) -> list[store.TokenEntry]:
        return await participant.database.read(store.listing)

    now = wall_clock()
    table = Table("id", "account", "role", "state", "created", "expires", "last used", box=None)
    for one in with_database(file, party, use):
        times = (_time(one.created_at), _time(one.expires_at), _time(one.used_at))
        table.add_row(one.token_id, one.account, one.role.value, _state(one, now), *times)
    new_console().print(table)


@tokens.command()
@click.argument("token_id")
@_CONFIG
@_PARTY
def revoke(token_id: str, file: Path, party: str | None) -> None:
    """End a token by the id that ``tokens list`` shows. A running participant sees it within 2 seconds."""
    now, by = wall_clock(), operator()

    def end(tx: Connection) -> bool:
        ended = store.revoke(tx, token_id, now)
        if ended:
            record(tx, now, by, "tokens revoke", subject=token_id)
        return ended

    if not write(file, party, end):
        raise click.ClickException(f"there is no token {token_id} that counts")
    click.echo(f"token {token_id} is revoked")


def account_name(text: str) -> str:
    """An account's name.

    Raises:
        click.ClickException: it is none.
    """
    if not _ACCOUNT.fullmatch(text):
        raise click.ClickException("an account's name has 1 to 64 letters, digits and . _ @ + -")
    return text


def write(file: Path, party: str | None, fn: Callable[[Connection], T]) -> T:
    """Run ``fn`` in one transaction on the participant's database."""

    async def use(participant: Opened) -> T:
        return await participant.database.write(fn)

    return with_database(file, party, use)


def _end(text: str, now: datetime) -> datetime | None:
    if text == _NEVER:
        return None
    found = _LIFETIME.fullmatch(text)
    if found is None:
        raise click.ClickException("--expires is a number of days or hours, such as 90d or 12h, or never")
    number = int(found[1])
    return now + (timedelta(days=number) if found[2] == "d" else timedelta(hours=number))


def _state(entry: store.TokenEntry, now: datetime) -> str:
    if entry.revoked_at is not None:
        return "revoked"
    return "expired" if entry.expires_at is not None and now >= entry.expires_at else "valid"


def _time(moment: datetime | None) -> str:
    return "never" if moment is None else timestamp_text(moment)


# -- accounts with a password -------------------------------------------------------------------------------


@click.group()
def users() -> None:
    """Accounts that log in to a participant's console with a password."""


@users.command(name="create")
@click.argument("name")
@_CONFIG
@_PARTY
@_ROLE
@_PASSWORD
def create_user(name: str, file: Path, party: str | None, role: str, password_file: Path | None) -> None:
    """Make an account. Its password is asked for, or read from a file."""
    now, by, name = wall_clock(), operator(), account_name(name)
    hashed = accounts.hashed(_password(password_file))

    def add(tx: Connection) -> bool:
        return _told(tx, accounts.add(tx, name, AccessRole(role), hashed, now), by, now, "users create", name)

    _done(write(file, party, add), f"account {name} may log in", f"there is an account {name} already")


@users.command()
@click.argument("name")
@_CONFIG
@_PARTY
@_PASSWORD
def passwd(name: str, file: Path, party: str | None, password_file: Path | None) -> None:
    """Set another password, which ends the account's sessions."""
    now, by, hashed = wall_clock(), operator(), accounts.hashed(_password(password_file))

    def change(tx: Connection) -> bool:
        return _told(tx, accounts.set_password(tx, name, hashed), by, now, "users passwd", name)

    _done(write(file, party, change), f"account {name} has another password", f"there is no account {name}")


@users.command(name="list")
@_CONFIG
@_PARTY
def list_users(file: Path, party: str | None) -> None:
    """List the accounts."""

    async def use(participant: Opened) -> list[accounts.Account]:
        return await participant.database.read(accounts.listing)

    table = Table("account", "role", "created", "disabled", box=None)
    for one in with_database(file, party, use):
        disabled = "" if one.disabled_at is None else timestamp_text(one.disabled_at)
        table.add_row(one.name, one.role.value, timestamp_text(one.created_at), disabled)
    new_console().print(table)


@users.command()
@click.argument("name")
@_CONFIG
@_PARTY
def disable(name: str, file: Path, party: str | None) -> None:
    """End the account's sessions, and let its tokens count no more. Its data stay."""
    now, by = wall_clock(), operator()

    def end(tx: Connection) -> bool:
        return _told(tx, accounts.disable(tx, name, now), by, now, "users disable", name)

    _done(write(file, party, end), f"account {name} is disabled", f"there is no account {name} in use")


@users.command()
@click.argument("name")
@_CONFIG
@_PARTY
def enable(name: str, file: Path, party: str | None) -> None:
    """Undo ``users disable``."""
    now, by = wall_clock(), operator()

    def undo(tx: Connection) -> bool:
        return _told(tx, accounts.enable(tx, name), by, now, "users enable", name)

    _done(write(file, party, undo), f"account {name} may be used again", f"there is no disabled account {name}")


def _told(tx: Connection, done: bool, by: Actor, now: datetime, what: str, name: str) -> bool:
    if done:
        record(tx, now, by, what, subject=name)
    return done


def _done(done: bool, sentence: str, otherwise: str) -> None:
    if not done:
        raise click.ClickException(otherwise)
    click.echo(sentence)


def _password(file: Path | None) -> str:
    if file is None:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        password = read_secret(file).rstrip("\n")
    if not accounts.PASSWORD_LENGTH_MIN <= len(password) <= accounts.PASSWORD_LENGTH_MAX:
        raise click.ClickException(f"a password has at least {accounts.PASSWORD_LENGTH_MIN} characters")
    return password
