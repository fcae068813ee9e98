"""One platform for a module's tests; each begins with a registry that lists the producer and the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from protocol.actions import Role
from tests.interop.platform import Platform, item, platform


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """The platform, with whatever the test before left in its registry."""
    async with platform(tmp_path_factory.mktemp("platform")) as running:
        running.registry.items = [item(running.producer), item(running.gateway, Role.BG, "https://gateway.test")]
        yield running
