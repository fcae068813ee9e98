"""``beckn-battery privacy``: one person's data in a database, to hand over or to erase, and the keys that seal it.

See docs/privacy.md.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import click
import orjson

from bap.store.personal import SOURCES as BAP_SOURCES
from bap.store.tables import metadata as bap_tables
from beckn_battery.opening import ROLE_NAMES, Opened, tell, with_database
from bpp.store.personal import SOURCES as BPP_SOURCES
from bpp.store.tables import metadata as bpp_tables
from node import data_keys, personal, resealing
from node.audit import operator
from node.clocks import wall_clock
from node.personal import MESSAGES, Found, Person, Source
from node.settings import load_common
from node.tables import metadata as node_tables
from protocol.actions import Role
from protocol.errors import SettingsWrong

_PAGE_ROWS = 200
# So few that no write keeps the running server waiting.
_ERASED_AT_ONCE = 10
_TABLES = {Role.BAP: (bap_tables,), Role.BPP: (bpp_tables,)}

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)
_ROLE = click.option("--role", type=click.Choice(list(ROLE_NAMES)), help="Whose file it is; by default as it shows.")
_EMAIL = click.option("--email", help="The person's e-mail address, as it was billed.")
_NAME = click.option("--name", help="The person's name, as it was billed.")
_PHONE = click.option("--phone", help="The person's phone number; only its digits count.")


@click.group()
def privacy() -> None:
    """One person's data: hand it over, or erase it. And the data keys that seal everybody's."""


@privacy.command()
@_CONFIG
@_ROLE
@_EMAIL
@_NAME
@_PHONE
def export(file: Path, role: str | None, email: str | None, name: str | None, phone: str | None) -> None:
    """Print all that is stored about a person as JSON."""
    person = _person(email=email, name=name, phone=phone)

    async def use(participant: Opened) -> list[Found]:
        return await _found(participant, person)

    found = with_database(file, role, use)
    content = {"found_by": {person.member: person.value}, "found": [_content(one) for one in found]}
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())


@privacy.command()
@_CONFIG
@_ROLE
@_EMAIL
@_NAME
@_PHONE
@click.confirmation_option(prompt="Erased data does not come back. Go on?")
def erase(file: Path, role: str | None, email: str | None, name: str | None, phone: str | None) -> None:
    """Erase a person from contracts and messages; print what was changed, and what stays and why."""
    person = _person(email=email, name=name, phone=phone)

    async def use(participant: Opened) -> tuple[int, list[Found]]:
        found = await _found(participant, person)
        free = [one for one in found if one.kept is None]
        return await _erased(participant, person, free), [one for one in found if one.kept is not None]

    changed, kept = with_database(file, role, use)
    click.echo(f"erased from {changed} row{'' if changed == 1 else 's'}")
    for one in kept:
        click.echo(f"kept in {one.source} {one.key}: {one.kept}")


@privacy.command()
@_CONFIG
@_ROLE
def newkey(file: Path, role: str | None) -> None:
    """Put a new data key first into the file that data_key_file names, or make that file."""
    path = load_common(file).data_key_file
    if path is None:
        raise SettingsWrong(f"{file}: data_key_file is missing: name the file that is to hold the data keys")
    key = data_keys.add_key(path, wall_clock())
    tell(file, role, "privacy newkey", key.key_id)
    click.echo(f"data key {key.key_id} is the first in {path}")
    click.echo("A participant that runs with this file seals under it from now on, another one when it is started.")
    click.echo("Then beckn-battery privacy seal seals what was stored before. Without this file nothing can be read:")
    click.echo("keep a copy of it, apart from the copies of the database.")


@privacy.command()
@_CONFIG
@_ROLE
def seal(file: Path, role: str | None) -> None:
    """Seal all personal data that is stored plain or under an older key; the participant may run meanwhile."""

    async def use(participant: Opened) -> tuple[int, str]:
        database, tables = participant.database, (node_tables, *_TABLES.get(participant.role, ()))
        sealed = await resealing.reseal(database, tables, operator(), wall_clock())
        return sealed, "" if database.data_keys is None else database.data_keys.newest.key_id

    sealed, key_id = with_database(file, role, use)
    click.echo(f"sealed {sealed} value{'' if sealed == 1 else 's'}; the database needs no key but {key_id}")


def _person(**given: str | None) -> Person:
    named = [(member, value) for member, value in given.items() if value is not None]
    if len(named) != 1:
        raise click.UsageError("Say whom: --email, --name or --phone, one of them.")
    return Person(*named[0])


def _sources(role: Role) -> tuple[Source, ...]:
    return {Role.BAP: BAP_SOURCES, Role.BPP: BPP_SOURCES}.get(role, ()) + MESSAGES


async def _found(participant: Opened, person: Person) -> list[Found]:
    found: list[Found] = []
    for source in _sources(participant.role):
        after: Any = None
        while True:
            page, after = await participant.database.read(
                lambda tx, source=source, after=after: personal.find(tx, source, person, after, _PAGE_ROWS)  # type: ignore[misc]
            )
            found += page
            if after is None:
                break
    return found


async def _erased(participant: Opened, person: Person, found: list[Found]) -> int:
    by, changed = operator(), 0
    sources = {source.name: source for source in _sources(participant.role)}
    for name, rows in groupby(found, key=lambda one: one.source):
        keys = [one.key for one in rows]
        for start in range(0, len(keys), _ERASED_AT_ONCE):
            now, some = wall_clock(), keys[start : start + _ERASED_AT_ONCE]
            changed += await participant.database.write(
                lambda tx, name=name, some=some, now=now: personal.erase(tx, sources[name], person, some, by, now)  # type: ignore[misc]
            )
    return changed


def _content(one: Found) -> dict[str, object]:
    return {"where": one.source, "id": one.key, "data": list(one.data), "kept": one.kept}
