"""One network a module, on the module's own event loop: a test there carries ``asyncio(loop_scope="module")``."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.offers import Place
from tests.journeys import network as networks
from tests.journeys.trading import places

_PLACES = places()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Registry, gateway, operator and producer, with one simulated battery in Bengaluru."""
    async with networks.running(tmp_path_factory.mktemp("network")) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(network: Network) -> AsyncIterator[AsyncBapClient]:
    """The producer's client."""
    async with networks.producer(network) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operator(network: Network) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's API."""
    async with networks.operator(network) as opened:
        yield opened


@pytest.fixture
def place() -> Place:
    """A place that no other test uses."""
    return next(_PLACES)
