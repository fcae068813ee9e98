"""Calling peers, and nothing but peers: one session, no redirects, answers bounded in size and time.

An address that the network's settings do not allow is not called (`protocol.addresses`): URLs are judged before the
call, names again by what they resolve to when we connect. Answers are never decompressed, so none grows in our hands.

Every call is reported to the observers as an `Exchange`; the demo's message list is made of these.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver

from node.addresses import CheckedResolver
from node.answers import refusal
from node.settings import NodeSettings
from node.tls import client_context
from protocol.addresses import AddressRules, check_url
from protocol.errors import CertificateInvalid, Diagnosis, PeerFailed

DELIVERED = frozenset({200, 201, 202, 204})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as it went over the wire; ``status`` 0 when no answer came."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    answer: bytes = field(repr=False)
    duration_ms: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer said."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    def json(self) -> Any:
        """The parsed body; None when it is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    @property
    def is_garbage(self) -> bool:
        """Whether the status says that the message was taken, and the body, which is not empty, is no JSON.

        A proxy's page is no acknowledgement. An empty body is one (INTEROP 3).
        """
        return self.status in DELIVERED and bool(self.body) and self.json() is None

    @property
    def nack(self) -> str | None:
        """Why the peer refused, or None when it did not (every form of INTEROP 3)."""
        return refusal(self.status, self.json(), delivered=self.status in DELIVERED)


class PeerClient:
    """Opened with `start`, closed with `stop`. ``timeout_s`` is for a whole call, its answer's last byte included.

    ``tls`` None: the system's authorities. ``resolver`` None: the system's.
    """

    def __init__(
        self,
        timeout_s: float,
        max_answer_bytes: int,
        rules: AddressRules | None = None,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._max_answer_bytes = max_answer_bytes
        self._rules = rules or AddressRules()
        self._tls = tls
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self.observers: list[Callable[[Exchange], None]] = []

    @classmethod
    def from_settings(cls, settings: NodeSettings) -> PeerClient:
        """The client of a participant or of the registry.

        Raises:
            SettingsWrong: a certificate file can not be used.
        """
        limits, sizes = settings.times, settings.sizes
        return cls(limits.peer_timeout_s, sizes.max_answer_bytes, settings.network.rules, client_context(settings))

    async def start(self) -> None:
        """Open the session."""
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,
            keepalive_timeout=30,
            resolver=CheckedResolver(self._resolver or aiohttp.ThreadedResolver(), self._rules),
            ssl=self._tls or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def stop(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON bytes.

        Raises:
            PeerFailed: no connection, no answer in time, a redirect, or an answer that is too long.
            AddressForbidden: the settings do not allow this address.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        return await self._call("POST", url, body, sent)

    async def get(self, url: str) -> Answer:
        """GET a document from a peer. Raises as `post`."""
        return await self._call("GET", url, b"", {})

    async def submit(self, url: str, form: bytes) -> Answer:
        """POST a form (``application/x-www-form-urlencoded``) to a peer, to be answered in JSON. Raises as `post`."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return await self._call("POST", url, form, sent)

    async def _call(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        started = time.perf_counter()
        answer, failure = None, ""
        try:
            answer = await self._exchange(method, url, body, headers)
            return answer
        except PeerFailed as error:
            failure = error.sentence
            raise
        finally:
            took_ms = (time.perf_counter() - started) * 1_000
            status, content = (answer.status, answer.body) if answer else (0, b"")
            exchange = Exchange(url, headers, body, status, content, took_ms, failure or None)
            for observe in self.observers:
                observe(exchange)

    async def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._session is None:
            raise RuntimeError("the client is not open")
        check_url(url, self._rules)
        try:
            async with self._session.request(
                method, url, data=body or None, headers=headers, allow_redirects=False
            ) as response:
                content = await self._bounded(response, url)
                if 300 <= response.status < 400:
                    raise _failed(url, "an answer", f"a redirect ({response.status})")
                return Answer(response.status, content, _retry_after_s(response.headers.get("Retry-After")))
        except TimeoutError:
            raise _failed(url, "an answer in time", f"none within {self._timeout.total} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise _failed(url, "a valid certificate", str(error.certificate_error)[:200], CertificateInvalid) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failed(url, "an answer", f"{type(error).__name__}: {error}"[:200]) from None

    async def _bounded(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            content += chunk
            if len(content) > self._max_answer_bytes:
                response.close()
                raise _failed(url, f"at most {self._max_answer_bytes} bytes", "more")
        return bytes(content)


def _retry_after_s(value: str | None) -> float | None:
    if value is None or not value.isdecimal():
        return None
    return min(float(value), 3_600.0)


def _failed(url: str, expected: str, got: str, kind: type[PeerFailed] = PeerFailed) -> PeerFailed:
    return kind(f"{url} did not give {expected}: {got}.", Diagnosis(rule="peer", path=url, expected=expected, got=got))
