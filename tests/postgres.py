"""A private PostgreSQL for the tests, from the binaries it finds, as an unprivileged user, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from node.ids import new_uuid
from tests.ports import free_port


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl`` of the newest PostgreSQL here, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root, so root runs it as somebody else."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("no unprivileged user to run PostgreSQL as")


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server that lives as long as the block; skips the test where PostgreSQL is not installed."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    user = _unprivileged()
    home = Path(tempfile.mkdtemp(prefix="battery-pg-"))
    if user is not None:
        os.chown(home, pwd.getpwnam(user).pw_uid, -1)
    data, port = home / "data", free_port()

    def run(command: str, *arguments: str) -> None:
        subprocess.run(
            [folder / command, *arguments], user=user, cwd=home, check=True, stdout=subprocess.DEVNULL, timeout=60
        )

    try:
        run("initdb", "-D", str(data), "-U", "battery", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-p {port} -h 127.0.0.1 -k {home} -c fsync=off"
        run("pg_ctl", "-D", str(data), "-o", options, "-l", str(home / "log"), "-w", "start")
        yield f"postgresql://battery@127.0.0.1:{port}/postgres"
    finally:
        if data.exists():
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


def new_database(server_url: str) -> str:
    """The URL of a fresh database on a running server."""
    name = f"test_{new_uuid().replace('-', '')}"

    async def create() -> None:
        connection = await asyncpg.connect(server_url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return server_url.rpartition("/")[0] + f"/{name}"
