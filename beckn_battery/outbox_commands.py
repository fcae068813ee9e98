"""``beckn-battery outbox`` and ``inbox``: what did not arrive or could not be decided, in an operator's hands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
import orjson
from rich.table import Table
from sqlalchemy import Connection

from beckn_battery.opening import ROLE_NAMES, Opened, with_database
from beckn_battery.terminal import new_console
from node import letters
from node.audit import operator
from node.clocks import wall_clock
from node.letters import Listed
from node.tables import DEAD, DROPPED, FAILED, PENDING
from protocol.moments import timestamp_text

T = TypeVar("T")

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)
_ROLE = click.option("--role", type=click.Choice(list(ROLE_NAMES)), help="Whose file it is; by default as it shows.")
_LIMIT = click.option("--limit", default=100, show_default=True, help="How many rows, the oldest first.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def outbox() -> None:
    """Letters to other participants: the dead ones, and those that are still being tried."""


@outbox.command(name="list")
@_CONFIG
@_ROLE
@click.option("--state", "states", type=click.Choice([DEAD, PENDING, DROPPED]), multiple=True, default=(DEAD, PENDING))
@_LIMIT
@_JSON
def list_letters(file: Path, role: str | None, states: Sequence[str], limit: int, as_json: bool) -> None:
    """List letters: destination, action, age, attempts, reason."""
    _print(_read(file, role, lambda tx: letters.letters(tx, states, limit)), as_json)


@outbox.command()
@click.argument("letter_id", type=int)
@_CONFIG
@_ROLE
def show(letter_id: int, file: Path, role: str | None) -> None:
    """Show one letter as JSON with its body. Its signature is made when it is sent, so there is none to show."""
    found, body = _read(file, role, lambda tx: letters.letter(tx, letter_id))
    content = _content(found) | {"body": orjson.loads(body)}
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())


@outbox.command()
@click.argument("letter_id", type=int)
@_CONFIG
@_ROLE
@click.option("--even-expired", is_flag=True, help="Also when the message's own ttl has passed.")
def retry(letter_id: int, file: Path, role: str | None, even_expired: bool) -> None:
    """Send a dead letter again. Its body stays as it is; it is signed anew."""
    now, by = wall_clock(), operator()
    until = _write(file, role, lambda tx: letters.retry_letter(tx, letter_id, by, now, even_expired=even_expired))
    click.echo(f"letter {letter_id} is tried again until {timestamp_text(until)}")


@outbox.command()
@click.argument("letter_id", type=int)
@_CONFIG
@_ROLE
@click.option("--why", required=True, help="Kept with the letter.")
def drop(letter_id: int, file: Path, role: str | None, why: str) -> None:
    """Give a dead letter up for good. The row stays, with who dropped it and why."""
    now, by = wall_clock(), operator()
    _write(file, role, lambda tx: letters.drop_letter(tx, letter_id, by, why, now))
    click.echo(f"letter {letter_id} is dropped")


@click.group()
def inbox() -> None:
    """Messages from other participants that were acknowledged and could not be decided."""


@inbox.command(name="list")
@_CONFIG
@_ROLE
@click.option("--state", "states", type=click.Choice([FAILED, PENDING]), multiple=True, default=(FAILED, PENDING))
@_LIMIT
@_JSON
def list_messages(file: Path, role: str | None, states: Sequence[str], limit: int, as_json: bool) -> None:
    """List messages: sender, action, age, attempts, reason."""
    _print(_read(file, role, lambda tx: letters.messages(tx, states, limit)), as_json)


@inbox.command(name="retry")
@click.argument("message_id", type=int)
@_CONFIG
@_ROLE
def retry_message(message_id: int, file: Path, role: str | None) -> None:
    """Decide a FAILED message again, by the id that ``inbox list`` shows."""
    now, by = wall_clock(), operator()
    _write(file, role, lambda tx: letters.retry_message(tx, message_id, by, now))
    click.echo(f"message {message_id} is decided again")


def _read(file: Path, role: str | None, fn: Callable[[Connection], T]) -> T:
    async def use(participant: Opened) -> T:
        return await participant.database.read(fn)

    return _possible(lambda: with_database(file, role, use))


def _write(file: Path, role: str | None, fn: Callable[[Connection], T]) -> T:
    async def use(participant: Opened) -> T:
        return await participant.database.write(fn)

    return _possible(lambda: with_database(file, role, use))


def _possible(act: Callable[[], T]) -> T:
    try:
        return act()
    except letters.NotPossible as error:
        raise click.ClickException(str(error)) from None


def _print(found: Sequence[Listed], as_json: bool) -> None:
    if as_json:
        for one in found:
            click.echo(orjson.dumps(_content(one)).decode())
        return
    now = wall_clock()
    table = Table("id", "state", "action", "peer", "age", "attempts", "reason", box=None)
    for one in found:
        cells = (str(one.row_id), one.state, one.action, one.peer, _age(now, one.created_at), str(one.attempts))
        table.add_row(*cells, one.reason or "")
    new_console().print(table if found else "none")


def _age(now: datetime, then: datetime) -> str:
    seconds = max(int((now - then).total_seconds()), 0)
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {name}"
    return f"{seconds} s"


def _content(one: Listed) -> dict[str, object]:
    return {
        "id": one.row_id,
        "state": one.state,
        "action": one.action,
        "peer": one.peer,
        "transaction_id": one.transaction_id,
        "message_id": one.message_id,
        "created_at": timestamp_text(one.created_at),
        "not_after": None if one.not_after is None else timestamp_text(one.not_after),
        "attempts": one.attempts,
        "status": one.status,
        "reason": one.reason,
    }
