"""``POST /lookup`` over real HTTP: every name that some peer asks with, places, signatures, windows, bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from protocol.actions import Role
from protocol.keys import KEY_ID_NAMES
from protocol.moments import timestamp_text
from registry.app import Registry
from tests.messages import own_keys
from tests.registry.platforms import DOMAIN, Platform, error_of, next_keys, platform, registry_settings
from tests.waiting import until


@pytest.fixture
async def bap(registry: Registry) -> AsyncIterator[Platform]:
    """A BAP that is subscribed for the whole country, beside the BPP."""
    details = {"location": {"country": {"code": "IND"}}}
    async with platform(registry.peer_settings, "bap.test", Role.BAP, details=details) as made:
        await made.join()
        yield made


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["subscriber_id"] for item in items]


@pytest.mark.parametrize("name", KEY_ID_NAMES)
async def test_a_key_is_found_under_each_name_that_some_peer_uses(registry: Registry, bpp: Platform, name: str) -> None:
    await bpp.join()
    assert ids(await bpp.lookup(subscriber_id=bpp.id, **{name: bpp.keys.key_id})) == [bpp.id]
    assert await bpp.lookup(subscriber_id=bpp.id, **{name: own_keys("x").key_id}) == []


async def test_the_older_path_answers_the_same(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    answer = await bpp.post("subscribers/lookup", {"pub_key_id": bpp.keys.key_id}, None)
    assert (answer.status, answer.json()) == (200, await bpp.lookup(key_id=bpp.keys.key_id))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["bap.test", "bpp.test"]),
        ({"type": "BPP"}, ["bpp.test"]),
        ({"type": "BG"}, []),
        ({"type": "BPP", "domain": DOMAIN}, ["bpp.test"]),
        ({"domain": "dent"}, []),
        ({"city": "std:080"}, ["bap.test", "bpp.test"]),
        ({"city": "std:044"}, ["bap.test"]),
        ({"city": "*"}, ["bap.test", "bpp.test"]),
        ({"location": {"city": {"code": "std:044"}}}, ["bap.test"]),
        ({"country": "IND", "location": {"city": {"code": "std:080"}}}, ["bap.test", "bpp.test"]),
        ({"country": "DEU"}, []),
        ({"subscriber_id": "nobody.test"}, []),
    ],
)
async def test_subscribers_are_found_by_role_domain_and_place(
    registry: Registry, bap: Platform, bpp: Platform, query: dict[str, Any], found: list[str]
) -> None:
    await bpp.join()
    assert ids(await bpp.lookup(**query)) == found


async def test_a_subscriber_of_every_city_is_found_in_each(registry: Registry, bpp: Platform) -> None:
    bpp.details = {"location": None, "city": "*"}
    await bpp.join()
    assert ids(await bpp.lookup(city="std:044")) == [bpp.id]


async def test_a_signed_lookup_is_answered_like_an_unsigned_one(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    query = {"subscriber_id": bpp.id}
    assert (await bpp.post("lookup", query, bpp.keys)).json() == await bpp.lookup(**query)


async def test_a_platform_may_sign_lookups_while_its_challenge_is_open(registry: Registry, bpp: Platform) -> None:
    bpp.peer.script = lambda _arrival: asyncio.Future()
    await bpp.subscribe()
    answer = await bpp.post("lookup", {"subscriber_id": bpp.id}, bpp.keys)
    assert (answer.status, answer.json()) == (200, [])


async def test_a_lookup_whose_signature_does_not_hold_is_refused(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    forger = own_keys(bpp.id)
    for signer in (forger, own_keys("nobody.test"), next_keys(bpp)):
        answer = await bpp.post("lookup", {"subscriber_id": bpp.id}, signer)
        assert (answer.status, error_of(answer)["paths"]) == (401, "Authorization")


async def test_a_lookup_that_can_not_be_understood_is_refused(registry: Registry, bpp: Platform) -> None:
    answer = await bpp.post("lookup", {"type": "BATTERY"}, None)
    assert (answer.status, error_of(answer)["paths"]) == (400, "/type")


async def test_a_lookup_answers_with_a_bounded_number_of_keys(tmp_path: Path) -> None:
    server = Registry(registry_settings(tmp_path, lookup_rows_max=2))
    await server.start()
    async with platform(server.peer_settings) as bpp:
        await bpp.join()
        for keys in (next_keys(bpp), next_keys(bpp)):
            await bpp.subscribe(keys, signed_by=bpp.keys)
            await until(lambda keys=keys: bpp.is_listed(keys))  # type: ignore[misc]
        assert len(await bpp.lookup()) == 2
    await server.stop()


class Clock:
    """Wire time moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[tuple[Clock, Platform]]:
    """A BPP whose key ends in one hour, subscribed at a registry on a clock moved by hand."""
    clock = Clock()
    server = Registry(registry_settings(tmp_path), wire=clock)
    await server.start()
    details = {"valid_until": timestamp_text(clock.now + timedelta(hours=1))}
    async with platform(server.peer_settings, now=clock, details=details) as bpp:
        await bpp.join()
        bpp.details = {}
        yield clock, bpp
    await server.stop()


async def test_a_key_is_told_until_its_window_ends_and_not_after(timed: tuple[Clock, Platform]) -> None:
    clock, bpp = timed
    clock.now += timedelta(minutes=59, seconds=59)
    assert await bpp.is_listed()
    clock.now += timedelta(seconds=1)
    assert not await bpp.is_listed()
    assert await bpp.lookup() == []


async def test_a_key_of_the_future_is_told_from_its_first_instant(timed: tuple[Clock, Platform]) -> None:
    clock, bpp = timed
    fresh = next_keys(bpp)
    await bpp.subscribe(fresh, signed_by=bpp.keys, valid_from=timestamp_text(clock.now + timedelta(minutes=30)))
    await until(lambda: len(bpp.challenges()) == 2)
    assert not await bpp.is_listed(fresh)
    clock.now += timedelta(minutes=30)
    await until(lambda: bpp.is_listed(fresh))
    assert await bpp.is_listed()


async def test_a_subscriber_whose_keys_have_ended_comes_back_with_its_key(timed: tuple[Clock, Platform]) -> None:
    clock, bpp = timed
    clock.now += timedelta(hours=2)
    assert (await bpp.subscribe()).json() == {"status": "UNDER_SUBSCRIPTION"}
    await until(bpp.is_listed)
    (item,) = await bpp.lookup()
    assert item["valid_from"] == timestamp_text(clock.now)
    assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}


async def test_nobody_else_takes_the_place_of_a_subscriber_whose_keys_have_ended(
    timed: tuple[Clock, Platform],
) -> None:
    clock, bpp = timed
    clock.now += timedelta(hours=2)
    assert (await bpp.subscribe(own_keys(bpp.id))).status == 401
    assert (await bpp.subscribe(next_keys(bpp))).status == 401
    moved = await bpp.subscribe(url="http://127.0.0.1:9/beckn")
    assert (moved.status, error_of(moved)["paths"]) == (403, "/url")
    assert await bpp.lookup() == []
    assert len(bpp.challenges()) == 1
