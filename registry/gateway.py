"""The search gateway: one signed ``search`` becomes one for each BPP of its domain and city, and answers come back.

Both ways the exact bytes and the sender's own signature are passed on, with the gateway's signature on top
(``X-Gateway-Authorization``, BECKN-006). Receivers are looked up in the registry, never taken from the message.

What was acknowledged is on disk, and so are the letters that it becomes (`node.outbox`): a lane for each receiver and
transaction, a bounded number of calls for each receiver and over all. So a slow or dead BPP delays nobody, and a
gateway that is killed sends the rest when it starts again. While the registry is down, receivers that were known
before serve on, and for others the inbox tries again. What could not be passed on has a line in the log and its count
in ``beckn_gateway_fanned_out``, by outcome: ``nobody`` to pass it to, ``too_late`` for its ttl, ``no_registry`` (for
each attempt), or ``dead``, a letter that was not delivered; ``queued`` counts the letters written.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from node.clocks import Now, wall_clock
from node.inbox import Decision, Received
from node.keyring import reachable
from node.outbox import Letter, enqueue
from node.participant import OUTSIDE, Outside, Participant
from node.settings import NodeSettings
from protocol.actions import Role
from protocol.errors import PeerFailed, TradeRefused
from protocol.keys import KeyRecord
from protocol.urls import same_url

logger = logging.getLogger(__name__)

LOOKUP_CACHE = timedelta(seconds=3)
CACHED_LOOKUPS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class _Found:
    records: tuple[KeyRecord, ...]
    asked_at: datetime


class Gateway:
    """Opened with `start`, closed with `stop`."""

    def __init__(self, settings: NodeSettings, wire: Now = wall_clock, outside: Outside = OUTSIDE) -> None:
        self.participant = Participant(settings, Role.BG, versions=(), wire=wire, outside=outside)
        handlers = {"search": self._search, "on_search": self._on_search}
        self.participant.serve(handlers, self._refused, self._on_dead)
        self._found: dict[tuple[tuple[str, str], ...], _Found] = {}

    async def start(self) -> None:
        """Join the network and pass messages on. Raises as `Participant.start`."""
        await self.participant.start()

    async def stop(self) -> None:
        """Finish what is in hand; what is left on disk goes out after the next start."""
        await self.participant.stop()

    async def _search(self, received: Received) -> Decision:
        if self._is_late(received):
            return self._dropped(received, "too_late")
        context = received.verified.context
        query = {"type": Role.BPP.value, "domain": context.domain}
        if context.city_code is not None:
            query["city"] = context.city_code
        # A search that names a BPP is for that one alone.
        named = [
            record
            for record in await self._subscribers(query)
            if context.bpp_id is None or context.bpp_id == record.subscriber_id
        ]
        return self._passed_on(received, {record.url.rstrip("/") for record in named})

    async def _on_search(self, received: Received) -> Decision:
        if self._is_late(received):
            return self._dropped(received, "too_late")
        context = received.verified.context
        known = await self._subscribers({"type": Role.BAP.value, "subscriber_id": context.bap_id})
        return self._passed_on(received, {record.url for record in known if same_url(record.url, context.bap_uri)})

    async def _subscribers(self, query: dict[str, str]) -> Sequence[KeyRecord]:
        """Who is SUBSCRIBED and matches; the registry is asked once in `LOOKUP_CACHE` for one query."""
        key, now = tuple(sorted(query.items())), self.participant.clocks.wire()
        found = self._found.get(key)
        if found is not None and now - found.asked_at < LOOKUP_CACHE:
            return found.records
        try:
            answer = await self.participant.keyring.subscribers(query)
        except PeerFailed:
            self.participant.metrics.fanned_out.labels("no_registry").inc()
            outage = timedelta(seconds=self.participant.settings.times.registry_outage_s)
            if found is not None and now - found.asked_at < outage:
                return found.records
            raise
        records = tuple(reachable(answer).values())
        self._found.pop(key, None)
        if len(self._found) >= CACHED_LOOKUPS_MAX:
            del self._found[next(iter(self._found))]
        self._found[key] = _Found(records, now)
        return records

    def _is_late(self, received: Received) -> bool:
        return self.participant.clocks.wire() > received.verified.context.holds_until

    def _passed_on(self, received: Received, urls: Set[str]) -> Decision:
        """The decision that writes one letter for each of the ``urls``."""
        if not urls:
            return self._dropped(received, "nobody")
        verified, now = received.verified, self.participant.clocks.wire()
        self.participant.metrics.fanned_out.labels("queued").inc(len(urls))
        logger.info("passing %s on to %d receivers", verified.action, len(urls), extra=_facts(received))

        def decide(tx: Connection) -> None:
            for url in sorted(urls):
                enqueue(tx, self.participant.ids, _letter(received, url), now)

        return decide

    def _dropped(self, received: Received, outcome: str) -> Decision:
        self.participant.metrics.fanned_out.labels(outcome).inc()
        logger.warning("%s not passed on: %s", received.verified.action, outcome, extra=_facts(received))
        return lambda _tx: None

    def _refused(self, received: Received, refusal: TradeRefused) -> Decision:
        # A gateway trades nothing, so it has nothing to refuse.
        raise AssertionError(f"{received.verified.action} was refused by a gateway") from refusal

    def _on_dead(self, _tx: Connection, _row: Row[Any], _reason: str) -> None:
        # The outbox has logged it with its reason.
        self.participant.metrics.fanned_out.labels("dead").inc()


def _letter(received: Received, url: str) -> Letter:
    context = received.verified.context
    return Letter(
        destination=url,
        action=received.verified.action,
        transaction_id=context.transaction_id,
        message_id=context.message_id,
        body=received.verified.body,
        not_after=context.holds_until,
        relayed_authorization=received.authorization,
    )


def _facts(received: Received) -> dict[str, str]:
    context = received.verified.context
    return {
        "transaction_id": context.transaction_id,
        "message_id": context.message_id,
        "bap_id": context.bap_id,
        "bpp_id": context.bpp_id or "",
    }
