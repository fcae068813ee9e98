"""A participant's door alone: its database, a clock moved by hand, and an application with one route of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node import tokens
from node.access import Access
from node.callers import AccessRole, Caller, allow, caller_of
from node.database import Database
from node.headers import security_headers
from node.ids import new_token
from node.login import add_login
from node.migrations.run import NODE_VERSIONS
from node.problems import json_response, problems
from node.settings import AccessSettings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILE_TOKEN = "made-by-the-first-start"
TRADES = "/api/v1/trades"


@dataclass
class Clock:
    """Moved by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Door:
    """What a test needs of it; ``reopened`` is another process on the same database."""

    database: Database
    clock: Clock
    client: TestClient  # type: ignore[type-arg]
    access: Access
    settings: AccessSettings = field(default_factory=AccessSettings)

    async def token(
        self, account: str, role: AccessRole, lasts: timedelta | None = None, token_id: str = "one"
    ) -> dict[str, str]:
        """The header of a new token."""
        secret = new_token()
        ends_at = None if lasts is None else self.clock() + lasts
        caller = Caller(account, role, token_id)
        await self.database.write(lambda tx: tokens.add(tx, token_id, secret, caller, self.clock(), ends_at))
        return bearer(secret)

    async def status(self, headers: dict[str, str], method: str = "GET", path: str = TRADES) -> int:
        """What the door answers."""
        async with self.client.request(method, path, headers=headers, allow_redirects=False) as answer:
            return answer.status


def bearer(token: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def opened(url: str, settings: AccessSettings, *, encrypted: bool = False) -> AsyncIterator[Door]:
    """A door on a server of its own."""
    database, clock = Database(url, (NODE_VERSIONS,)), Clock()
    await database.start()
    access = Access(database, "bap.test", FILE_TOKEN, clock, settings, encrypted=encrypted)
    await access.start()
    async with TestClient(TestServer(application(access, encrypted=encrypted))) as client:
        yield Door(database, clock, client, access, settings)
    await database.stop()


def application(access: Access, *, encrypted: bool) -> web.Application:
    """One route of each kind."""

    async def who(request: web.Request) -> web.Response:
        caller = caller_of(request)
        return json_response({"account": caller.account, "role": caller.role, "token_id": caller.token_id})

    async def anybody(_request: web.Request) -> web.Response:
        return json_response({})

    app = web.Application(middlewares=[problems, access.middleware])
    app.on_response_prepare.append(security_headers(encrypted=encrypted))
    app.router.add_get("/health", anybody)
    app.router.add_get("/console", who)
    app.router.add_get(TRADES, who)
    app.router.add_post(TRADES, who)
    app.router.add_post("/api/v1/forgotten", who)
    app.router.add_post("/beckn/select", anybody)
    app.router.add_get("/beckn/track/secret", anybody)
    allow(app, {("GET", TRADES): AccessRole.VIEWER, ("POST", TRADES): AccessRole.TRADER})
    add_login(app, access, database_of(access))
    return app


def database_of(access: Access) -> Database:
    """The database that the door reads."""
    return access._database
