"""``beckn-battery registry audit``: read the registry's log of every change, and check its chain of hashes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy import Connection

from node.audit import operator
from node.clocks import moment_of, wall_clock
from node.database import Database
from node.hashchain import START, Entry, entries, first_fault
from node.settings import load
from protocol.moments import timestamp_text
from registry.audit import audit as table
from registry.audit import record
from registry.settings import RegistryServerSettings

BROKEN = 1

T = TypeVar("T")

_config = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The registry's TOML settings file."
)


@click.group(name="audit")
def registry_audit() -> None:
    """The log of every change of a subscriber; the registry may run meanwhile."""


@registry_audit.command()
@_config
@click.option("--head", help="A hash that an earlier verification printed, which must still be in the log.")
def verify(file: Path, head: str | None) -> None:
    """Check the whole chain. Exit code 1 with the first broken entry, or when HEAD is missing."""
    found = _read(file, lambda tx: list(entries(tx, table)))
    fault = first_fault(found)
    if fault is not None:
        click.echo(f"broken at entry {fault.seq}: {fault.reason}")
        sys.exit(BROKEN)
    if head is not None and head not in {START, *(entry.hash for entry in found)}:
        click.echo(f"broken: entry {head[:64]} was cut off")
        sys.exit(BROKEN)
    click.echo(f"{len(found)} entries hold; head {found[-1].hash if found else START}")


@registry_audit.command()
@_config
@click.option("--after", default=0, show_default=True, help="Begin behind the entry of this number.")
def show(file: Path, after: int) -> None:
    """Print the entries, one a line: number, time, who, what."""
    for entry in _read(file, lambda tx: list(entries(tx, table, after))):
        click.echo(_line(entry))


def _line(entry: Entry) -> str:
    return f"{entry.seq} {timestamp_text(moment_of(entry.at_ms))} {entry.actor} {entry.change}"


def tell_registry(file: Path, what: str) -> None:
    """Enter what an operator has done to the registry's own files into its log."""
    settings, by, now = load(file, RegistryServerSettings), operator(), wall_clock()
    _with_database(
        settings,
        lambda database: database.write(
            lambda tx: record(tx, now, f"{by.name}, {by.origin}", what, settings.subscriber_id)
        ),
    )


def _read(file: Path, fn: Callable[[Connection], T]) -> T:
    return _with_database(load(file, RegistryServerSettings), lambda database: database.read(fn))


def _with_database(settings: RegistryServerSettings, use: Callable[[Database], Awaitable[T]]) -> T:
    from registry.app import VERSIONS

    async def run() -> T:
        database = Database(settings.database("registry"), (VERSIONS,))
        await database.start()
        try:
            return await use(database)
        finally:
            await database.stop()

    return asyncio.run(run())
