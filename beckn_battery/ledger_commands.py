"""``beckn-battery ledger``: does the ledger hold, what lies on its accounts, and its entries."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from beckn_battery.opening import ROLE_NAMES, Opened, with_database
from beckn_battery.terminal import new_console
from energy.ledger import WATT_HOURS, Kind
from energy.quantities import Money, kilo_text
from node import ledger as books
from node.ledger import Balance, Booked, Verdict

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)
_ROLE = click.option("--role", type=click.Choice(list(ROLE_NAMES)), help="Whose file it is; by default as it shows.")
WRONG = 1


@click.group()
def ledger() -> None:
    """Money and energy in double entry, append-only."""


@ledger.command()
@_CONFIG
@_ROLE
def verify(file: Path, role: str | None) -> None:
    """Verify every entry, every balance and every signed root. Exit code 1 when something does not hold."""

    async def use(participant: Opened) -> Verdict:
        own_id = participant.settings.subscriber_id
        return await participant.database.read(lambda tx: books.verify(tx, own_id))

    verdict = with_database(file, role, use)
    for fault in verdict.faults:
        click.echo(fault, err=True)
    if verdict.faults:
        sys.exit(WRONG)
    last = verdict.last
    click.echo("the ledger is empty" if last is None else f"{last.seq} entries hold; note {last.seq}:{last.hash}")


@ledger.command()
@_CONFIG
@_ROLE
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Only accounts of this kind.")
def balance(file: Path, role: str | None, kind: str | None) -> None:
    """Show what lies on the accounts that are not empty: debits, and credits with a minus."""

    async def use(participant: Opened) -> Sequence[Balance]:
        wanted = None if kind is None else Kind(kind)
        return await participant.database.read(lambda tx: books.balances(tx, wanted))

    table = Table("account", "amount", "", box=None)
    table.columns[1].justify = "right"
    for each in with_database(file, role, use):
        table.add_row(each.account.name, *amount_text(each.amount, each.unit))
    new_console().print(table)


@ledger.command()
@_CONFIG
@_ROLE
@click.option("--contract", "contract_id", help="Only the entries of this contract.")
@click.option("--after", default=0, show_default=True, help="Only entries behind this number.")
@click.option("--limit", default=100, show_default=True, help="At most so many entries.")
def show(file: Path, role: str | None, contract_id: str | None, after: int, limit: int) -> None:
    """Show entries in their order, with what they post."""

    async def use(participant: Opened) -> list[Booked]:
        if contract_id is None:
            return await participant.database.read(lambda tx: books.after(tx, after, limit))
        found = await participant.database.read(lambda tx: books.of_contract(tx, contract_id))
        return [each for each in found if each.seq > after][:limit]

    for booked in with_database(file, role, use):
        click.echo(f"{booked.seq}  {booked.at.isoformat(timespec='seconds')}  {booked.entry.sentence}")
        for posting in booked.entry.postings:
            amount, unit = amount_text(posting.amount, posting.unit)
            click.echo(f"    {amount:>14} {unit}  {posting.account.name}")


@ledger.command()
@_CONFIG
@_ROLE
def roots(file: Path, role: str | None) -> None:
    """Show the signed root of each day, the newest first."""

    async def use(participant: Opened) -> list[books.Root]:
        return await participant.database.read(books.roots)

    for root in with_database(file, role, use):
        click.echo(f"{root.day.isoformat()}  {root.last_seq}:{root.hash}  key {root.key_id}  {root.signature}")


def amount_text(amount: int, unit: str) -> tuple[str, str]:
    """An amount as people read it: kWh, or the major unit of its currency."""
    return (kilo_text(amount), "kWh") if unit == WATT_HOURS else (Money(amount, unit).text, unit)
