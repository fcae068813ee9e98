"""The four servers as processes of their own, the participants behind proxies, to be killed and started again.

Each runs ``beckn-battery <role> serve --config FILE`` from the files that ``up`` would write; what differs is that a
participant's registered URL is its proxy's.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import tomli_w

from bap.client import AsyncBapClient
from beckn_battery.configuration import ROLES, LocalNetwork, write_settings
from beckn_battery.ports import free_ports
from node.auth import TOKEN_FILE
from tests.beckn_battery.command import COMMAND, PROJECT
from tests.faults.proxy import Proxy, proxy
from tests.journeys.network import QUIET, operator_api
from tests.waiting import until

PROXIED = ("gateway", "bpp", "bap")
STOP_WITHIN_S = 4
READY_WITHIN_S = 30
TRACK_TTL_S = 1


class Processes:
    """The servers by role. ``proxies`` stand before the participants, at their registered URLs."""

    def __init__(self, local: LocalNetwork, proxies: Mapping[str, Proxy]) -> None:
        self.local = local
        self.proxies = proxies
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        write_settings(local, datetime.now(UTC))
        for role in ROLES:
            self._settle(role)

    async def start(self, role: str) -> float:
        """Start a server and wait until it is ready; the seconds that it took."""
        started = time.monotonic()
        self._spawn(role)
        await self.ready(role)
        return time.monotonic() - started

    async def start_all(self) -> None:
        """The registry first, so that the others need not ask twice."""
        await self.start("registry")
        for role in PROXIED:
            self._spawn(role)
        for role in PROXIED:
            await self.ready(role)

    async def start_missing(self) -> None:
        """Start what an earlier test left dead."""
        for role in ROLES:
            if role not in self._running:
                await self.start(role)

    async def kill(self, role: str) -> None:
        """SIGKILL: the process ends in the middle of whatever it does."""
        await self._signalled(role, signal.SIGKILL)

    async def terminate(self, role: str) -> int:
        """SIGTERM; the exit code."""
        return await self._signalled(role, signal.SIGTERM)

    async def kill_all(self) -> None:
        """At the end."""
        for role in list(self._running):
            await self.kill(role)

    def is_running(self, role: str) -> bool:
        """Whether it was started and not ended by us."""
        return role in self._running

    async def ready(self, role: str) -> None:
        """Wait until the server says that it is ready."""
        process = self._running[role]
        async with httpx.AsyncClient() as client:

            async def is_ready() -> bool:
                assert process.poll() is None, self.log(role)[-2_000:]
                try:
                    return (await client.get(f"{self.base_url(role)}/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(is_ready, READY_WITHIN_S, f"{role} ready")

    def base_url(self, role: str) -> str:
        """Where the server really listens."""
        return f"http://{self.local.host}:{self.local.port(role)}"

    def token(self, role: str) -> str:
        """The API token that its first start made."""
        return (self.local.data_dir / role / TOKEN_FILE).read_text().strip()

    def log(self, role: str) -> str:
        """What it has logged so far."""
        return (self.local.data_dir / f"{role}.log").read_text()

    def producer(self) -> AsyncBapClient:
        """The producer's client; close it."""
        return AsyncBapClient(self.base_url("bap"), self.token("bap"))

    def operator(self) -> httpx.AsyncClient:
        """The operator's API; close it."""
        return operator_api(self.base_url("bpp"), self.token("bpp"))

    def rows(self, role: str, query: str, *values: str) -> list[tuple[Any, ...]]:
        """What is committed in a participant's database, read beside the running process."""
        connection = sqlite3.connect(self.local.data_dir / role / f"{role}.sqlite", timeout=5)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def settings(self, role: str) -> dict[str, Any]:
        """The role's settings file."""
        return tomllib.loads(self.local.file(role).read_text(encoding="utf-8"))

    def _settle(self, role: str) -> None:
        settings = self.settings(role)
        settings["times"] = {"stop_within_s": STOP_WITHIN_S}
        if role in self.proxies:
            settings["public_url"] = self.proxies[role].url
        if role == "bap":
            settings |= {"gateway_url": self.proxies["gateway"].url, "request_ttl_s": {"track": TRACK_TTL_S}, **QUIET}
        self.local.file(role).write_text(tomli_w.dumps(settings), encoding="utf-8")

    def _spawn(self, role: str) -> None:
        command = [*COMMAND, role, "serve", "--config", str(self.local.file(role))]
        with (self.local.data_dir / f"{role}.log").open("ab") as log:
            self._running[role] = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)

    async def _signalled(self, role: str, number: signal.Signals) -> int:
        process = self._running.pop(role)
        process.send_signal(number)
        return await asyncio.to_thread(process.wait, 3 * STOP_WITHIN_S)


@asynccontextmanager
async def running(folder: Path, speed: int = 60) -> AsyncIterator[Processes]:
    """All four, ready; killed at the end."""
    registry, gateway, bpp, bap, *before = free_ports(7)
    local = LocalNetwork(folder, registry, gateway, bpp, bap, speed=speed)
    async with AsyncExitStack() as stack:
        proxies = {
            role: await stack.enter_async_context(proxy(port, f"http://{local.host}:{local.port(role)}"))
            for role, port in zip(PROXIED, before, strict=True)
        }
        processes = Processes(local, proxies)
        try:
            await processes.start_all()
            yield processes
        finally:
            await processes.kill_all()
