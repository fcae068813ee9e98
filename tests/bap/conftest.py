"""A market and a producer's platform on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bap.app import VERSIONS, Bap
from bap.client import AsyncBapClient
from node.database import Database
from node.migrations.run import NODE_VERSIONS
from tests.bap.market import Market, bap_settings, open_market, running


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    """The rest of the network."""
    async with open_market() as opened:
        yield opened


@pytest.fixture
async def bap(market: Market, tmp_path: Path) -> AsyncIterator[Bap]:
    """A started platform that has joined."""
    async with running(bap_settings(tmp_path, market)) as started:
        yield started


@pytest.fixture
async def client(bap: Bap) -> AsyncIterator[AsyncBapClient]:
    """The platform's API."""
    participant = bap.participant
    async with AsyncBapClient(participant.identity.url.removesuffix("/beckn"), participant.token) as opened:
        yield opened


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """The platform's database alone."""
    opened = Database(f"sqlite:///{tmp_path / 'bap.sqlite'}", (NODE_VERSIONS, VERSIONS))
    await opened.start()
    yield opened
    await opened.stop()
