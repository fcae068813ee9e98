"""The Beckn endpoints of a participant: routes made from the table, and the way of a message up to its ACK.

``POST /beckn/<action>``: read (checks 1-3), judge with the registry's keys (4-10), accept (12-14), store in the inbox
(11), then 200 ACK. Every refusal is a NACK; what we did not foresee is a 500 NACK without details.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from aiohttp import web

from energy.wire.v1.tolerances.rules import Reading
from node.answers import Answer, AnswerForms, ack, nack, too_many
from node.clocks import Clocks
from node.inbox import Inbox
from node.keyring import Keyring
from node.observability import Metrics
from node.rates import RateLimit
from node.reading import check_readable, is_strict, read_deviating
from protocol import verification
from protocol.actions import ACTIONS, received_by
from protocol.errors import (
    BecknError,
    Diagnosis,
    Expired,
    NotAuthenticated,
    NotAuthorised,
    NotValid,
    Refused,
    TooLarge,
    UnknownRoute,
)
from protocol.keys import KeyRecord
from protocol.policy import Identity, Policy
from protocol.verification import Claims, Verified
from schemas.loader import storage

logger = logging.getLogger(__name__)

PREFIX = "/beckn"
_HEADERS = ("content-type", "content-encoding", "authorization", "x-gateway-authorization", "proxy-authorization")
READ_AT_ONCE_BYTES = 128 * 1024
_LEARNT_BY_ASKING = frozenset({"V5-key", "V6-signature", "V4-window", "V8-role", "V9-url"})


class BecknServer:
    """The receiving side of one participant. ``alive`` is told the URL of every sender of a valid message."""

    def __init__(
        self,
        identity: Identity,
        policy: Policy,
        keyring: Keyring,
        inbox: Inbox,
        clocks: Clocks,
        metrics: Metrics,
        alive: Callable[[str], Awaitable[None]],
        rate: RateLimit,
        forms: AnswerForms,
        reading: Reading,
    ) -> None:
        self._identity = identity
        self._policy = policy
        self._keyring = keyring
        self._inbox = inbox
        self._clocks = clocks
        self._metrics = metrics
        self._alive = alive
        self._rate = rate
        self._forms = forms
        self._reading = reading

    def add_routes(self, app: web.Application) -> None:
        """Every action that this role receives, and a NACK for everything else below the prefix."""
        for name in received_by(self._identity.role):
            app.router.add_post(f"{PREFIX}/{name}", self._receive)
        app.router.add_route("*", f"{PREFIX}/{{tail:.*}}", self._unknown)

    async def _unknown(self, request: web.Request) -> web.Response:
        offered = ", ".join(received_by(self._identity.role))
        error = UnknownRoute(
            f"{request.method} {request.path[:100]} is no endpoint here; POST one of: {offered}.",
            Diagnosis(rule="route", path=request.path[:100], expected=offered, got=request.method),
        )
        return nack(error, self._identity.subscriber_id, self._forms.usual).response

    async def _receive(self, request: web.Request) -> web.Response:
        action, headers = request.path.rpartition("/")[2], _headers(request)
        try:
            body = await self._body(request, headers)
        except BecknError as error:
            self._metrics.count_received(action, error.diagnosis.rule)
            return nack(error, self._identity.subscriber_id, self._forms.of(headers)).response
        return (await self.receive(action, headers, body)).response

    async def receive(self, action: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Take one message in: the ACK or NACK. ``headers`` have lower-case names."""
        started = time.perf_counter()
        outcome, facts = "ACK", {}
        try:
            verified = await self._admit(action, headers, body)
            context = verified.context
            facts = {
                "sender": verified.sender_id,
                "transaction_id": context.transaction_id,
                "message_id": context.message_id,
            }
            return ack(self._forms.of(headers))
        except Refused as error:
            outcome, facts = error.diagnosis.rule, {"diagnosis": str(error.diagnosis)[:500]}
            return nack(error, self._identity.subscriber_id, self._forms.of(headers))
        except BecknError as error:
            outcome = error.diagnosis.rule
            return nack(error, self._identity.subscriber_id, self._forms.of(headers))
        except Exception:
            logger.exception("receiving %s failed", action)
            outcome = "internal"
            failure = BecknError("Something failed here; send the message again later.", Diagnosis(rule="internal"))
            return nack(failure, self._identity.subscriber_id, self._forms.of(headers))
        finally:
            self._metrics.count_received(action, outcome)
            if logger.isEnabledFor(logging.INFO):
                took_ms = round((time.perf_counter() - started) * 1_000, 2)
                logger.info("received", extra={"action": action, "outcome": outcome, "ms": took_ms, **facts})

    async def _admit(self, action: str, headers: Mapping[str, str], body: bytes) -> Verified:
        claims = verification.read(action, headers, body, self._policy)
        verified, sender_url = await self._judge(claims)
        # Only now: whoever is not the sender must not use up the sender's share.
        now = self._clocks.wire()
        wait_s = self._rate.wait_s(verified.sender_id, now)
        if wait_s:
            raise too_many(wait_s, f"from {verified.sender_id}")
        try:
            if len(body) <= READ_AT_ONCE_BYTES:
                self._check_content(verified, now)
            else:
                # A catalog of a thousand items takes so long that others would wait for it.
                await asyncio.to_thread(self._check_content, verified, now)
        except (Expired, NotValid):
            # The same bytes get the same answer, even after their ttl (check 11 comes before 12).
            if not await self._inbox.knows(verified):
                raise
            return verified
        await self._inbox.accept(verified, headers["authorization"])
        await self._alive(sender_url)
        return verified

    def _check_content(self, verified: Verified, now: datetime) -> None:
        """Checks 12 to 14."""
        # What the closed schema accepts is valid by core too (a test holds them together): one look is enough.
        strict = storage(verified.action).is_valid(verified.content) and is_strict(verified.context)
        verification.check_in_time(verified.context, now, self._policy)
        if strict:
            self._check_trade(verified)
        else:
            self._count(read_deviating(verified, self._reading))

    async def _body(self, request: web.Request, headers: Mapping[str, str]) -> bytes:
        length = request.content_length or 0
        if length > self._policy.max_body_bytes or "content-encoding" in headers:
            # Refused by its head alone; verification.read says why.
            verification.check_media(headers, length, self._policy)
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            limit = self._policy.max_body_bytes
            raise TooLarge(
                f"The body has more than {limit} bytes.", Diagnosis(rule="V1-size", expected=f"at most {limit} bytes")
            ) from None

    async def _judge(self, claims: Claims) -> tuple[Verified, str]:
        senders = await self._records(claims, fresh=False)
        try:
            return self._judged(claims, senders)
        except (NotAuthenticated, NotAuthorised) as error:
            if error.diagnosis.rule not in _LEARNT_BY_ASKING:
                raise
            # A key may have been rotated, or a platform have moved, since we asked; the keyring bounds how often this
            # reaches the registry.
            fresh = await self._records(claims, fresh=True)
            if fresh == senders:
                raise
            return self._judged(claims, fresh)

    def _judged(self, claims: Claims, records: tuple[Sequence[KeyRecord], Sequence[KeyRecord]]) -> tuple[Verified, str]:
        senders, gateways = records
        verified = verification.judge(claims, senders, gateways, self._identity, self._policy, self._clocks.wire())
        url = next(record.url for record in senders if record.key_id == verified.key_id)
        return verified, url

    async def _records(self, claims: Claims, *, fresh: bool) -> tuple[Sequence[KeyRecord], Sequence[KeyRecord]]:
        known = None if fresh or claims.gateway else self._keyring.cached(claims.authorization.key_id)
        if known is not None:
            return known, ()
        senders = await self._keyring.records(claims.authorization.key_id, fresh=fresh)
        if claims.gateway is None:
            return senders, ()
        return senders, await self._keyring.records(claims.gateway.key_id, fresh=fresh)

    def _check_trade(self, verified: Verified) -> None:
        """Check 14 for a message in the strict form.

        A request is not read here: what its values contradict is the trade's refusal, which a callback answers. Nobody
        answers a callback, so its sums and windows are read before the ACK.
        """
        if ACTIONS[verified.action].is_callback and verified.error is None:
            check_readable(verified.action, verified.message)

    def _count(self, tolerances: tuple[str, ...]) -> None:
        for rule in tolerances:
            self._metrics.tolerances.labels(rule).inc()


def _headers(request: web.Request) -> dict[str, str]:
    # A header that came twice is joined, so that the parser sees its parameters repeated and refuses them.
    return {name: ", ".join(request.headers.getall(name)) for name in _HEADERS if name in request.headers}
