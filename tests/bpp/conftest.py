"""A platform with one battery, for the tests of an operator's platform."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bpp.platform import Platform, running


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform with open databases, a clock moved by hand, and one battery of the worked vector."""
    async with running(tmp_path) as opened:
        await opened.put_battery()
        yield opened
