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
from node.database import Database, is_sqlite
from node.migrations.run import NODE_VERSIONS
from node.settings import NodeSettings, load
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
        SettingsWrong: the file can not be used, or the participant has no database yet.
    """
    role = _role_of(file) if role_name is None else ROLE_NAMES[role_name]
    settings: NodeSettings = load(file, {Role.BAP: BapSettings, Role.BPP: BppSettings, Role.BG: NodeSettings}[role])
    url = settings.database(role.value.lower())
    if not _exists(url):
        raise SettingsWrong(f"{file}: there is no database at {url}; start this participant once")
    database = Database(url, (NODE_VERSIONS, *_versions(role, url)))
    await database.start()
    try:
        yield Opened(role, settings, database)
    finally:
        await database.stop()


def with_database(file: Path, role_name: str | None, use: Callable[[Opened], Awaitable[T]]) -> T:
    """Open, use, close; what ``use`` returned. Raises as `opened`."""

    async def run() -> T:
        async with opened(file, role_name) as participant:
            return await use(participant)

    return asyncio.run(run())


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
