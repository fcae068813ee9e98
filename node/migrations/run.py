"""Brings a database's schema up to date when a participant starts."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

HERE = Path(__file__).parent
NODE_VERSIONS = HERE / "versions"

# Alembic keeps what it is doing in module globals, and several participants may start at once in one process.
_one_at_a_time = threading.Lock()


def alembic_config(versions: Sequence[Path]) -> Config:
    """The configuration for these version folders, without a file."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(str(folder) for folder in versions))
    return config


def _upgrade(connection: Connection, versions: Sequence[Path]) -> None:
    config = alembic_config(versions)
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")


async def upgrade(url: str, versions: Sequence[Path]) -> None:
    """Run what has not been run yet. A newer database than this program knows is an error of Alembic's."""
    await asyncio.to_thread(_upgrade_alone, make_url(url), versions)


def _upgrade_alone(url: URL, versions: Sequence[Path]) -> None:
    with _one_at_a_time:
        if url.get_backend_name() == "sqlite":
            _upgrade_sqlite(url.database or "", versions)
        else:
            asyncio.run(_upgrade_postgres(url, versions))


async def _upgrade_postgres(url: URL, versions: Sequence[Path]) -> None:
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, versions)
    finally:
        await engine.dispose()


def _upgrade_sqlite(path: str, versions: Sequence[Path]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            _upgrade(connection, versions)
    finally:
        engine.dispose()
