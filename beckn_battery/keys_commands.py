"""``beckn-battery keys``: the keys of one participant, in its key file. A running participant takes up every change."""

from __future__ import annotations

from pathlib import Path

import click

from node.clocks import wall_clock
from node.keybook import KeyBook, KeyState
from node.keyfile import FILE, KeyFile, make_keys, passphrase_of
from node.settings import NodeSettings, load_common
from protocol.errors import SettingsWrong
from protocol.moments import timestamp_text

_config = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)


@click.group()
def keys() -> None:
    """Rotate, list and retire the keys of a participant; it may run meanwhile."""


@keys.command()
@_config
def rotate(file: Path) -> None:
    """Make a new key. The participant publishes it and signs with it once the registry lists it."""
    settings = load_common(file)
    if settings.registry is None:
        raise SettingsWrong(f"{file}: a registry's key is pinned by every participant and can not be rotated alone")
    fresh = make_keys(settings.subscriber_id)
    _opened(settings).change(lambda book: book.rotated(fresh, wall_clock()))
    click.echo(
        f"{fresh.key_id} is pending. A running participant takes it up within {settings.keys.check_every_s} s,"
        f" another one when it starts; the key before it stays valid for {settings.keys.overlap_s} s more."
    )


@keys.command(name="list")
@_config
def list_keys(file: Path) -> None:
    """List the keys and the state of each; no private key is shown."""
    for line in _lines(_opened(load_common(file)).read()):
        click.echo(line)


@keys.command()
@_config
@click.argument("key_id")
def retire(file: Path, key_id: str) -> None:
    """End the overlap of KEY_ID now. The participant tells the registry, and forgets the key."""
    settings = load_common(file)
    _opened(settings).change(lambda book: book.ending(key_id, wall_clock()))
    click.echo(f"{key_id} ends now. A running participant tells the registry within {settings.keys.check_every_s} s.")


def _opened(settings: NodeSettings) -> KeyFile:
    path, passphrase = settings.data_dir / FILE, passphrase_of(settings.keys.passphrase_file)
    key_file = KeyFile(path, settings.subscriber_id, passphrase)
    key_file.load_or_make(wall_clock())
    return key_file


def _lines(book: KeyBook) -> list[str]:
    lines = []
    for key in book.keys:
        until = f" until {timestamp_text(key.ends_at)}" if key.ends_at is not None else ""
        state = f"{key.state.value} since {timestamp_text(key.changed_at)}{until}"
        lines.append(f"{key.key_id}  {state}" + ("  <- signs" if key.state is KeyState.CURRENT else ""))
    return lines
