"""``beckn-battery privacy``: one person's data in a database, to hand over or to erase (docs/privacy.md)."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import click
import orjson

from bap.store.personal import SOURCES as BAP_SOURCES
from beckn_battery.opening import ROLE_NAMES, Opened, with_database
from bpp.store.personal import SOURCES as BPP_SOURCES
from node import personal
from node.audit import operator
from node.clocks import wall_clock
from node.personal import MESSAGES, Found, Person, Source
from protocol.actions import Role

_PAGE_ROWS = 200
# So few that no write keeps the running server waiting.
_ERASED_AT_ONCE = 10

_CONFIG = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)
_ROLE = click.option("--role", type=click.Choice(list(ROLE_NAMES)), help="Whose file it is; by default as it shows.")
_EMAIL = click.option("--email", help="The person's e-mail address, as it was billed.")
_NAME = click.option("--name", help="The person's name, as it was billed.")


@click.group()
def privacy() -> None:
    """One person's data: hand it over, or erase it."""


@privacy.command()
@_CONFIG
@_ROLE
@_EMAIL
@_NAME
def export(file: Path, role: str | None, email: str | None, name: str | None) -> None:
    """Print all that is stored about a person as JSON."""
    person = _person(email, name)

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
@click.confirmation_option(prompt="Erased data does not come back. Go on?")
def erase(file: Path, role: str | None, email: str | None, name: str | None) -> None:
    """Erase a person from contracts and messages; print what was changed, and what stays and why."""
    person = _person(email, name)

    async def use(participant: Opened) -> tuple[int, list[Found]]:
        found = await _found(participant, person)
        free = [one for one in found if one.kept is None]
        return await _erased(participant, person, free), [one for one in found if one.kept is not None]

    changed, kept = with_database(file, role, use)
    click.echo(f"erased from {changed} row{'' if changed == 1 else 's'}")
    for one in kept:
        click.echo(f"kept in {one.source} {one.key}: {one.kept}")


def _person(email: str | None, name: str | None) -> Person:
    if (email is None) == (name is None):
        raise click.UsageError("Say whom: --email or --name, one of them.")
    return Person("email", email) if email is not None else Person("name", str(name))


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
