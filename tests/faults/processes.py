"""The four servers as processes of their own, each behind a proxy, to be killed and started again.

Each runs ``beckn-battery <role> serve --config FILE`` from the files that ``up`` would write; what differs is that the
others know it by its proxy's URL. ``commands`` and ``environments`` put something else around the next start of a role:
a clock that is wrong, or a death at a certain point.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import time
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
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
from tests.beckn_battery.command import COMMAND, PROJECT, finished
from tests.faults.proxy import PREFIX, Proxy, proxy
from tests.journeys.network import QUIET, operator_api
from tests.waiting import until

PARTICIPANTS = ("gateway", "bpp", "bap")
STOP_WITHIN_S = 4
READY_WITHIN_S = 30
TRACK_TTL_S = 1
PEER_TIMEOUT_S = 3
KEY_LOOKUP_EVERY_S = 1


class Processes:
    """The servers by role. ``proxies`` stand before them, at the URLs by which the others know them."""

    def __init__(self, local: LocalNetwork, proxies: Mapping[str, Proxy]) -> None:
        self.local = local
        self.proxies = proxies
        self.commands: dict[str, Sequence[str]] = {}
        self.environments: dict[str, Mapping[str, str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        write_settings(local, datetime.now(UTC))
        for role in ROLES:
            self._settle(role)

    async def start(self, role: str) -> float:
        """Start a server and wait until it is ready; the seconds that it took."""
        started = time.monotonic()
        self.spawn(role)
        await self.ready(role)
        return time.monotonic() - started

    async def start_all(self) -> None:
        """The registry first, so that the others need not ask twice."""
        await self.start("registry")
        for role in PARTICIPANTS:
            self.spawn(role)
        for role in PARTICIPANTS:
            await self.ready(role)

    async def start_missing(self) -> None:
        """Start what an earlier test left dead."""
        for role in ROLES:
            if role not in self._running:
                await self.start(role)

    def hang_up(self, role: str) -> None:
        """SIGHUP: look at the files that may have changed."""
        self._running[role].send_signal(signal.SIGHUP)

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

    def pid(self, role: str) -> int:
        """The number of its process."""
        return self._running[role].pid

    async def died(self, role: str) -> int:
        """Wait until a server ends by itself; its exit code, negative for a signal."""
        return await asyncio.to_thread(self._running.pop(role).wait, READY_WITHIN_S)

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

    def database(self, role: str) -> Path:
        """Its database file."""
        return self.local.data_dir / role / f"{'bg' if role == 'gateway' else role}.sqlite"

    def rows(self, role: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What is committed in a participant's database, read beside the running process."""
        connection = sqlite3.connect(f"file:{self.database(role)}?mode=rw", timeout=5, uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def command(self, *arguments: str) -> str:
        """Run ``beckn-battery`` beside the servers; what it prints."""
        done = finished(*arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def settings(self, role: str) -> dict[str, Any]:
        """The role's settings file."""
        return tomllib.loads(self.local.file(role).read_text(encoding="utf-8"))

    def _settle(self, role: str) -> None:
        settings = self.settings(role)
        settings["times"] = {
            "stop_within_s": STOP_WITHIN_S,
            "peer_timeout_s": PEER_TIMEOUT_S,
            "key_lookup_every_s": KEY_LOOKUP_EVERY_S,
        }
        # So long that a test has to say when: SIGHUP.
        settings["keys"] = {"check_every_s": 3_600}
        if role in PARTICIPANTS:
            settings["public_url"] = self.proxies[role].url
            settings["registry"]["url"] = self.proxies["registry"].url.removesuffix(PREFIX)
        if role == "bap":
            settings |= {"gateway_url": self.proxies["gateway"].url, "request_ttl_s": {"track": TRACK_TTL_S}, **QUIET}
        self.local.file(role).write_text(tomli_w.dumps(settings), encoding="utf-8")

    def spawn(self, role: str) -> None:
        """Start a server and do not wait for it."""
        command = [*self.commands.get(role, COMMAND), role, "serve", "--config", str(self.local.file(role))]
        environment = {**os.environ, **self.environments.get(role, {})}
        with (self.local.data_dir / f"{role}.log").open("ab") as log:
            self._running[role] = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log, env=environment)

    async def _signalled(self, role: str, number: signal.Signals) -> int:
        process = self._running.pop(role)
        process.send_signal(number)
        return await asyncio.to_thread(process.wait, 3 * STOP_WITHIN_S)


@asynccontextmanager
async def running(folder: Path, speed: int = 60) -> AsyncIterator[Processes]:
    """All four, ready; killed at the end."""
    registry, gateway, bpp, bap, *before = free_ports(8)
    local = LocalNetwork(folder, registry, gateway, bpp, bap, speed=speed)
    async with AsyncExitStack() as stack:
        proxies = {
            role: await stack.enter_async_context(proxy(port, f"http://{local.host}:{local.port(role)}"))
            for role, port in zip(ROLES, before, strict=True)
        }
        processes = Processes(local, proxies)
        try:
            await processes.start_all()
            yield processes
        finally:
            await processes.kill_all()
