"""A registry and our own BPP with a small fleet, running on free ports: what the harness is first pointed at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from bpp.app import Bpp
from bpp.catalog import ListedBattery
from bpp.fleet_json import write_battery
from bpp.settings import BppSettings, ProviderSettings
from energy.offers import CancellationTerms, DispatchMode
from node.settings import RegistrySettings, TradeTimeSettings
from registry.app import Registry
from registry.settings import RegistryServerSettings
from tests.energy.examples import BATTERY, TARIFF
from tests.peers import LOCAL
from tests.ports import free_port
from tests.waiting import until

PROVIDER = ProviderSettings(
    provider_id="provider-1",
    name="Storage Grid Bengaluru",
    address="1, Bellary Road, Bengaluru",
    email="desk@example.org",
    phone="+910000000001",
    support_url="https://example.org/support",
)


@dataclass(frozen=True)
class Network:
    """Where the BPP is, the registry that knows it, and the token of its operator's API."""

    target: str
    registry: RegistrySettings
    token: str

    async def contracts(self) -> list[Any]:
        """What is booked on the one battery beyond quotes, which end by themselves."""
        async with _operator(self.target, self.token) as client:
            answer = await client.get(f"/batteries/{BATTERY.battery_id}")
        return [booking for booking in answer.json()["bookings"] if booking["hold_until"] is None]


@asynccontextmanager
async def network(folder: Path, trade_time: TradeTimeSettings | None = None) -> AsyncIterator[Network]:
    """Both servers, the BPP subscribed and with one battery."""
    port = free_port()
    registry = Registry(
        RegistryServerSettings(
            subscriber_id="registry.test",
            data_dir=folder / "registry",
            public_url=f"http://127.0.0.1:{port}",
            port=port,
            network=LOCAL,
        )
    )
    await registry.start()
    try:
        async with _bpp(folder / "bpp", registry.peer_settings, trade_time or TradeTimeSettings()) as known:
            yield known
    finally:
        await registry.stop()


@asynccontextmanager
async def _bpp(folder: Path, registry: RegistrySettings, trade_time: TradeTimeSettings) -> AsyncIterator[Network]:
    port = free_port()
    settings = BppSettings(
        subscriber_id="bpp.test",
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}/beckn",
        port=port,
        registry=registry,
        provider=PROVIDER,
        network=LOCAL,
        trade_time=trade_time,
    )
    bpp = Bpp(settings)
    await bpp.start()
    try:
        await until(bpp.participant.subscription.subscribed.is_set, what="the subscription")
        known = Network(settings.public_url, registry, bpp.participant.token)
        await _add_battery(known)
        yield known
    finally:
        await bpp.stop()


def _operator(target: str, token: str) -> httpx.AsyncClient:
    base_url = target.removesuffix("/beckn") + "/api/v1"
    return httpx.AsyncClient(base_url=base_url, headers={"Authorization": f"Bearer {token}"})


async def _add_battery(known: Network) -> None:
    battery = write_battery(
        ListedBattery(BATTERY, TARIFF, (DispatchMode.AUTOMATIC,), CancellationTerms(Decimal(10)), min_energy_wh=1_000)
    )
    async with _operator(known.target, known.token) as client:
        answer = await client.post("/batteries", json=battery)
    assert answer.status_code == 200, answer.text
