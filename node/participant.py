"""A gateway, BAP or BPP without its trade: database, inbox, outbox, keys, subscription and HTTP server, put together.

A role makes a `Participant`, gives it its handlers (`serve`), and starts it. Starting binds the port, brings the schema
up to date, takes up what an earlier process left, and joins the network. Stopping finishes what is in hand.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest
from sqlalchemy import Connection, Row, func, select

from node import audit, data_keys, keyfile, resealing
from node.access import Access
from node.answers import Answer, AnswerForms
from node.auth import load_or_make_token
from node.callers import AccessRole, allow
from node.client import Exchange, PeerClient
from node.clocks import Clocks, Now, wall_clock
from node.database import Database
from node.headers import security_headers
from node.ids import IdMint
from node.inbox import Handler, Inbox, RefusalHandler
from node.keycare import KeyCare
from node.keyfile import KeyFile
from node.keyring import Keyring
from node.listening import Listener, Messages, listen
from node.migrations.run import NODE_VERSIONS
from node.observability import Metrics
from node.openapi import add_documents
from node.outbox import Letter, Outbox, enqueue
from node.problems import Handler as ApiHandler
from node.problems import json_response, problems
from node.rates import RateLimit
from node.retention import Retention
from node.server import PREFIX, BecknServer
from node.settings import NodeSettings
from node.subscription import Subscription
from node.tables import inbox, outbox
from protocol import signing
from protocol.actions import Role, received_by
from protocol.context import Context, write_body
from protocol.errors import SettingsWrong
from protocol.keys import KeyUnusable
from protocol.policy import Identity

logger = logging.getLogger(__name__)

Routes = Callable[[web.Application], None]


class Outside:
    """What a participant takes from the world around it, beside the clock; a simulation brings a world of its own."""

    def ids(self) -> IdMint:
        """Where the keys of its rows come from."""
        return IdMint()

    def jitter(self) -> float:
        """A random share in [0, 1) of each delay before a letter is tried again."""
        return random.random()

    def database(self, url: str, versions: Sequence[Path]) -> Database:
        """The database at ``url``, not open yet."""
        return Database(url, versions)

    def client(self, settings: NodeSettings) -> PeerClient:
        """The way to its peers, not open yet.

        Raises:
            SettingsWrong: a certificate file can not be used.
        """
        return PeerClient.from_settings(settings)

    async def listen(self, participant: Participant) -> Listener:
        """Let its peers and its users in, once it can serve them.

        Raises:
            SettingsWrong: the address can not be had.
        """
        return await listen(participant.app, participant.settings, participant.messages())


OUTSIDE = Outside()


class Participant:
    """One participant of the network; ``versions`` are the migrations of the role's own tables."""

    def __init__(
        self,
        settings: NodeSettings,
        role: Role,
        versions: Sequence[Path],
        wire: Now = wall_clock,
        outside: Outside = OUTSIDE,
    ) -> None:
        if settings.registry is None:
            raise SettingsWrong("registry is missing: say which registry to trust")
        self.settings = settings
        self._outside = outside
        self.identity = Identity(settings.subscriber_id, role, settings.public_url.rstrip("/"))
        self.clocks = Clocks(settings.trade_time, wire)
        self.ids = outside.ids()
        self.metrics = Metrics()
        self.token = load_or_make_token(settings.data_dir)
        self.database = outside.database(settings.database(role.value.lower()), (NODE_VERSIONS, *versions))
        self.database.around = audit.told(wire)
        self.database.data_keys = data_keys.from_settings(settings.data_key_file)
        self.retention = Retention(self.database, wire, settings.retention.messages_days)
        self.access = self._new_access(wire)
        self.client = outside.client(settings)
        self.client.observers.append(self._count_call)
        key_file = KeyFile(settings.data_dir / keyfile.FILE, settings.subscriber_id, settings.keys.passphrase_file)
        book = key_file.load_or_make(wire())
        self.keyring = Keyring(
            book.current, settings.registry, self.client, wire, settings.times, settings.keys.stranger_lookups
        )
        try:
            self.subscription = Subscription(
                settings, settings.registry, self.identity, self.keyring, self.client, self.clocks
            )
        except KeyUnusable as error:
            raise SettingsWrong(f"registry: {error}") from None
        self.key_care = KeyCare(key_file, book, self.keyring, self.subscription, settings, wire)
        self._listener: Listener | None = None
        self._joining: asyncio.Task[None] | None = None

    def _new_access(self, wire: Now) -> Access:
        settings = self.settings
        # A proxy before us may speak TLS for us; then the address that browsers know says so.
        encrypted = settings.tls is not None or settings.public_url.startswith("https:")
        return Access(self.database, settings.subscriber_id, self.token, wire, settings.access, encrypted=encrypted)

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
            self.database,
            self.ids,
            self.clocks.wire,
            handlers,
            refused,
            settings.sizes.decisions_at_once,
            settings.policy.zone,
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
            self._outside.jitter,
        )
        self.app = self._application(routes)

    async def start(self) -> None:
        """Open everything and listen.

        Raises:
            SettingsWrong: the port is taken, or the database is sealed under a data key that the settings do not give.
        """
        await self.database.start()
        try:
            await resealing.take_up(self.database, self.clocks.wire())
        except SettingsWrong:
            await self.database.stop()
            raise
        await self.access.start()
        await self.client.start()
        await self.outbox.start()
        try:
            await self.inbox.start()
            await self.retention.start()
            self._listener = await self._outside.listen(self)
        except SettingsWrong:
            await self.stop()
            raise
        self._joining = asyncio.create_task(self.key_care.run())

    async def stop(self) -> None:
        """Stop accepting, finish what is in hand, close. What is not finished stays on disk for the next start."""
        within_s = self.settings.times.stop_within_s / 2
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        if self._listener is not None:
            await self._listener.stop()
        await self.retention.stop()
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
        self._beckn_paths = frozenset(f"{PREFIX}/{name}" for name in received_by(self.identity.role))
        app = web.Application(
            middlewares=[self._door],
            client_max_size=settings.sizes.max_body_bytes,
        )
        app.on_response_prepare.append(security_headers(encrypted=self.access.encrypted))
        app.router.add_get("/health", _health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        allow(app, {("GET", "/metrics"): AccessRole.OPERATOR})
        if routes is not None:
            routes(app)
        add_documents(app, self.identity.role, self.identity.subscriber_id)
        app.router.add_post(f"{PREFIX}/on_subscribe", self.subscription.on_subscribe)
        self.server = BecknServer(
            self.identity,
            settings.policy,
            self.keyring,
            self.inbox,
            self.clocks,
            self.metrics,
            self.outbox.cleared,
            RateLimit(settings.access.peer_rate),
            AnswerForms(settings.answers),
            settings.how_to_read,
        )
        self.server.add_routes(app)
        return app

    @web.middleware
    async def _door(self, request: web.Request, handler: ApiHandler) -> web.StreamResponse:
        """What every request passes. A Beckn message needs none of the API's doors but the one against floods."""
        if request.path in self._beckn_paths:
            return await self.access.middleware(request, handler)

        async def audited(inner: web.Request) -> web.StreamResponse:
            return await audit.audited_calls(inner, handler)

        async def admitted(inner: web.Request) -> web.StreamResponse:
            return await self.access.middleware(inner, audited)

        return await problems(request, admitted)

    def messages(self) -> Messages:
        """What of all that arrives is a message, and who takes it in."""
        return Messages(frozenset(received_by(self.identity.role)), self._take_in, self.clocks.wire)

    async def _take_in(self, action: str, headers: Mapping[str, str], body: bytes, remote: str | None) -> Answer:
        refusal = self.access.too_often(remote)
        return await self.server.receive(action, headers, body) if refusal is None else refusal

    async def _ready(self, _request: web.Request) -> web.Response:
        if not self.subscription.subscribed.is_set():
            return json_response({"status": "starting", "waiting_for": "the registry"}, 503)
        return json_response({"status": "ready", "subscriber_id": self.identity.subscriber_id})

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.metrics.registry), content_type="text/plain")


def _last_id(tx: Connection) -> int:
    return max(tx.scalar(select(func.max(table.c.id))) or 0 for table in (inbox, outbox))


async def _health(_request: web.Request) -> web.Response:
    return json_response({"status": "ok"})
