"""``beckn-battery trace``: one trade in order, from the databases of one participant or of several."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table
from sqlalchemy import Connection

from beckn_battery.opening import Opened, with_database
from beckn_battery.terminal import new_console
from bpp.store.ledger import contracts_of
from node.clocks import Clocks
from node.trace import Event, booked, diagram, ordered, story
from protocol.actions import Role

NOTHING_FOUND = 1


@click.command()
@click.argument("transaction_id")
@click.option(
    "--config",
    "files",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="A participant's TOML settings file; more of them show more sides.",
)
@click.option("--diagram", "as_diagram", is_flag=True, help="Print a Mermaid sequence diagram.")
def trace(transaction_id: str, files: Sequence[Path], as_diagram: bool) -> None:
    """Show every message, decision, retry and ledger entry of one trade in order.

    Exit code 1 when nothing is known of it.
    """

    async def use(participant: Opened) -> list[Event]:
        place, wire_at = participant.settings.subscriber_id, Clocks(participant.settings.trade_time).wire_at

        def read(tx: Connection) -> list[Event]:
            told = story(tx, place, transaction_id)
            # A producer's platform calls a contract by its transaction, an operator's by ids of its own.
            ids = contracts_of(tx, transaction_id) if participant.role is Role.BPP else [transaction_id]
            return told + booked(tx, place, ids, wire_at)

        return await participant.database.read(read)

    events = ordered([with_database(file, None, use) for file in files])
    if not events:
        click.echo(f"nothing is known of transaction {transaction_id}", err=True)
        sys.exit(NOTHING_FOUND)
    if as_diagram:
        click.echo(diagram(events), nl=False)
        return
    table = Table("time", "at", "what", "action", "message", "", box=None)
    for event in events:
        time = event.at.isoformat(timespec="milliseconds").removesuffix("+00:00")
        table.add_row(time, event.place, event.kind, event.action, event.message_id, event.text)
    new_console().print(table)
