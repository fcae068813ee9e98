"""The console is looked at on the same server as the API; people log in with a password."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from node import accounts
from node.callers import AccessRole
from tests.bpp.api.conftest import operator, stranger
from tests.bpp.platform import WIRE, Platform, sample
from tests.browser import Visit, visiting
from tests.energy.examples import NOVEMBER

__all__ = ["operator", "stranger"]

PASSWORD = "a long enough password"
HASH = accounts.hashed(PASSWORD)


@dataclass
class Console:
    """A platform with people, and its address."""

    platform: Platform
    client: TestClient[Any, Any]
    url: str

    async def tells(self, path: str, **values: str) -> Any:
        """What the API says to the operator's program."""
        headers = {"Authorization": f"Bearer {self.platform.bpp.participant.token}"}
        answer = await self.client.get(f"/api/v1/{path}", params=values, headers=headers)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    @asynccontextmanager
    async def visited_by(self, account: str, place: str = "fleet") -> AsyncIterator[Visit]:
        """A person with a phone who has logged in and gone to a place; the page may ask nobody else for anything."""
        async with visiting() as visit:
            page = visit.page
            failures: list[str] = []
            page.on("pageerror", lambda error: failures.append(str(error)))
            await page.goto(f"{self.url}/login")
            await page.get_by_label("Account").fill(account)
            await page.get_by_label("Password").fill(PASSWORD)
            await page.keyboard.press("Enter")
            await page.get_by_role("heading", name="Fleet").wait_for()
            if place != "fleet":
                await page.goto(f"{self.url}/console#/{place}")
            yield visit
            assert [url for url in visit.requested if not url.startswith(f"{self.url}/")] == []
            assert visit.complaints == []
            assert failures == []


@pytest.fixture
async def console(platform: Platform, stranger: TestClient[Any, Any]) -> Console:
    """A day at noon: the one battery was at 50 % all morning; "olga" operates, "vera" only looks."""
    for name, role in (("olga", AccessRole.OPERATOR), ("vera", AccessRole.VIEWER)):
        await platform.database.write(partial(accounts.add, name=name, role=role, password_hash=HASH, now=WIRE))
    platform.go_to(NOVEMBER + timedelta(hours=12))
    taken = [
        sample(NOVEMBER + timedelta(minutes=minute), 1_000, soc=Decimal("0.5"), sequence=minute)
        for minute in range(600, 721, 5)
    ]
    await platform.bpp.telemetry.ingest.take(taken)
    return Console(platform, stranger, str(stranger.make_url("/")).rstrip("/"))
