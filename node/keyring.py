"""Keys: our own, to sign with, and everyone else's, as the registry holds them.

1. A lookup is cached for ``key_cache_s``, so a revocation is seen at most that much later. A lookup in flight is shared
   by all who wait for it.
2. A caller that meets an unknown key or a failed signature asks once more (``fresh``): a rotation is seen at the next
   message. That reaches the registry at most once in ``key_lookup_every_s`` for one key, and for all such keys together
   at the rate ``keys.stranger_lookups``, so that strangers can not make us flood the registry.
3. While the registry is down, known keys serve for ``registry_outage_s``, and it is asked for one of them again every
   ``key_lookup_every_s`` at most, so that a registry that hangs does not hang every message. Who is unknown then is
   told to come again: what nobody could look up is not refused for good.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from node.client import PeerClient
from node.clocks import Now
from node.keybook import KeyBook
from node.lookups import lookup_query, of_key, records_of
from node.rates import Rate, RateLimit
from node.settings import RegistrySettings, TimeLimits
from protocol import signing
from protocol.errors import Diagnosis, PeerFailed, RegistryUnavailable
from protocol.keys import KeyId, KeyRecord, OwnKeys

CACHED_KEYS_MAX = 10_000
UNKNOWN_KEYS_MAX = 1_000
STRANGERS = "strangers"


@dataclass(frozen=True, slots=True)
class _Cached:
    """``failed_at``: when the registry last gave no answer for this key."""

    records: tuple[KeyRecord, ...]
    asked_at: datetime
    failed_at: datetime | None = None


class Keyring:
    """One participant's view of the keys on the network."""

    def __init__(
        self,
        own: OwnKeys,
        registry: RegistrySettings,
        client: PeerClient,
        now: Now,
        times: TimeLimits,
        stranger_lookups: Rate = Rate(per_minute=600, burst=200),  # noqa: B008 - it is frozen
    ) -> None:
        self.own = own
        self.held: tuple[OwnKeys, ...] = (own,)
        self._registry = registry
        self._client = client
        self._now = now
        self._times = times
        self._strangers = RateLimit(stranger_lookups)
        # Apart, so that the keys which strangers make up never push out those of our peers.
        self._known: dict[KeyId, _Cached] = {}
        self._unknown: dict[KeyId, _Cached] = {}
        self._in_flight: dict[KeyId, asyncio.Task[tuple[KeyRecord, ...]]] = {}

    def adopt(self, book: KeyBook) -> None:
        """Sign with the book's current key from now on; challenges are answered for every key that it holds."""
        self.own, self.held = book.current, book.held

    def authorization(self, body: bytes) -> str:
        """Our signature header over ``body``, valid from now for ``signature_window_s``."""
        created = int(self._now().timestamp())
        expires = created + self._times.signature_window_s
        return signing.sign(body, self.own.signing, self.own.id, created=created, expires=expires)

    def signature(self, content: bytes) -> str:
        """Our signature over these bytes by the current key: Ed25519 in base64, as a MediaFile carries it."""
        return base64.b64encode(self.own.signing.sign(content).signature).decode()

    async def records(self, key_id: KeyId, *, fresh: bool = False) -> tuple[KeyRecord, ...]:
        """The registry's records for a key id; several for a two-part id, none for an unknown one.

        Raises:
            RegistryUnavailable: the registry does not answer and nothing usable is cached.
        """
        cached = self._known.get(key_id) or self._unknown.get(key_id)
        if cached is not None and self._serves(cached, fresh):
            return cached.records
        stranger = fresh or key_id not in self._known
        if stranger and key_id not in self._in_flight and self._strangers.wait_s(STRANGERS, self._now()):
            if cached is not None:
                return cached.records
            raise _unavailable("too many lookups of unknown keys")
        try:
            return await self._shared_lookup(key_id)
        except PeerFailed as error:
            known = self._known.get(key_id)
            if known is None or self._age_s(known.asked_at) >= self._times.registry_outage_s:
                raise _unavailable(error.sentence) from None
            self._known[key_id] = replace(known, failed_at=self._now())
            return known.records

    def cached(self, key_id: KeyId) -> tuple[KeyRecord, ...] | None:
        """What is cached and still serves, without waiting."""
        cached = self._known.get(key_id) or self._unknown.get(key_id)
        return cached.records if cached is not None and self._serves(cached, fresh=False) else None

    async def subscribers(self, query: Mapping[str, str]) -> list[KeyRecord]:
        """All records that match a lookup such as ``{"type": "BPP", "domain": …}``.

        Raises:
            PeerFailed: the registry does not answer.
        """
        return await self._lookup(query)

    def _serves(self, cached: _Cached, fresh: bool) -> bool:
        pause_s = self._times.key_lookup_every_s
        if cached.failed_at is not None and self._age_s(cached.failed_at) < pause_s:
            return self._age_s(cached.asked_at) < self._times.registry_outage_s
        # An unknown key is asked for again after the short time, so that a new subscriber is seen soon.
        limit_s = pause_s if fresh or not cached.records else self._times.key_cache_s
        return self._age_s(cached.asked_at) < limit_s

    def _age_s(self, moment: datetime) -> float:
        return (self._now() - moment).total_seconds()

    async def _shared_lookup(self, key_id: KeyId) -> tuple[KeyRecord, ...]:
        task = self._in_flight.get(key_id)
        if task is None:
            task = asyncio.create_task(self._refresh(key_id))
            self._in_flight[key_id] = task
            task.add_done_callback(lambda _: self._in_flight.pop(key_id, None))
        return await asyncio.shield(task)

    async def _refresh(self, key_id: KeyId) -> tuple[KeyRecord, ...]:
        records = tuple(of_key(await self._lookup(lookup_query(key_id)), key_id))
        self._known.pop(key_id, None)
        self._unknown.pop(key_id, None)
        cache, most = (self._known, CACHED_KEYS_MAX) if records else (self._unknown, UNKNOWN_KEYS_MAX)
        if len(cache) >= most:
            cache.pop(next(iter(cache)))
        cache[key_id] = _Cached(records, self._now())
        return records

    async def _lookup(self, query: Mapping[str, str]) -> list[KeyRecord]:
        body = orjson.dumps(query)
        headers = {signing.AUTHORIZATION: self.authorization(body)}
        return records_of(await self._client.post(f"{self._registry.url.rstrip('/')}/lookup", body, headers))


def _unavailable(got: str) -> RegistryUnavailable:
    return RegistryUnavailable(
        "The registry can not be asked for the sender's key now: send the message again later.",
        Diagnosis(rule="V5-key", path="Authorization", expected="a registry that answers", got=got),
    )


def reachable(records: Sequence[KeyRecord]) -> dict[str, KeyRecord]:
    """One record for each subscriber that is SUBSCRIBED, by subscriber id."""
    return {record.subscriber_id: record for record in records if record.status == "SUBSCRIBED"}
