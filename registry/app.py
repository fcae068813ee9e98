"""The registry as a server: its database, its keys, its endpoints and its challenges, put together."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from aiohttp import web
from prometheus_client import generate_latest

from node import keyfile
from node.auth import bearer_required, load_or_make_token
from node.client import PeerClient
from node.clocks import Now, wall_clock
from node.database import Database
from node.observability import Metrics
from node.participant import listen
from node.problems import json_response, problems
from node.settings import RegistrySettings
from protocol import signing
from registry.api import RegistryApi
from registry.challenges import Challenger
from registry.settings import RegistryServerSettings

VERSIONS = Path(__file__).parent / "versions"


class Registry:
    """Opened with `start`, closed with `stop`. ``public_url`` is what participants put ``/subscribe`` behind."""

    def __init__(self, settings: RegistryServerSettings, wire: Now = wall_clock) -> None:
        self.settings = settings
        self.own = keyfile.load_or_make(settings.data_dir, settings.subscriber_id)
        self.metrics = Metrics()
        self.database = Database(settings.database("registry"), (VERSIONS,))
        self.client = PeerClient(settings.times.peer_timeout_s, settings.sizes.max_answer_bytes)
        self._wire = wire
        self._challenger = Challenger(
            self.database, self.client, self.own, self._authorization, wire, settings.challenge
        )
        self._api = RegistryApi(settings, self.database, self.metrics, wire)
        self._check_token = bearer_required(load_or_make_token(settings.data_dir))
        self._runner: web.AppRunner | None = None

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
            self._runner = await listen(self._application(), self.settings)
            await self._challenger.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop accepting, finish what is in hand, close. Unanswered challenges stay on disk for the next start."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._challenger.stop(self.settings.times.stop_within_s / 2)
        await self.client.stop()
        await self.database.stop()

    def _authorization(self, body: bytes) -> str:
        created = int(self._wire().timestamp())
        expires = created + self.settings.times.signature_window_s
        return signing.sign(body, self.own.signing, self.own.id, created=created, expires=expires)

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[problems], client_max_size=self.settings.sizes.max_body_bytes)
        app.router.add_get("/health", _health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/metrics", self._guarded_metrics)
        self._api.add_routes(app)
        return app

    async def _ready(self, _request: web.Request) -> web.Response:
        return json_response({"status": "ready", "subscriber_id": self.settings.subscriber_id})

    async def _keys(self, _request: web.Request) -> web.Response:
        # Public by the specification (Beckn registry 1.1.1, /on_subscribe): what participants pin in their settings.
        return json_response(asdict(self.peer_settings))

    async def _guarded_metrics(self, request: web.Request) -> web.StreamResponse:
        # Only this page is closed: an unknown path is answered with a NACK like the endpoints', not with a 401.
        return await self._check_token(request, self._metrics)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.metrics.registry), content_type="text/plain")


async def _health(_request: web.Request) -> web.Response:
    return json_response({"status": "ok"})
