"""``beckn-battery payments``: bank statements and what is parked, in an operator's hands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

import click
import orjson
from rich.table import Table
from sqlalchemy import Connection

from beckn_battery.opening import Opened, with_database
from beckn_battery.terminal import new_console
from bpp.api.payments import imported_json, payment_json
from bpp.payments.booking import open_book
from bpp.payments.statements import Form, import_into, read
from bpp.settings import BppSettings
from bpp.store import payments as store
from bpp.store.payments import Booked
from energy.payments import State
from energy.statements import StatementUnreadable
from node.audit import operator, record
from node.clocks import Clocks, wall_clock
from protocol.errors import SettingsWrong

T = TypeVar("T")

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The operator's TOML settings file."
)


@click.group()
def payments() -> None:
    """Payments that came: import bank statements, match them, see what is parked."""


@payments.command(name="import")
@click.argument("statement", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_CONFIG
@click.option("--format", "form", type=click.Choice([form.value for form in Form]), help="By default by the name.")
def import_statement(statement: Path, file: Path, form: str | None) -> None:
    """Import the bank statement in the file STATEMENT: camt.053, or CSV with the columns of the settings.

    What was imported before changes nothing. A file that can not be read as a whole is refused.
    """
    chosen = Form(form) if form is not None else Form.CSV if statement.suffix.lower() == ".csv" else Form.CAMT053
    content = statement.read_bytes()

    async def use(opened: Opened) -> bytes:
        settings = cast(BppSettings, opened.settings)
        try:
            found = read(content, chosen, settings.payments.csv)
        except StatementUnreadable as error:
            raise SettingsWrong(f"{statement}: {error}; nothing was taken") from None
        at = _trade_now(opened)
        done = await _written(opened, "payments import", lambda tx: import_into(tx, found, content, statement.name, at))
        return orjson.dumps(imported_json(done))

    click.echo(with_database(file, "bpp", use).decode())


@payments.command(name="match")
@_CONFIG
def match_parked(file: Path) -> None:
    """Match what is parked once more, by the invoices and reports that there are now."""

    async def use(opened: Opened) -> str:
        at = _trade_now(opened)

        def write(tx: Connection) -> tuple[int, int]:
            with open_book(tx, at) as book:
                tally = book.match_again()
            return tally.used, tally.parked

        used, parked = await _written(opened, "payments match", write)
        return f"{used} matched, {parked} still parked"

    click.echo(with_database(file, "bpp", use))


@payments.command(name="list")
@_CONFIG
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only those of this state.")
@click.option("--limit", default=100, show_default=True, help="How many, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_payments(file: Path, state: str | None, limit: int, as_json: bool) -> None:
    """List payments; OPEN ones wait for a person, with the reason."""
    wanted = None if state is None else State(state)

    async def use(opened: Opened) -> list[Booked]:
        return await opened.database.read(lambda tx: store.latest(tx, limit, wanted))

    found = with_database(file, "bpp", use)
    if as_json:
        for booked in found:
            click.echo(orjson.dumps(payment_json(booked)).decode())
    else:
        _print(found)


def _print(found: Sequence[Booked]) -> None:
    table = Table("booked", "payment", "state", "amount", "open", "reason")
    for booked in found:
        payment = booked.payment
        amount = f"{payment.amount.text} {payment.amount.currency}"
        day = f"{booked.booked_at:%Y-%m-%d}"
        table.add_row(day, payment.payment_id, payment.state, amount, payment.open.text, payment.reason or "")
    new_console().print(table)


def _trade_now(opened: Opened) -> datetime:
    return Clocks(opened.settings.trade_time, wall_clock).trade()


async def _written(opened: Opened, what: str, fn: Callable[[Connection], T]) -> T:
    """Written together with the audit entry that tells who did it."""
    by, now = operator(), wall_clock()

    def write(tx: Connection) -> T:
        result = fn(tx)
        record(tx, now, by, what)
        return result

    return await opened.database.write(write)
