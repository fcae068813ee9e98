"""A participant's database, opened by a command beside the running server or without one.

SQLite's write-ahead log and its busy timeout make that safe: the command's transactions wait for the server's and the
other way round. The settings file says which role it is for: only an operator's names a ``provider``, only a
producer's a ``gateway_url``; a gateway's has neither.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import make_url

from bap.app import VERSIONS as BAP_VERSIONS
from bap.settings import BapSettings
from bpp.app import BPP_VERSIONS, SAMPLE_VERSIONS
from bpp.settings import BppSettings
from node import data_keys, resealing
from node.audit import operator, record
from node.clocks import wall_clock
from node.database import Database, is_sqlite
from node.migrations.run import NODE_VERSIONS
from node.settings import NodeSettings, load, load_common
from protocol.actions import Role
from protocol.errors import SettingsWrong

T = TypeVar("T")

ROLE_NAMES = {"bap": Role.BAP, "bpp": Role.BPP, "gateway": Role.BG}


@dataclass(frozen=True, slots=True)
class Opened:
    """One participant's database with its role and settings."""

    role: Role
    settings: NodeSettings
    database: Database


@asynccontextmanager
async def opened(file: Path, role_name: str | None = None) -> AsyncIterator[Opened]:
    """The database of the participant with this settings file; ``role_name`` None: as the file shows.

    Raises:
        SettingsWrong: the file can not be used, the participant has no database yet, or it is sealed under a data key
            that the settings do not give.
    """
    role = _role_of(file) if role_name is None else ROLE_NAMES[role_name]
    settings: NodeSettings = load(file, {Role.BAP: BapSettings, Role.BPP: BppSettings, Role.BG: NodeSettings}[role])
    async with _open(file, role, settings) as participant:
        yield participant


@asynccontextmanager
async def _open(file: Path, role: Role, settings: NodeSettings) -> AsyncIterator[Opened]:
    url = settings.database(role.value.lower())
    if not _exists(url):
        raise SettingsWrong(f"{file}: there is no database at {url}; start this participant once")
    database = Database(url, (NODE_VERSIONS, *_versions(role, url)))
    database.data_keys = data_keys.from_settings(settings.data_key_file)
    await database.start()
    try:
        await resealing.check(database)
        yield Opened(role, settings, database)
    finally:
        await database.stop()


def with_database(file: Path, role_name: str | None, use: Callable[[Opened], Awaitable[T]]) -> T:
    """Open, use, close; what ``use`` returned. Raises as `opened`."""

    async def run() -> T:
        async with opened(file, role_name) as participant:
            return await use(participant)

    return asyncio.run(run())


def tell(file: Path, role_name: str | None, what: str, subject: str | None = None) -> None:
    """Enter what an operator has done to the participant's files into its audit chain. Raises as `opened`.

    A participant that was never started has no chain; nothing is entered.
    """
    role = _role_of(file) if role_name is None else ROLE_NAMES[role_name]
    settings, by, now = load_common(file), operator(), wall_clock()

    async def enter() -> None:
        async with _open(file, role, settings) as participant:
            await participant.database.write(lambda tx: record(tx, now, by, what, subject=subject))

    if _exists(settings.database(role.value.lower())):
        asyncio.run(enter())


def _exists(url: str) -> bool:
    return not is_sqlite(url) or Path(make_url(url).database or "").exists()


def _role_of(file: Path) -> Role:
    try:
        names = tomllib.loads(file.read_text(encoding="utf-8")).keys()
    except OSError as error:
        raise SettingsWrong(f"{file}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{file}: not TOML: {error}") from None
    if "provider" in names:
        return Role.BPP
    return Role.BAP if "gateway_url" in names else Role.BG


def _versions(role: Role, url: str) -> tuple[Path, ...]:
    if role is Role.BAP:
        return (BAP_VERSIONS,)
    if role is Role.BG:
        return ()
    return (BPP_VERSIONS,) if is_sqlite(url) else (BPP_VERSIONS, SAMPLE_VERSIONS)
