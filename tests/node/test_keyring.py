"""Whose keys are trusted, and when: a keyring before a registry over HTTP, with a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from node.client import PeerClient
from node.keyring import Keyring
from node.problems import json_response
from node.rates import Rate
from node.settings import RegistrySettings, TimeLimits
from protocol import authentication, signing
from protocol.errors import NotAuthenticated, RegistryUnavailable
from protocol.keys import KeyId, KeyRecord, OwnKeys
from protocol.moments import timestamp_text
from protocol.policy import Policy
from tests.messages import header, own_keys
from tests.peers import LOCAL, Arrival, Peer, peer

BODY = b'{"any":"body"}'
LIMITS = TimeLimits()
STRANGERS = Rate(per_minute=6, burst=3)


class Clock:
    """Wire time moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Book:
    """A registry with what it tells, under a keyring that asks it."""

    peer: Peer
    keyring: Keyring
    clock: Clock
    items: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    held: asyncio.Event | None = None

    @property
    def lookups(self) -> int:
        return len(self.peer.arrivals)

    async def answer(self, arrival: Arrival) -> web.Response:
        if self.held is not None:
            await self.held.wait()
        query = orjson.loads(arrival.body)
        found = [item for item in self.items if all(item.get(name) == value for name, value in query.items())]
        return json_response(found, self.status)

    def list(self, keys: OwnKeys, **more: str) -> None:
        item = {
            "subscriber_id": keys.subscriber_id,
            "key_id": keys.key_id,
            "signing_public_key": keys.signing_public_b64,
            "type": "BPP",
            "url": "https://bpp.test/beckn",
            "status": "SUBSCRIBED",
        }
        self.items.append(item | more)

    async def sender(self, keys: OwnKeys) -> KeyRecord:
        """The verified sender of a message signed now with ``keys``, asked as the server asks."""
        claimed = signing.parse_header(header(BODY, keys, self.clock.now))
        try:
            return await self._judged(claimed, fresh=False)
        except NotAuthenticated:
            return await self._judged(claimed, fresh=True)

    async def _judged(self, claimed: signing.SignatureHeader, fresh: bool) -> KeyRecord:
        records = await self.keyring.records(claimed.key_id, fresh=fresh)
        return authentication.authenticate(claimed, signing.digest(BODY), records, Policy(), self.clock.now)


@pytest.fixture
async def book() -> AsyncIterator[Book]:
    clock, own = Clock(), own_keys("bap.test")
    client = PeerClient(timeout_s=5, max_answer_bytes=100_000, rules=LOCAL.rules)
    await client.start()
    async with peer() as server:
        registry = RegistrySettings(server.url, "registry.test", own.signing_public_b64, own.encryption_public_b64)
        made = Book(server, Keyring(own, registry, client, clock, LIMITS, STRANGERS), clock)
        server.script = made.answer
        yield made
        await client.stop()


async def test_a_listed_key_is_trusted_and_asked_for_once_while_it_is_cached(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    for _ in range(5):
        assert (await book.sender(keys)).key_id == keys.key_id
    book.clock.forward(LIMITS.key_cache_s - 1)
    await book.sender(keys)
    assert book.lookups == 1
    book.clock.forward(1)
    await book.sender(keys)
    assert book.lookups == 2


async def test_a_peers_new_key_is_seen_at_its_first_message(book: Book) -> None:
    old, new = own_keys("bpp.test"), own_keys("bpp.test")
    book.list(old)
    await book.sender(old)
    book.list(new)
    assert (await book.sender(new)).key_id == new.key_id


async def test_another_key_under_the_same_id_is_seen_at_its_first_message_after_the_pause(book: Book) -> None:
    old, new = own_keys("bpp.test"), own_keys("bpp.test")
    new = OwnKeys(new.subscriber_id, old.key_id, new.signing, new.encryption)
    book.list(old)
    await book.sender(old)
    book.items.clear()
    book.list(new)
    book.clock.forward(LIMITS.key_lookup_every_s)
    assert (await book.sender(new)).signing_public_key == bytes(new.signing.verify_key)


async def test_two_keys_of_a_peer_count_at_once_and_under_a_two_part_id_too(book: Book) -> None:
    one, two = own_keys("bpp.test"), own_keys("bpp.test")
    book.list(one)
    book.list(two)
    assert [(await book.sender(keys)).key_id for keys in (one, two, one)] == [one.key_id, two.key_id, one.key_id]
    both = await book.keyring.records(KeyId("bpp.test", None))
    assert {record.key_id for record in both} == {one.key_id, two.key_id}


async def test_a_revoked_key_is_refused_when_the_cache_has_ended(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    await book.sender(keys)
    book.items.clear()
    book.clock.forward(LIMITS.key_cache_s)
    with pytest.raises(NotAuthenticated, match="a key that the registry holds"):
        await book.sender(keys)


async def test_a_key_ends_at_its_last_instant_even_while_it_is_cached(book: Book) -> None:
    keys, end = own_keys("bpp.test"), book.clock.now + timedelta(seconds=320)
    book.list(keys, valid_until=timestamp_text(end))
    await book.sender(keys)
    book.clock.forward(20)
    await book.sender(keys)
    # A signature of 300 seconds would outlive the key by one.
    book.clock.forward(1)
    with pytest.raises(NotAuthenticated, match="within the key's validity"):
        await book.sender(keys)
    book.clock.forward(299)
    with pytest.raises(NotAuthenticated, match="a key that is valid now"):
        await book.sender(keys)


async def test_a_key_counts_from_its_first_instant(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys, valid_from=timestamp_text(book.clock.now + timedelta(seconds=30)))
    book.clock.forward(29)
    with pytest.raises(NotAuthenticated, match="a key that is valid now"):
        await book.sender(keys)
    book.clock.forward(1)
    assert (await book.sender(keys)).key_id == keys.key_id


@pytest.mark.parametrize("status", ["EXPIRED", "UNSUBSCRIBED", "INVALID_SSL", "INITIATED", "UNDER_SUBSCRIPTION"])
async def test_a_key_of_whoever_is_not_subscribed_is_refused(book: Book, status: str) -> None:
    keys = own_keys("bpp.test")
    book.list(keys, status=status)
    with pytest.raises(NotAuthenticated, match="SUBSCRIBED"):
        await book.sender(keys)


async def test_while_the_registry_is_down_known_keys_serve_for_a_bounded_time(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    await book.sender(keys)
    book.status = 503
    book.clock.forward(LIMITS.registry_outage_s - 1)
    assert (await book.sender(keys)).key_id == keys.key_id
    book.clock.forward(1)
    with pytest.raises(RegistryUnavailable):
        await book.sender(keys)


async def test_while_the_registry_is_down_it_is_not_asked_for_every_message(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    await book.sender(keys)
    book.status = 503
    book.clock.forward(LIMITS.key_cache_s)
    for _ in range(20):
        await book.sender(keys)
    assert book.lookups == 2
    book.status = 200
    book.clock.forward(LIMITS.key_lookup_every_s)
    await book.sender(keys)
    assert book.lookups == 3


async def test_while_the_registry_is_down_an_unknown_sender_is_told_to_come_again_and_not_that_it_is_wrong(
    book: Book,
) -> None:
    keys = own_keys("bpp.test")
    with pytest.raises(NotAuthenticated):
        await book.sender(keys)
    book.status = 503
    book.clock.forward(LIMITS.key_lookup_every_s)
    with pytest.raises(RegistryUnavailable) as refused:
        await book.sender(keys)
    assert refused.value.retryable


async def test_all_who_wait_for_one_key_share_one_lookup(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    book.held = asyncio.Event()
    waiting = [asyncio.create_task(book.sender(keys)) for _ in range(20)]
    await book.peer.received(1)
    book.held.set()
    assert {record.key_id for record in await asyncio.gather(*waiting)} == {keys.key_id}
    assert book.lookups == 1


async def test_one_who_gives_up_waiting_does_not_end_the_lookup_of_the_others(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    book.held = asyncio.Event()
    first, second = (asyncio.create_task(book.sender(keys)) for _ in range(2))
    await book.peer.received(1)
    first.cancel()
    book.held.set()
    assert (await second).key_id == keys.key_id
    assert book.lookups == 1


async def test_a_forged_signature_makes_us_ask_for_its_key_once_in_a_while_and_no_more(book: Book) -> None:
    keys, forger = own_keys("bpp.test"), own_keys("bpp.test")
    forger = OwnKeys(forger.subscriber_id, keys.key_id, forger.signing, forger.encryption)
    book.list(keys)
    await book.sender(keys)
    book.clock.forward(LIMITS.key_lookup_every_s)
    for _ in range(20):
        with pytest.raises(NotAuthenticated):
            await book.sender(forger)
    assert book.lookups == 2


async def test_strangers_with_ever_new_keys_can_not_flood_the_registry_nor_keep_known_peers_out(book: Book) -> None:
    keys = own_keys("bpp.test")
    book.list(keys)
    await book.sender(keys)
    for number in range(50):
        with pytest.raises((NotAuthenticated, RegistryUnavailable)):
            await book.sender(own_keys(f"stranger-{number}.test"))
    assert book.lookups == STRANGERS.burst
    book.clock.forward(LIMITS.key_cache_s)
    assert (await book.sender(keys)).key_id == keys.key_id


async def test_after_a_flood_a_newcomer_gets_in_as_the_rate_allows(book: Book) -> None:
    for number in range(10):
        with pytest.raises((NotAuthenticated, RegistryUnavailable)):
            await book.sender(own_keys(f"stranger-{number}.test"))
    keys = own_keys("bpp.test")
    book.list(keys)
    with pytest.raises(RegistryUnavailable):
        await book.sender(keys)
    book.clock.forward(60 / STRANGERS.per_minute)
    assert (await book.sender(keys)).key_id == keys.key_id
