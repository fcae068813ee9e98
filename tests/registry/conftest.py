"""A running registry and a platform beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.app import Registry
from tests.registry.platforms import Platform, platform, registry_settings


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    """A registry that runs on a free port."""
    server = Registry(registry_settings(tmp_path / "registry"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def bpp(registry: Registry) -> AsyncIterator[Platform]:
    """A BPP that has not subscribed yet."""
    async with platform(registry.peer_settings) as made:
        yield made
