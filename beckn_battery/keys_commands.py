"""``beckn-battery keys``: the keys of one participant, in its key file. A running participant takes up every change.

Each change is entered into the participant's audit chain, the registry's own into that of the registry.
"""

from __future__ import annotations

from pathlib import Path

import click

from beckn_battery.opening import tell
from beckn_battery.registry_commands import tell_registry
from node.clocks import wall_clock
from node.keybook import KeyBook, KeyState
from node.keyfile import FILE, KeyFile, make_keys, passphrases_of, write_passphrases
from node.settings import NodeSettings, load_common
from protocol.errors import SettingsWrong
from protocol.moments import timestamp_text

_config = click.option(
    "--config", "file", type=click.Path(path_type=Path), required=True, help="The participant's TOML settings file."
)


@click.group()
def keys() -> None:
    """Rotate, list and retire the keys of a participant, or change their passphrase; it may run meanwhile."""


@keys.command()
@_config
def rotate(file: Path) -> None:
    """Make a new key. The participant publishes it and signs with it once the registry lists it."""
    settings = load_common(file)
    if settings.registry is None:
        raise SettingsWrong(f"{file}: a registry's key is pinned by every participant and can not be rotated alone")
    fresh = make_keys(settings.subscriber_id)
    _opened(settings).change(lambda book: book.rotated(fresh, wall_clock()))
    tell(file, None, "keys rotate", fresh.key_id)
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
    tell(file, None, "keys retire", key_id)
    click.echo(f"{key_id} ends now. A running participant tells the registry within {settings.keys.check_every_s} s.")


@keys.command()
@_config
@click.option(
    "--new-file", "new", type=click.Path(path_type=Path), help="Holds the new one (mode 0600); else you are asked."
)
@click.option("--remove", is_flag=True, help="Write the key file plain.")
def passphrase(file: Path, new: Path | None, remove: bool) -> None:
    """Set, change or remove the passphrase of the key file.

    It is kept in the file that keys.passphrase_file names. That file is made when there is none, and the key file is
    then sealed; otherwise the new passphrase takes the place of the one before it in both.
    """
    settings = load_common(file)
    if remove and new is not None:
        raise click.UsageError("Either --remove or --new-file.")
    if remove:
        KeyFile(settings.data_dir / FILE, settings.subscriber_id, settings.keys.passphrase_file).write_plain()
    else:
        _set(settings, _new_passphrase(new))
    what = "keys passphrase removed" if remove else "keys passphrase"
    if settings.registry is None:
        tell_registry(file, what)
    else:
        tell(file, None, what)
    click.echo(_REMOVED if remove else f"{settings.data_dir / FILE} is sealed under the new passphrase")


_REMOVED = (
    "the key file is not sealed any more. Take keys.passphrase_file out of the settings and start the participant anew:"
    " one that runs or starts with it seals the file again."
)


def _set(settings: NodeSettings, new: str) -> None:
    path = settings.keys.passphrase_file
    if path is None:
        raise SettingsWrong("keys.passphrase_file is missing: name the file that is to hold the passphrase")
    if path.exists():
        _opened(settings).seal_under(new)
        return
    key_file = KeyFile(settings.data_dir / FILE, settings.subscriber_id)
    if key_file.path.exists():
        # A file that is sealed under a passphrase that is lost is refused here, before anything is written.
        key_file.read()
    write_passphrases(path, new)
    _opened(settings)


def _new_passphrase(file: Path | None) -> str:
    if file is not None:
        return passphrases_of(file)[0]
    typed = str(click.prompt("New passphrase", hide_input=True, confirmation_prompt=True)).strip()
    if not typed:
        raise click.ClickException("a passphrase is not empty")
    return typed


def _opened(settings: NodeSettings) -> KeyFile:
    key_file = KeyFile(settings.data_dir / FILE, settings.subscriber_id, settings.keys.passphrase_file)
    key_file.load_or_make(wall_clock())
    return key_file


def _lines(book: KeyBook) -> list[str]:
    lines = []
    for key in book.keys:
        until = f" until {timestamp_text(key.ends_at)}" if key.ends_at is not None else ""
        state = f"{key.state.value} since {timestamp_text(key.changed_at)}{until}"
        lines.append(f"{key.key_id}  {state}" + ("  <- signs" if key.state is KeyState.CURRENT else ""))
    return lines
