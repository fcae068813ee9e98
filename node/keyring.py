"""Keys: our own, to sign with, and everyone else's, as the registry holds them.

A lookup is cached for ``key_cache_s``, so a revocation is seen at most that much later; a lookup in flight is shared by
all who wait for it. A caller that meets an unknown key or a failed signature asks once more (``fresh``), which
reaches the registry at most once in ``key_lookup_every_s`` for one key: a rotation is seen at the next message, and a
stranger can not make us flood the registry. While the registry is down, known keys serve for ``registry_outage_s``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from node.client import PeerClient
from node.clocks import Now
from node.settings import RegistrySettings, TimeLimits
from protocol import signing
from protocol.actions import Role
from protocol.errors import Diagnosis, PeerFailed, RegistryUnavailable
from protocol.keys import KeyId, KeyRecord, KeyUnusable, OwnKeys, signing_public_key
from protocol.moments import parse_timestamp

logger = logging.getLogger(__name__)

CACHED_KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Cached:
    records: tuple[KeyRecord, ...]
    asked_at: datetime


class Keyring:
    """One participant's view of the keys on the network."""

    def __init__(
        self, own: OwnKeys, registry: RegistrySettings, client: PeerClient, now: Now, times: TimeLimits
    ) -> None:
        self.own = own
        self._registry = registry
        self._client = client
        self._now = now
        self._times = times
        self._cache: dict[KeyId, _Cached] = {}
        self._in_flight: dict[KeyId, asyncio.Task[tuple[KeyRecord, ...]]] = {}

    def authorization(self, body: bytes) -> str:
        """Our signature header over ``body``, valid from now for ``signature_window_s``."""
        created = int(self._now().timestamp())
        expires = created + self._times.signature_window_s
        return signing.sign(body, self.own.signing, self.own.id, created=created, expires=expires)

    async def records(self, key_id: KeyId, *, fresh: bool = False) -> tuple[KeyRecord, ...]:
        """The registry's records for a key id; several for a two-part id, none for an unknown one.

        Raises:
            RegistryUnavailable: the registry does not answer and nothing usable is cached.
        """
        cached = self._cache.get(key_id)
        if cached is not None and self._serves(cached, fresh):
            return cached.records
        try:
            return await self._shared_lookup(key_id)
        except PeerFailed as error:
            if cached is not None and self._age_s(cached) < self._times.registry_outage_s:
                return cached.records
            raise RegistryUnavailable(
                "The registry can not be asked for the sender's key now: send the message again later.",
                Diagnosis(rule="V5-key", path="Authorization", expected="a registry that answers", got=error.sentence),
            ) from None

    def cached(self, key_id: KeyId) -> tuple[KeyRecord, ...] | None:
        """What is cached and still serves, without waiting."""
        cached = self._cache.get(key_id)
        return cached.records if cached is not None and self._serves(cached, fresh=False) else None

    async def subscribers(self, query: Mapping[str, str]) -> list[KeyRecord]:
        """All records that match a lookup such as ``{"type": "BPP", "domain": …}``.

        Raises:
            PeerFailed: the registry does not answer.
        """
        return await self._lookup(query)

    def _serves(self, cached: _Cached, fresh: bool) -> bool:
        limit = self._times.key_lookup_every_s if fresh else self._times.key_cache_s
        # An unknown key is asked for again after the short time, so that a new subscriber is seen soon.
        if not cached.records:
            limit = self._times.key_lookup_every_s
        return self._age_s(cached) < limit

    def _age_s(self, cached: _Cached) -> float:
        return (self._now() - cached.asked_at) / timedelta(seconds=1)

    async def _shared_lookup(self, key_id: KeyId) -> tuple[KeyRecord, ...]:
        task = self._in_flight.get(key_id)
        if task is None:
            task = asyncio.create_task(self._refresh(key_id))
            self._in_flight[key_id] = task
            task.add_done_callback(lambda _: self._in_flight.pop(key_id, None))
        return await asyncio.shield(task)

    async def _refresh(self, key_id: KeyId) -> tuple[KeyRecord, ...]:
        query = {"subscriber_id": key_id.subscriber_id}
        if key_id.key_id is not None:
            query["key_id"] = key_id.key_id
        records = tuple(await self._lookup(query))
        if len(self._cache) >= CACHED_KEYS_MAX:
            self._cache.pop(next(iter(self._cache)))
        self._cache[key_id] = _Cached(records, self._now())
        return records

    async def _lookup(self, query: Mapping[str, str]) -> list[KeyRecord]:
        body = orjson.dumps(query)
        headers = {signing.AUTHORIZATION: self.authorization(body)}
        answer = await self._client.post(f"{self._registry.url.rstrip('/')}/lookup", body, headers)
        items = answer.json()
        if answer.status != 200 or not isinstance(items, list):
            raise PeerFailed(f"the registry answered {answer.status} to a lookup")
        return [record for record in map(_record, items) if record is not None]


def _record(item: Any) -> KeyRecord | None:
    try:
        return KeyRecord(
            subscriber_id=str(item["subscriber_id"]),
            key_id=str(item["key_id"]),
            signing_public_key=signing_public_key(item["signing_public_key"]),
            role=Role(item["type"]),
            url=str(item["url"]),
            status=str(item["status"]),
            domain=item.get("domain"),
            valid_from=_time(item.get("valid_from")),
            valid_until=_time(item.get("valid_until")),
        )
    except (KeyError, TypeError, ValueError, KeyUnusable) as error:
        logger.warning("the registry gave an unusable record: %s: %s", type(error).__name__, error)
        return None


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def reachable(records: Sequence[KeyRecord]) -> dict[str, KeyRecord]:
    """One record for each subscriber that is SUBSCRIBED, by subscriber id."""
    return {record.subscriber_id: record for record in records if record.status == "SUBSCRIBED"}
