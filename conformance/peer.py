"""The scripted peer: a BAP that sends what a rule tells it to, byte for byte, and keeps every callback that arrives.

It acknowledges each callback at once and judges it only when a rule asks, with the verifier that the platforms use.
What is sent to the target goes through a client of its own: rules send broken requests and look at answers' headers.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from aiohttp import web

from conformance.messages import Letter
from conformance.verdicts import Breach, Request
from node.answers import ack
from node.client import Answer, PeerClient
from node.clocks import Clocks, wall_clock
from node.keyring import Keyring
from node.settings import NodeSettings, RegistrySettings
from node.subscription import Subscription
from protocol import authentication, signing, verification
from protocol.actions import Role
from protocol.errors import BecknError
from protocol.keys import OwnKeys
from protocol.policy import Identity
from protocol.verification import Claims, Verified

ANSWER_BYTES_MAX = 1024 * 1024
ARRIVAL_BYTES_MAX = 16 * 1024 * 1024
JSON_TYPE = "application/json"
UNASKED = frozenset({"status", "track", "update", "cancel"})
"""Actions whose callbacks a BPP also sends by itself, while a contract runs."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request and its answer; ``headers`` are the answer's, with lower-case names. ``at_s`` is monotonic."""

    request: Request
    answer: Answer
    headers: Mapping[str, str] = field(repr=False)
    at_s: float

    @property
    def content(self) -> Mapping[str, Any]:
        """The answer's JSON object; empty when it is none."""
        content = self.answer.json()
        return content if isinstance(content, dict) else {}

    @property
    def shown(self) -> str:
        """The answer in short, for people."""
        body = self.answer.body[:300].decode("utf-8", "replace")
        return f"{self.answer.status} {body}" if body else f"{self.answer.status} without a body"

    def breach(self, expected: str, got: str | None = None) -> Breach:
        """The failure that this request shows; what came is the answer unless said."""
        return Breach(expected, got or self.shown, self.request)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One callback as it came; ``headers`` have lower-case names. ``at_s`` is monotonic.

    ``transaction_id`` and ``message_id`` are what its context says, "" when it says nothing.
    """

    action: str
    transaction_id: str
    message_id: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at_s: float

    def answers(self, letter: Letter) -> bool:
        """Whether it names this very message."""
        return (self.transaction_id, self.message_id) == (letter.transaction_id, letter.message_id)


class Peer:
    """``sock`` is bound already, so that the settings' ``public_url`` can name its port."""

    def __init__(
        self,
        settings: NodeSettings,
        registry: RegistrySettings,
        own: OwnKeys,
        sock: socket.socket,
        *,
        subscribes: bool,
    ) -> None:
        self.own = own
        self.identity = Identity(settings.subscriber_id, Role.BAP, settings.public_url.rstrip("/"))
        self._policy = settings.policy
        self._window_s = settings.times.signature_window_s
        self._sock = sock
        self._client = PeerClient.from_settings(settings)
        self.keyring = Keyring(own, registry, self._client, wall_clock, settings.times)
        self._subscription = (
            Subscription(settings, registry, self.identity, self.keyring, self._client, Clocks(settings.trade_time))
            if subscribes
            else None
        )
        self._http = httpx.AsyncClient(
            timeout=settings.times.peer_timeout_s, trust_env=False, headers={"Accept-Encoding": "identity"}
        )
        self._arrivals: defaultdict[str, list[Arrival]] = defaultdict(list)
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen for callbacks and for the registry's challenge."""
        await self._client.start()
        app = web.Application(client_max_size=ARRIVAL_BYTES_MAX)
        app.router.add_route("*", "/{tail:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._sock).start()

    async def stop(self) -> None:
        """Close everything."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._sock.close()
        await self._http.aclose()
        await self._client.stop()

    async def join(self, within_s: float) -> None:
        """Become SUBSCRIBED, unless the network knows these keys already.

        Raises:
            TimeoutError: not in time.
        """
        if self._subscription is not None:
            async with asyncio.timeout(within_s):
                await self._subscription.run()

    # -- sending --------------------------------------------------------------------------------------------

    def sign(
        self, body: bytes, *, keys: OwnKeys | None = None, created_in_s: int = 0, window_s: int | None = None
    ) -> str:
        """A signature header over ``body``; by default by our own keys, from now, for the usual window."""
        keys = keys or self.own
        created = int(wall_clock().timestamp()) + created_in_s
        expires = created + (self._window_s if window_s is None else window_s)
        return signing.sign(body, keys.signing, keys.id, created=created, expires=expires)

    async def post(
        self, url: str, body: bytes, authorization: str | None, more: Mapping[str, str] | None = None
    ) -> Sent:
        """POST bytes as JSON, under this Authorization header or under none. Raises as `request`."""
        headers = {"Content-Type": JSON_TYPE, **(more or {})}
        if authorization is not None:
            headers[signing.AUTHORIZATION] = authorization
        return await self.request(Request("POST", url, headers, body))

    async def request(self, request: Request) -> Sent:
        """Send exactly this.

        Raises:
            Breach: no HTTP answer in time, or an answer that is too long.
        """
        at_s = time.monotonic()
        try:
            async with self._http.stream(
                request.method, request.url, content=request.body, headers=dict(request.headers)
            ) as response:
                body = await _bounded(response, request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Breach("an HTTP answer", f"{type(error).__name__}: {error}"[:300], request) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Sent(request, Answer(response.status_code, body), headers, at_s)

    # -- callbacks ------------------------------------------------------------------------------------------

    async def arrival(self, letter: Letter, within_s: float) -> Arrival | None:
        """The callback to this letter; None when none comes in time.

        Where one may come unasked, one under another message id counts only when the time is up.
        """
        try:
            async with asyncio.timeout(within_s), self._news:
                await self._news.wait_for(lambda: self._answer(letter) is not None)
        except TimeoutError:
            return next(iter(self.callbacks(letter)), None)
        return self._answer(letter)

    def callbacks(self, letter: Letter) -> list[Arrival]:
        """What came so far in the letter's transaction as the answer to its action."""
        return [arrival for arrival in self.arrivals(letter) if arrival.action == f"on_{letter.action}"]

    def arrivals(self, letter: Letter) -> list[Arrival]:
        """Everything that came so far in the letter's transaction."""
        return list(self._arrivals.get(letter.transaction_id, ()))

    async def authenticate(self, arrival: Arrival) -> Claims:
        """The callback, once its signature is known to hold by a key that the registry has.

        Raises:
            BecknError: it does not hold (BECKN-006), or the registry can not be asked.
        """
        claims = verification.read(arrival.action, arrival.headers, arrival.body, self._policy)
        records = await self.keyring.records(claims.authorization.key_id)
        authentication.authenticate(claims.authorization, claims.digest, records, self._policy, wall_clock())
        return claims

    async def judge(self, arrival: Arrival) -> Verified:
        """The callback, once it is known who says it to whom, from where, and that its action is the path's.

        Raises:
            BecknError: the first check that fails.
        """
        claims = await self.authenticate(arrival)
        senders = await self.keyring.records(claims.authorization.key_id)
        gateways = () if claims.gateway is None else await self.keyring.records(claims.gateway.key_id)
        return verification.judge(claims, senders, gateways, self.identity, self._policy, wall_clock())

    async def verify(self, arrival: Arrival) -> Verified:
        """The callback after all checks that a BAP makes: those of `judge`, its ttl and Beckn core.

        Raises:
            BecknError: the first check that fails.
        """
        verified = await self.judge(arrival)
        verification.accept(verified, wall_clock(), self._policy)
        return verified

    def _answer(self, letter: Letter) -> Arrival | None:
        exactly = letter.action in UNASKED
        return next((arrival for arrival in self.callbacks(letter) if arrival.answers(letter) or not exactly), None)

    async def _receive(self, request: web.Request) -> web.Response:
        action = request.path.rpartition("/")[2]
        if action == "on_subscribe" and self._subscription is not None:
            return await self._subscription.on_subscribe(request)
        body = await request.read()
        transaction_id, message_id = _ids(body)
        # A header that came twice is joined, so that the verifier sees its parameters repeated.
        headers = {name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers}
        arrival = Arrival(action, transaction_id, message_id, headers, body, time.monotonic())
        async with self._news:
            self._arrivals[transaction_id].append(arrival)
            self._news.notify_all()
        return ack().response


def refusal(error: BecknError) -> str:
    """Why a callback was not accepted, for people."""
    diagnosis = error.diagnosis
    return f"{error.sentence} ({diagnosis.rule})"


async def _bounded(response: httpx.Response, request: Request) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise Breach(f"an answer of at most {ANSWER_BYTES_MAX} bytes", "more", request)
    return bytes(content)


def _ids(body: bytes) -> tuple[str, str]:
    """The transaction and the message that a callback says it belongs to; "" for what it does not say."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    context = content.get("context") if isinstance(content, dict) else None
    members = context if isinstance(context, dict) else {}
    return _text(members.get("transaction_id")), _text(members.get("message_id"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
