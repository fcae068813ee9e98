"""The platform's HTTP routes on a real server, and clients with and without the operator's token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.bpp.platform import Platform


@pytest.fixture
async def stranger(platform: Platform) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """Somebody without a token."""
    async with TestClient(TestServer(platform.bpp.participant.app)) as client:
        yield client


@pytest.fixture
async def operator(platform: Platform, stranger: TestClient) -> TestClient:  # type: ignore[type-arg]
    """The operator's own programs."""
    stranger.session.headers["Authorization"] = f"Bearer {platform.bpp.participant.token}"
    return stranger
