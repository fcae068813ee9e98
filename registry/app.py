"""The registry as a server: its database, its keys, its endpoints and its challenges, put together."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from prometheus_client import generate_latest

from node.auth import bearer_required, load_or_make_token
from node.client import PeerClient
from node.clocks import Now, wall_clock
from node.database import Database
from node.headers import security_headers
from node.keyfile import FILE, KeyFile
from node.listening import Listener, listen
from node.observability import Metrics
from node.openapi import API_DOCUMENT, api_document, served
from node.problems import json_response, problems
from node.settings import RegistrySettings
from protocol import signing
from registry import store
from registry.admin import AdminApi, load_or_make_admin_token
from registry.api import RegistryApi
from registry.challenges import Challenger
from registry.settings import RegistryServerSettings

logger = logging.getLogger(__name__)

PRUNE_EVERY_S = 600
_GUARDED = ("/admin", "/metrics", "/api")
VERSIONS = Path(__file__).parent / "versions"


class Registry:
    """Opened with `start`, closed with `stop`. ``public_url`` is what participants put ``/subscribe`` behind."""

    def __init__(self, settings: RegistryServerSettings, wire: Now = wall_clock) -> None:
        self.settings = settings
        key_file = KeyFile(settings.data_dir / FILE, settings.subscriber_id, settings.keys.passphrase_file)
        self.own = key_file.load_or_make(wire()).current
        self.metrics = Metrics()
        self.database = Database(settings.database("registry"), (VERSIONS,))
        self.client = PeerClient.from_settings(settings)
        self._wire = wire
        self._challenger = Challenger(
            self.database, self.client, self.own, self._authorization, wire, settings.challenge
        )
        self._api = RegistryApi(settings, self.database, self.metrics, wire)
        self.admin_token = load_or_make_admin_token(settings.data_dir)
        self._admin = AdminApi(self.admin_token, self.database, wire, settings.lookup_rows_max)
        self._check_token = bearer_required(load_or_make_token(settings.data_dir))
        self._listener: Listener | None = None
        self._pruning: asyncio.Task[None] | None = None

    @property
    def peer_settings(self) -> RegistrySettings:
        """What a participant has to be told of this registry, its two public keys above all."""
        return RegistrySettings(
            url=self.settings.public_url.rstrip("/"),
            subscriber_id=self.settings.subscriber_id,
            signing_public_key=self.own.signing_public_b64,
            encr_public_key=self.own.encryption_public_b64,
        )

    async def start(self) -> None:
        """Open everything and listen.

        Raises:
            SettingsWrong: the port is taken.
        """
        await self.database.start()
        await self.client.start()
        try:
            self._listener = await listen(self._application(), self.settings)
            await self._challenger.start()
            self._pruning = asyncio.create_task(self._prune())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop accepting, finish what is in hand, close. Unanswered challenges stay on disk for the next start."""
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)
        if self._listener is not None:
            await self._listener.stop()
        await self._challenger.stop(self.settings.times.stop_within_s / 2)
        await self.client.stop()
        await self.database.stop()

    async def prune(self) -> int:
        """Forget newcomers that never proved their key; how many."""
        now, attempts = self._wire(), self.settings.challenge.max_attempts
        before = now - timedelta(days=self.settings.prune_after_days)
        return await self.database.write(lambda tx: store.prune(tx, now, before, attempts))

    async def _prune(self) -> None:
        while True:
            try:
                pruned = await self.prune()
            except Exception:
                logger.exception("forgetting newcomers failed; it is tried again")
                pruned = 0
            if pruned:
                logger.info("forgot newcomers that never proved their key", extra={"subscribers": pruned})
            await asyncio.sleep(PRUNE_EVERY_S)

    def _authorization(self, body: bytes) -> str:
        created = int(self._wire().timestamp())
        expires = created + self.settings.times.signature_window_s
        return signing.sign(body, self.own.signing, self.own.id, created=created, expires=expires)

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[problems], client_max_size=self.settings.sizes.max_body_bytes)
        encrypted = self.settings.tls is not None or self.settings.public_url.startswith("https:")
        app.on_response_prepare.append(security_headers(encrypted=encrypted))
        app.router.add_get("/health", _health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/metrics", self._guarded_metrics)
        self._admin.add_routes(app)
        app.router.add_get(API_DOCUMENT, self._guarded_document)
        self._api.add_routes(app)
        title = f"The registry {self.settings.subscriber_id}"
        self._document = served(lambda: api_document(app, title, ("/",), _GUARDED))
        return app

    async def _ready(self, _request: web.Request) -> web.Response:
        """Tell that subscribers are served."""
        return json_response({"status": "ready", "subscriber_id": self.settings.subscriber_id})

    async def _keys(self, _request: web.Request) -> web.Response:
        """Tell the registry's two public keys, which participants pin in their settings."""
        # Public by the specification (Beckn registry 1.1.1, /on_subscribe): what participants pin in their settings.
        return json_response(asdict(self.peer_settings))

    async def _guarded_metrics(self, request: web.Request) -> web.StreamResponse:
        """Tell the counters to Prometheus."""
        # Only this page is closed: an unknown path is answered with a NACK like the endpoints', not with a 401.
        return await self._check_token(request, self._metrics)

    async def _guarded_document(self, request: web.Request) -> web.StreamResponse:
        """This document: all routes, with what they need, as OpenAPI 3.1."""
        return await self._check_token(request, self._document)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.metrics.registry), content_type="text/plain")


async def _health(_request: web.Request) -> web.Response:
    """Tell that the process runs."""
    return json_response({"status": "ok"})
