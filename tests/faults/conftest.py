"""The four processes, once for the folder, all of them alive at the start of each test; and a scripted operator.

They live on the session's event loop: a test here carries ``asyncio(loop_scope="session")``. Most faults take seconds
each, so they are `long`: the default run has the kills around an ACK and the orderly stop (`ALWAYS`), ``.ci/run`` all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.offers import Place
from tests.faults import processes as servers
from tests.faults.processes import Processes
from tests.faults.scripted_operator import Scene, fresh_scene, staged
from tests.journeys.subscriber import Subscriber
from tests.journeys.trading import places

_PLACES = places()
_HERE = Path(__file__).parent
ALWAYS = frozenset({"test_killed_around_an_ack.py", "test_sigterm.py"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, before pytest leaves that out."""
    for item in items:
        if item.path.parent == _HERE and item.path.name not in ALWAYS:
            item.add_marker(pytest.mark.long)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def all_processes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    """Registry, gateway, operator and producer."""
    async with servers.running(tmp_path_factory.mktemp("processes")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def processes(all_processes: Processes) -> Processes:
    """The same, none of them dead."""
    await all_processes.start_missing()
    return all_processes


@pytest_asyncio.fixture(loop_scope="session")
async def client(processes: Processes) -> AsyncIterator[AsyncBapClient]:
    """The producer's client."""
    async with processes.producer() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def operator(processes: Processes) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's API."""
    async with processes.operator() as opened:
        yield opened


@pytest.fixture
def place() -> Place:
    """A place that no other test uses."""
    return next(_PLACES)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Network, Subscriber]]:
    """A network in this process, and an operator of the test's own on it."""
    async with staged(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def scene(stage: tuple[Network, Subscriber]) -> Scene:
    """A fresh contract of the producer with the scripted operator."""
    return fresh_scene(*stage)
