"""A gateway, BAP or BPP without its trade: database, inbox, outbox, keys, subscription and HTTP server, put together.

A role makes a `Participant`, gives it its handlers (`serve`), and starts it. Starting binds the port, brings the schema
up to date, takes up what an earlier process left, and joins the network. Stopping finishes what is in hand.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest
from sqlalchemy import Connection, Row

from node import keyfile
from node.auth import bearer_required, load_or_make_token
from node.client import Exchange, PeerClient
from node.clocks import Clocks, Now, wall_clock
from node.database import Database
from node.ids import IdMint
from node.inbox import Handler, Inbox, RefusalHandler
from node.keyring import Keyring
from node.migrations.run import NODE_VERSIONS
from node.observability import Metrics
from node.outbox import Letter, Outbox, enqueue
from node.problems import json_response, problems
from node.server import PREFIX, BecknServer
from node.settings import NodeSettings
from node.subscription import Subscription
from protocol import signing
from protocol.actions import Role
from protocol.context import Context, write_body
from protocol.errors import SettingsWrong
from protocol.keys import KeyUnusable
from protocol.policy import Identity

logger = logging.getLogger(__name__)

Routes = Callable[[web.Application], None]


class Participant:
    """One participant of the network; ``versions`` are the migrations of the role's own tables."""

    def __init__(self, settings: NodeSettings, role: Role, versions: Sequence[Path], wire: Now = wall_clock) -> None:
        if settings.registry is None:
            raise SettingsWrong("registry is missing: say which registry to trust")
        self.settings = settings
        self.identity = Identity(settings.subscriber_id, role, settings.public_url.rstrip("/"))
        self.clocks = Clocks(settings.trade_time, wire)
        self.ids = IdMint()
        self.metrics = Metrics()
        self.token = load_or_make_token(settings.data_dir)
        self.database = Database(settings.database(role.value.lower()), (NODE_VERSIONS, *versions))
        self.client = PeerClient(settings.times.peer_timeout_s, settings.sizes.max_answer_bytes)
        self.client.observers.append(self._count_call)
        own = keyfile.load_or_make(settings.data_dir, settings.subscriber_id)
        self.keyring = Keyring(own, settings.registry, self.client, wire, settings.times)
        try:
            self.subscription = Subscription(
                settings, settings.registry, self.identity, self.keyring, self.client, self.clocks
            )
        except KeyUnusable as error:
            raise SettingsWrong(f"registry: {error}") from None
        self._runner: web.AppRunner | None = None
        self._joining: asyncio.Task[None] | None = None

    def serve(
        self,
        handlers: Mapping[str, Handler],
        refused: RefusalHandler,
        on_dead: Callable[[Connection, Row[Any], str], None],
        routes: Routes | None = None,
    ) -> None:
        """Set what the role does with messages, and its own HTTP routes."""
        settings = self.settings
        self.inbox = Inbox(
            self.database, self.ids, self.clocks.wire, handlers, refused, settings.sizes.decisions_at_once
        )
        self.outbox = Outbox(
            self.database,
            self.client,
            self.clocks.wire,
            self._sign,
            settings.retry.schedule,
            on_dead,
            settings.sizes.flights,
            settings.sizes.flights_per_destination,
        )
        self.app = self._application(routes)

    async def start(self) -> None:
        """Open everything and listen.

        Raises:
            SettingsWrong: the port is taken.
        """
        await self.database.start()
        await self.client.start()
        await self.outbox.start()
        await self.inbox.start()
        try:
            self._runner = await listen(self.app, self.settings)
        except SettingsWrong:
            await self.stop()
            raise
        self._joining = asyncio.create_task(self.subscription.run())

    async def stop(self) -> None:
        """Stop accepting, finish what is in hand, close. What is not finished stays on disk for the next start."""
        within_s = self.settings.times.stop_within_s / 2
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        await self.inbox.stop(within_s)
        await self.outbox.stop(within_s)
        await self.client.stop()
        await self.database.stop()

    def send(
        self,
        tx: Connection,
        context: Context,
        destination: str,
        message: Mapping[str, Any] | None,
        *,
        error: Mapping[str, str] | None = None,
        now: datetime,
        coalesce_key: str | None = None,
    ) -> None:
        """Write a message to a peer into the outbox, in the transaction of the decision that makes it."""
        letter = Letter(
            destination=destination,
            action=context.action,
            transaction_id=context.transaction_id,
            message_id=context.message_id,
            body=write_body(context, message, error),
            not_after=context.holds_until,
            coalesce_key=coalesce_key,
        )
        enqueue(tx, self.ids, letter, now)

    def _sign(self, body: bytes, relayed: str | None) -> Mapping[str, str]:
        own = self.keyring.authorization(body)
        if relayed is None:
            return {signing.AUTHORIZATION: own}
        return {signing.AUTHORIZATION: relayed, signing.GATEWAY_AUTHORIZATION: own}

    def _count_call(self, exchange: Exchange) -> None:
        self.metrics.sent.labels(str(exchange.status)).inc()
        self.metrics.call_seconds.observe(exchange.duration_ms / 1_000)

    def _application(self, routes: Routes | None) -> web.Application:
        settings = self.settings
        app = web.Application(
            middlewares=[problems, bearer_required(self.token, (f"{PREFIX}/",))],
            client_max_size=settings.sizes.max_body_bytes,
        )
        app.router.add_get("/health", _health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        if routes is not None:
            routes(app)
        app.router.add_post(f"{PREFIX}/on_subscribe", self.subscription.on_subscribe)
        server = BecknServer(
            self.identity,
            settings.policy,
            self.keyring,
            self.inbox,
            self.clocks,
            self.metrics,
            self.outbox.cleared,
            strict=settings.strict,
        )
        server.add_routes(app)
        return app

    async def _ready(self, _request: web.Request) -> web.Response:
        if not self.subscription.subscribed.is_set():
            return json_response({"status": "starting", "waiting_for": "the registry"}, 503)
        return json_response({"status": "ready", "subscriber_id": self.identity.subscriber_id})

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.metrics.registry), content_type="text/plain")


async def _health(_request: web.Request) -> web.Response:
    return json_response({"status": "ok"})


async def listen(app: web.Application, settings: NodeSettings) -> web.AppRunner:
    """Serve ``app`` on the settings' host and port.

    Raises:
        SettingsWrong: the address can not be had.
    """
    runner = web.AppRunner(
        app, access_log=None, auto_decompress=False, shutdown_timeout=settings.times.stop_within_s / 2
    )
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, backlog=1_024)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        reason = "is in use" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
        raise SettingsWrong(f"port {settings.port} on {settings.host} {reason}") from None
    return runner
