"""``beckn-battery fleet``: an operator's fleet from a file, and to look at. The platform may run meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from beckn_battery.access_commands import account_name
from beckn_battery.opening import Opened, with_database
from beckn_battery.terminal import new_console
from bpp import fleet_import
from bpp.fleet_import import FileUnreadable, Outcome, Report, Reported, Row
from bpp.roster import Keeper
from bpp.settings import BppSettings
from bpp.store import roster
from bpp.store.roster import Entry, ServiceState, Wanted
from energy.offers import CancellationTerms
from energy.quantities import kilo_text
from node.audit import Actor, operator, record
from node.callers import DEFAULT_ACCOUNT
from node.clocks import Clocks, wall_clock
from node.settings import load
from protocol.errors import SettingsWrong

_PAGE = 500
_REFUSED = 1
_CONFIG = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    help="The battery operator's TOML settings file.",
)
_STYLES = {Outcome.ADDED: "green", Outcome.CHANGED: "yellow", Outcome.UNCHANGED: "dim", Outcome.REFUSED: "red"}


@click.group()
def fleet() -> None:
    """The batteries of an operator's platform."""


@fleet.command(name="import")
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_CONFIG
@click.option("--account", default=DEFAULT_ACCOUNT, show_default=True, help="Whose batteries are added.")
@click.option("--dry-run", is_flag=True, help="Report, and store nothing.")
@click.option("--partial", "partially", is_flag=True, help="Store the rows that are right, though others are wrong.")
@click.option("--despite-contracts", is_flag=True, help="Change batteries also where that breaks what was sold.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_fleet(
    source: Path, file: Path, account: str, dry_run: bool, partially: bool, despite_contracts: bool, as_json: bool
) -> None:
    """Take batteries in from a .json or .csv file, all or nothing, and report every row.

    A CSV column is named by the member's place in the battery's JSON, such as place/latitude. The same file a second
    time changes nothing. Exit code 1: rows were refused.
    """
    settings = _settings(file)
    cancellation = CancellationTerms(Decimal(settings.terms.cancellation_fee_percent))
    rows, now, by = _rows(source, cancellation), wall_clock(), operator()
    moment = Clocks(settings.trade_time, lambda: now).moment()
    keeper = Keeper(account_name(account), None, cancellation, moment, despite_contracts)

    def take_in(tx: Connection) -> Report:
        report = fleet_import.take_in(tx, keeper, rows, partial=partially, dry_run=dry_run)
        if report.stored:
            _told(tx, now, by, source, report)
        return report

    async def use(participant: Opened) -> Report:
        return await participant.database.write(take_in)

    report = with_database(file, "bpp", use)
    if as_json:
        click.echo(orjson.dumps(report.as_json, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(report, dry_run=dry_run)
    sys.exit(_REFUSED if report.count(Outcome.REFUSED) else 0)


@fleet.command(name="list")
@_CONFIG
@click.option(
    "--state",
    type=click.Choice([state.value for state in ServiceState]),
    help="Only those; retired are left out by default.",
)
@click.option("--site", help="Only those of this site.")
@click.option("--account", help="Only those of this account.")
@click.option("--json", "as_json", is_flag=True, help="Print the batteries as JSON, as import takes them.")
def list_fleet(file: Path, state: str | None, site: str | None, account: str | None, as_json: bool) -> None:
    """List the batteries."""
    settings = _settings(file)
    cancellation = CancellationTerms(Decimal(settings.terms.cancellation_fee_percent))
    wanted = Wanted(account, None if state is None else ServiceState(state), site)

    async def use(participant: Opened) -> list[Entry]:
        found: list[Entry] = []
        while page := await participant.database.read(partial(_page, cancellation, wanted, found)):
            found += page
        return found

    entries = with_database(file, "bpp", use)
    if as_json:
        documents: list[Any] = [orjson.loads(entry.document) for entry in entries]
        click.echo(orjson.dumps(documents, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("battery", "name", "account", "site", "state", "usable kWh", "in kW", "out kW", box=None)
    for entry in entries:
        battery = entry.listed.battery
        words = (entry.battery_id, battery.name, entry.account, battery.site_id or "", entry.state.value)
        numbers = (battery.usable_energy_wh, battery.charge_power_w, battery.discharge_power_w)
        table.add_row(*(escape(word) for word in words), *(kilo_text(number) for number in numbers))
    new_console().print(table)


def _page(cancellation: CancellationTerms, wanted: Wanted, found: Sequence[Entry], tx: Connection) -> list[Entry]:
    """What comes after what was found."""
    return roster.page(tx, cancellation, wanted, found[-1].battery_id if found else "", _PAGE)


def _settings(file: Path) -> BppSettings:
    settings: BppSettings = load(file, BppSettings)
    return settings


def _rows(source: Path, cancellation: CancellationTerms) -> list[Row]:
    try:
        content = source.read_bytes()
        if source.suffix.lower() == ".csv":
            return fleet_import.rows_of_csv(content.decode("utf-8"), cancellation)
        return fleet_import.rows_of_json(orjson.loads(content), cancellation)
    except OSError as error:
        raise SettingsWrong(f"{source}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsWrong(f"{source}: save the file as UTF-8") from None
    except orjson.JSONDecodeError as error:
        raise SettingsWrong(f"{source}: not JSON: {error}") from None
    except FileUnreadable as error:
        raise SettingsWrong(f"{source}: {error}") from None


def _told(tx: Connection, now: datetime, by: Actor, source: Path, report: Report) -> None:
    written = report.count(Outcome.ADDED) + report.count(Outcome.CHANGED)
    if written:
        record(tx, now, by, "fleet import", subject=source.name[:255], rows=written)


def _print(report: Report, *, dry_run: bool) -> None:
    console = new_console()
    table = Table("row", "battery", "", "what to change", box=None)
    for row in report.rows:
        if row.outcome is not Outcome.UNCHANGED:
            style = _STYLES[row.outcome]
            table.add_row(str(row.number), escape(row.battery_id or "?"), f"[{style}]{row.outcome}[/]", _problems(row))
    if table.row_count:
        console.print(table)
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome)
    if report.stored:
        console.print(f"Stored: {counts}.")
    else:
        reason = "this was a dry run" if dry_run else "mend the rows that were refused, or import with --partial"
        console.print(f"Nothing was stored ({counts}): {reason}.")


def _problems(row: Reported) -> str:
    return escape("\n".join(f"{each.pointer} {each.sentence}".strip() for each in row.mistakes))
