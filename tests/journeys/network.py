"""A whole network in one process for the tests of a module; every server has its own port, folder and database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import tomli_w

from bap.client import AsyncBapClient
from beckn_battery.configuration import LocalNetwork
from beckn_battery.network import Network
from beckn_battery.ports import free_ports

# There is one operator, so a search need not wait for a second one's offers.
QUIET: Mapping[str, Any] = {"quiet_s": 0.05}


@asynccontextmanager
async def running(
    folder: Path, *, speed: int = 60, batteries: int = 1, **added: Mapping[str, Any]
) -> AsyncIterator[Network]:
    """A network that can trade. ``added``: by role, what a person would write into its settings file."""
    registry, gateway, bpp, bap = free_ports(4)
    local = LocalNetwork(folder, registry, gateway, bpp, bap, batteries=batteries, speed=speed)
    for role in {"bap", *added}:
        settings = {**(QUIET if role == "bap" else {}), **added.get(role, {})}
        local.file(role).write_text(tomli_w.dumps(settings), encoding="utf-8")
    network = Network(local)
    await network.start()
    try:
        yield network
    finally:
        await network.stop()


def base_url(network: Network, role: str) -> str:
    """Where the role's server listens."""
    return f"http://{network.local.host}:{network.local.port(role)}"


def producer(network: Network) -> AsyncBapClient:
    """The producer's client; close it."""
    return AsyncBapClient(base_url(network, "bap"), network.bap.participant.token)


def operator(network: Network) -> httpx.AsyncClient:
    """The operator's API; close it."""
    return operator_api(base_url(network, "bpp"), network.bpp.participant.token)


def operator_api(url: str, token: str) -> httpx.AsyncClient:
    """The operator's API at a server; close it."""
    return httpx.AsyncClient(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"})
