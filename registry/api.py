"""The registry's endpoints: ``POST /subscribe`` and ``POST /lookup``. Whatever is refused is a NACK.

*/subscribe* verifies the signature and decides in one transaction, so that of two who claim an id at once only one can
be right.

*/lookup* answers signed and unsigned requests alike, since what it tells is public and the most used adapter asks
unsigned (INTEROP 5). A signature that is there has to hold, though: a caller that signs wants to hear that it does so
wrongly. The key of an application that still waits for its challenge is good enough here, since every
participant asks for itself until it is listed. Answered are the valid keys of those who are SUBSCRIBED and admitted
by the operator, and nothing else, whatever is asked: that adapter takes INITIATED and expired entries for good. The
forms of other registries (`registry.foreign_lookups`) are answered from the same entries.

Both have a rate for each caller's address: over it the answer is 429 with ``Retry-After``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.answers import nack
from node.clocks import Now
from node.database import Database
from node.observability import Metrics
from node.problems import json_response
from node.rates import RateLimit, network_of
from protocol import authentication, signing, verification
from protocol.addresses import check_url
from protocol.errors import (
    AddressForbidden,
    BecknError,
    Diagnosis,
    NotAuthenticated,
    NotValid,
    TooLarge,
    TooManyRequests,
    UnknownRoute,
)
from protocol.jsontext import parse_object
from protocol.keys import KeyRecord
from protocol.signing import SignatureHeader
from registry import store
from registry.admission import check_not_barred, withdrawal
from registry.applications import Application, carried_key, decide, key_record, read_application, signers
from registry.audit import record
from registry.foreign_lookups import VLookup, dedi_answer, with_pem_keys
from registry.settings import RegistryServerSettings
from registry.subscriptions import LookupQuery, State, is_listed, lookup_answer, lookup_filter

logger = logging.getLogger(__name__)

_HEADERS = ("content-type", "content-encoding", "authorization", "pub_key_format")
_OFFERED = "POST /subscribe, POST /lookup"


@dataclass(frozen=True, slots=True)
class _Request:
    """A parsed request; ``header`` None: unsigned; ``pem``: keys are to be told as PEM."""

    content: Mapping[str, Any]
    digest: bytes
    header: SignatureHeader | None
    pem: bool = False


class RegistryApi:
    """The two endpoints on one database."""

    def __init__(self, settings: RegistryServerSettings, database: Database, metrics: Metrics, now: Now) -> None:
        self._settings = settings
        self._policy = settings.policy
        self._validity = timedelta(days=settings.key_validity_days)
        self._database = database
        self._metrics = metrics
        self._now = now
        self._limits = {
            "subscribe": RateLimit(settings.subscribe_rate),
            "lookup": RateLimit(settings.lookup_rate),
        }

    def add_routes(self, app: web.Application) -> None:
        """Both endpoints, the lookup in its other forms too (INTEROP 5), and a NACK for everything else."""
        app.router.add_post("/subscribe", self._subscribe)
        for path in ("/lookup", "/subscribers/lookup", "/v2.0/lookup"):
            app.router.add_post(path, self._lookup)
        app.router.add_post("/vlookup", self._vlookup)
        app.router.add_get("/lookup/{subscriber_id}/{namespace}/{key_id}", self._dedi_lookup)
        app.router.add_route("*", "/{tail:.*}", self._unknown)

    async def _subscribe(self, request: web.Request) -> web.Response:
        """Join the network, add a key, or end one; signed."""
        return await self._answer("subscribe", request, self._subscribed)

    async def _lookup(self, request: web.Request) -> web.Response:
        """Find subscribers and their keys by id, key, type, domain or place; signed or not."""
        return await self._answer("lookup", request, self._found)

    async def _vlookup(self, request: web.Request) -> web.Response:
        """Find subscribers as ONDC's vlookup asks, with the signature in the body."""
        return await self._answer("lookup", request, self._found_by_vlookup)

    async def _dedi_lookup(self, request: web.Request) -> web.Response:
        """Find one key as DeDi's registries tell it."""
        asked = LookupQuery(subscriber_id=request.match_info["subscriber_id"], key_id=request.match_info["key_id"])

        async def found(_request: _Request) -> object:
            return dedi_answer(await self._listed(asked), request.path)

        return await self._answer("lookup", request, found)

    async def _unknown(self, request: web.Request) -> web.Response:
        error = UnknownRoute(
            f"{request.method} {request.path[:100]} is no endpoint here; there are: {_OFFERED}.",
            Diagnosis(rule="route", path=request.path[:100], expected=_OFFERED, got=request.method),
        )
        return nack(error, self._settings.subscriber_id).response

    async def _answer(
        self, name: str, request: web.Request, endpoint: Callable[[_Request], Awaitable[object]]
    ) -> web.Response:
        started = time.perf_counter()
        outcome, facts = "ACK", {}
        try:
            self._limit(name, request)
            read = await self._read(request)
            facts["subscriber_id"] = str(read.content.get("subscriber_id"))[:255]
            return json_response(await endpoint(read))
        except BecknError as error:
            outcome, facts["diagnosis"] = error.diagnosis.rule, str(error.diagnosis)[:500]
            return nack(error, self._settings.subscriber_id).response
        except Exception:
            logger.exception("answering %s failed", name)
            outcome = "internal"
            failure = BecknError("Something failed here; ask again later.", Diagnosis(rule="internal"))
            return nack(failure, self._settings.subscriber_id).response
        finally:
            self._metrics.received.labels(name, outcome).inc()
            took_ms = round((time.perf_counter() - started) * 1_000, 2)
            logger.info("answered", extra={"action": name, "outcome": outcome, "ms": took_ms, **facts})

    def _limit(self, name: str, request: web.Request) -> None:
        wait_s = self._limits[name].wait_s(network_of(request.remote), self._now())
        if wait_s:
            raise TooManyRequests(
                f"Too many requests from your address: ask again in {wait_s} s.",
                Diagnosis("rate", request.path[:100], f"a request after {wait_s} s", "one now"),
                wait_s,
            )

    async def _read(self, request: web.Request) -> _Request:
        if request.method == "GET":
            return _Request({}, b"", None)
        headers = {name: ", ".join(request.headers.getall(name)) for name in _HEADERS if name in request.headers}
        # The head alone may refuse it, before the body is read; the body's true length counts afterwards.
        verification.check_media(headers, request.content_length or 1, self._policy)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            limit = self._policy.max_body_bytes
            raise TooLarge(
                f"The body has more than {limit} bytes.", Diagnosis(rule="V1-size", expected=f"at most {limit} bytes")
            ) from None
        verification.check_media(headers, len(body), self._policy)
        value = headers.get("authorization")
        return _Request(
            content=parse_object(body, self._policy.max_depth),
            digest=signing.digest(body),
            header=None if value is None else signing.parse_header(value),
            pem=headers.get("pub_key_format", "").upper() == "PEM",
        )

    # -- POST /subscribe ------------------------------------------------------------------------------------

    async def _subscribed(self, request: _Request) -> object:
        application = read_application(request.content)
        self._check_url(application.url)
        if request.header is None:
            raise NotAuthenticated(
                "The Authorization header is missing: sign the body as BECKN-006 describes.",
                Diagnosis(rule="V2-header", path=signing.AUTHORIZATION, expected="a signature header", got="none"),
            )
        header, now = request.header, self._now()
        state = await self._database.write(lambda tx: self._decide(tx, application, header, request.digest, now))
        return {"status": state.value}

    def _check_url(self, url: str) -> None:
        """Refuse a URL that nobody may call; a name is judged again by what it resolves to at the challenge.

        Raises:
            NotValid: the network's settings do not allow it.
        """
        try:
            check_url(url, self._settings.network.rules)
        except AddressForbidden as error:
            known = error.diagnosis
            raise NotValid(
                f"/url is none that this network calls: {known.got}, not {known.expected}.",
                Diagnosis(f"registry-{known.rule}", "/url", known.expected, known.got),
            ) from None

    def _decide(
        self, tx: Connection, application: Application, header: SignatureHeader, digest: bytes, now: datetime
    ) -> State:
        standing = store.hold(tx, application.subscriber_id)
        self._authenticate(header, digest, signers(application, standing, now), now)
        check_not_barred(standing)
        ended = withdrawal(application, standing, now)
        if ended is not None:
            store.put_standing(tx, ended)
            me, until = application.subscriber_id, application.valid_until
            record(tx, now, me, "end-key", me, key_id=application.key_id, valid_until=until)
            return ended.subscriber.state
        change = decide(application, standing, now, self._validity, self._settings.newcomers)
        if change is not None:
            store.let_in(tx, application, change, now)
        elif standing is not None and is_listed(standing.subscriber):
            return State.SUBSCRIBED
        return State.UNDER_SUBSCRIPTION

    # -- POST /lookup ---------------------------------------------------------------------------------------

    async def _found(self, request: _Request) -> object:
        query = lookup_filter(request.content)
        now = self._now()
        items = await self._database.read(lambda tx: self._find(tx, query, request, now))
        return [with_pem_keys(item) for item in items] if request.pem else items

    async def _found_by_vlookup(self, request: _Request) -> object:
        asked = VLookup.read(request.content)
        records = await self._database.read(lambda tx: _known_keys(tx, asked.sender_id))
        asked.check_signature(records)
        return await self._listed(asked.query)

    async def _listed(self, query: LookupQuery) -> list[dict[str, object]]:
        now = self._now()
        rows_max = self._settings.lookup_rows_max
        return await self._database.read(lambda tx: lookup_answer(store.lookup(tx, query, now, rows_max), now))

    def _find(self, tx: Connection, query: LookupQuery, request: _Request, now: datetime) -> list[dict[str, object]]:
        if request.header is not None:
            self._authenticate(
                request.header, request.digest, _known_keys(tx, request.header.key_id.subscriber_id), now
            )
        return lookup_answer(store.lookup(tx, query, now, self._settings.lookup_rows_max), now)

    def _authenticate(
        self, header: SignatureHeader, digest: bytes, records: Sequence[KeyRecord], now: datetime
    ) -> None:
        named = [
            record
            for record in records
            if record.subscriber_id == header.key_id.subscriber_id and header.key_id.key_id in {None, record.key_id}
        ]
        authentication.authenticate(header, digest, named, self._policy, now)


def _known_keys(tx: Connection, subscriber_id: str) -> list[KeyRecord]:
    """Every key that a caller may sign a lookup with: its proven ones, and the one that waits for its challenge."""
    # In this order: between the two an answered challenge may turn the application into a proven key.
    application = store.waiting(tx, subscriber_id)
    standing = store.standing(tx, subscriber_id)
    proven = [key_record(standing.subscriber, key) for key in standing.keys] if standing is not None else []
    return proven + ([carried_key(application)] if application is not None else [])
