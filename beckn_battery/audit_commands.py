"""``beckn-battery audit``: does the chain of who did what hold, and the chain itself for others to verify."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from beckn_battery.opening import ROLE_NAMES, Opened, with_database
from node import audit as chain
from node.hashchain import Entry, Fault

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)
_ROLE = click.option("--role", type=click.Choice(list(ROLE_NAMES)), help="Whose file it is; by default as it shows.")


@click.group()
def audit() -> None:
    """Who did what, when, from where, with which message."""


@audit.command()
@_CONFIG
@_ROLE
@click.option("--noted", metavar="SEQ:HASH", help="What an earlier verification printed: is that entry still there?")
def verify(file: Path, role: str | None, noted: str | None) -> None:
    """Verify every entry. Exit code 1 when one was changed, removed or reordered.

    A chain can not show that its newest entries were cut off: keep the printed SEQ:HASH somewhere else, and give it to
    the next verification.
    """

    async def use(participant: Opened) -> tuple[Entry | None, Fault | None, bool]:
        last, fault = await participant.database.read(chain.verify)
        known = noted is None or await participant.database.read(lambda tx: chain.holds(tx, noted))
        return last, fault, known

    last, fault, known = with_database(file, role, use)
    if fault is not None:
        click.echo(f"entry {fault.seq}: {fault.reason}", err=True)
        sys.exit(1)
    if not known:
        click.echo(f"the entry {noted} is not in the chain: it was cut off or written anew", err=True)
        sys.exit(1)
    click.echo("the chain is empty" if last is None else f"{last.seq} entries hold; note {last.seq}:{last.hash}")


@audit.command()
@_CONFIG
@_ROLE
@click.option("--after", default=0, show_default=True, help="Only entries behind this number.")
def export(file: Path, role: str | None, after: int) -> None:
    """Write the entries to standard output, one JSON object a line."""

    async def use(participant: Opened) -> None:
        await participant.database.read(lambda tx: sys.stdout.buffer.writelines(chain.exported(tx, after)))

    with_database(file, role, use)
