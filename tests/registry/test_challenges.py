"""The challenge: only its right answer subscribes, once, in time, at the URL; and it outlives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from sqlalchemy import Connection

from node.database import Database
from node.problems import json_response
from protocol.actions import Role
from registry import store
from registry.app import VERSIONS, Registry
from registry.applications import Application, decide
from registry.store import Challenge
from registry.subscriptions import LookupQuery
from tests.messages import own_keys
from tests.peers import Arrival
from tests.registry.platforms import (
    DOMAIN,
    QUICK,
    Platform,
    Reply,
    attempts_are_spent,
    platform,
    registry_settings,
    right,
)
from tests.waiting import until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
YEAR = timedelta(days=365)


# -- over HTTP ----------------------------------------------------------------------------------------------


def wrong(_arrival: Arrival, _text: str) -> web.Response:
    return json_response({"answer": "wrong"})


def echoed(arrival: Arrival, _text: str) -> web.Response:
    return json_response({"answer": orjson.loads(arrival.body)["challenge"]})


def shouted(_arrival: Arrival, text: str) -> web.Response:
    return json_response({"answer": text.swapcase()})


def bare(_arrival: Arrival, text: str) -> web.Response:
    return json_response(text)


def refusing(_arrival: Arrival, text: str) -> web.Response:
    # The right answer, with a NACK around it.
    return json_response({"answer": text, "message": {"ack": {"status": "NACK"}}})


def failing(_arrival: Arrival, text: str) -> web.Response:
    return json_response({"answer": text}, 500)


@pytest.mark.parametrize("reply", [wrong, echoed, shouted, bare, refusing, failing])
async def test_a_platform_without_the_right_answer_is_never_subscribed(
    registry: Registry, bpp: Platform, reply: Reply
) -> None:
    bpp.reply = reply
    await bpp.subscribe()
    await bpp.peer.received(QUICK.max_attempts)
    await until(lambda: attempts_are_spent(registry))
    assert len({orjson.loads(arrival.body)["challenge"] for arrival in bpp.challenges()}) == QUICK.max_attempts
    assert await bpp.lookup(subscriber_id=bpp.id) == []


async def test_a_platform_that_is_still_starting_is_challenged_again(registry: Registry, bpp: Platform) -> None:
    bpp.reply = lambda arrival, text: (failing if len(bpp.challenges()) < 3 else right)(arrival, text)
    await bpp.join()
    assert len(bpp.challenges()) == 3


async def test_a_platform_whose_attempts_are_spent_subscribes_again(registry: Registry, bpp: Platform) -> None:
    bpp.reply = wrong
    await bpp.subscribe()
    await bpp.peer.received(QUICK.max_attempts)
    await until(lambda: attempts_are_spent(registry))
    bpp.reply = right
    await bpp.join()
    assert len(bpp.challenges()) == QUICK.max_attempts + 1


async def test_the_answer_to_an_earlier_challenge_does_not_count(registry: Registry, bpp: Platform) -> None:
    texts: list[str] = []

    def belated(_arrival: Arrival, text: str) -> web.Response:
        texts.append(text)
        return json_response({"answer": texts[0] if len(texts) > 1 else "wrong"})

    bpp.reply = belated
    await bpp.subscribe()
    await bpp.peer.received(QUICK.max_attempts)
    await until(lambda: attempts_are_spent(registry))
    assert await bpp.lookup() == []


async def test_one_platform_that_hangs_keeps_no_other_from_joining(registry: Registry, bpp: Platform) -> None:
    bpp.peer.script = lambda _arrival: asyncio.Future()
    await bpp.subscribe()
    await bpp.peer.received(1)
    async with platform(registry.peer_settings, "bap.test", Role.BAP) as bap:
        await bap.join()
        assert await bap.is_listed()


async def test_a_restart_keeps_who_is_subscribed_and_goes_on_with_open_challenges(tmp_path: Path) -> None:
    settings = registry_settings(tmp_path)
    first = Registry(settings)
    await first.start()
    async with (
        platform(first.peer_settings, "bpp.test") as bpp,
        platform(first.peer_settings, "bap.test", Role.BAP) as bap,
    ):
        await bpp.join()
        before = await bpp.lookup()
        bap.peer.script = lambda _arrival: asyncio.Future()
        await bap.subscribe()
        await bap.peer.received(1)
        await first.stop()
        bap.peer.script = bap.answer
        second = Registry(settings)
        assert second.peer_settings == first.peer_settings
        await second.start()
        await until(bap.is_listed)
        assert await bap.lookup(subscriber_id=bpp.id) == before
        assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}
        assert len(bpp.challenges()) == 1
        await second.stop()


# -- in the database ----------------------------------------------------------------------------------------


def application(**changes: object) -> Application:
    keys = own_keys("bpp.test")
    made = Application(
        subscriber_id="bpp.test",
        url="http://127.0.0.1:9/beckn",
        role=Role.BPP,
        domain=DOMAIN,
        country="IND",
        city="std:080",
        key_id=keys.key_id,
        signing_public_key=keys.signing_public_b64,
        encryption_public_key=keys.encryption_public_b64,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, (VERSIONS,))
    await opened.start()
    yield opened
    await opened.stop()


async def let_in(database: Database, wanted: Application, now: datetime = NOW) -> None:
    def write(tx: Connection) -> None:
        change = decide(wanted, store.hold(tx, wanted.subscriber_id), now, YEAR)
        assert change is not None
        store.let_in(tx, wanted, change, now)

    await database.write(write)


async def next_challenge(database: Database, text: str, now: datetime = NOW) -> Challenge | None:
    found = await database.write(lambda tx: store.next_challenges(tx, now, [text], lifetime_s=60, max_attempts=3))
    return found[0] if found else None


async def answered(database: Database, item: Challenge | None, now: datetime = NOW) -> bool:
    assert item is not None
    return await database.write(lambda tx: store.answered(tx, item, now))


async def listed(database: Database, now: datetime = NOW) -> list[str]:
    found = await database.read(lambda tx: store.lookup(tx, LookupQuery(), now, 10))
    return [key.key_id for _, key in found]


async def test_a_right_answer_counts_once(database: Database) -> None:
    wanted = application()
    await let_in(database, wanted)
    item = await next_challenge(database, "one")
    assert await answered(database, item)
    assert await listed(database) == [wanted.key_id]
    assert not await answered(database, item)


async def test_a_right_answer_after_the_lifetime_does_not_count(database: Database) -> None:
    await let_in(database, application())
    item = await next_challenge(database, "one")
    assert not await answered(database, item, NOW + timedelta(seconds=60))
    assert await listed(database) == []
    assert await answered(database, item, NOW + timedelta(seconds=59))


async def test_the_answer_for_an_application_that_was_replaced_does_not_count(database: Database) -> None:
    replaced, wanted = application(), application()
    await let_in(database, replaced)
    item = await next_challenge(database, "one")
    await let_in(database, wanted)
    assert not await answered(database, item)
    assert await answered(database, await next_challenge(database, "two"))
    assert await listed(database) == [wanted.key_id]


async def test_a_challenge_that_was_given_up_is_void_and_the_next_one_has_its_delay(database: Database) -> None:
    await let_in(database, application())
    item = await next_challenge(database, "one")
    assert item is not None
    due_at = NOW + timedelta(seconds=5)
    await database.write(lambda tx: store.give_up(tx, item, NOW, due_at))
    assert not await answered(database, item)
    assert await next_challenge(database, "too early", due_at - timedelta(milliseconds=1)) is None
    again = await next_challenge(database, "two", due_at)
    assert again is not None
    assert (again.attempt, again.text) == (2, "two")


async def test_an_application_is_challenged_by_one_attempt_at_a_time_and_so_many_in_all(database: Database) -> None:
    await let_in(database, application())
    now = NOW
    for attempt in (1, 2, 3):
        item = await next_challenge(database, f"text {attempt}", now)
        assert item is not None
        assert item.attempt == attempt
        assert await next_challenge(database, "meanwhile", now + timedelta(seconds=59)) is None
        now += timedelta(seconds=60)
    assert await next_challenge(database, "a fourth", now + YEAR) is None


async def test_a_start_makes_open_challenges_due_but_not_the_spent_ones(database: Database) -> None:
    await let_in(database, application())
    item = await next_challenge(database, "one")
    await database.write(lambda tx: store.take_up_challenges(tx, NOW, max_attempts=3))
    assert not await answered(database, item)
    for text in ("two", "three"):
        assert await next_challenge(database, text) is not None
        await database.write(lambda tx: store.take_up_challenges(tx, NOW, max_attempts=3))
    assert await next_challenge(database, "four") is None
