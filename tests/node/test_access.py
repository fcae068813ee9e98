"""The door of our own API: tokens, roles and rates, with a clock moved by hand."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from node import tokens
from node.access import CACHE_S
from node.callers import AccessRole
from node.rates import Rate
from node.settings import AccessSettings
from node.tables import tokens as rows
from tests.node.doors import FILE_TOKEN, NOW, TRADES, Door, bearer, opened


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bap.sqlite'}"


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(database_url, AccessSettings()) as one:
        yield one


async def test_the_token_of_the_first_start_is_an_admin_of_the_default_account(door: Door) -> None:
    async with door.client.get(TRADES, headers=bearer(FILE_TOKEN)) as answer:
        assert await answer.json() == {"account": "default", "role": "admin", "token_id": "api.token"}


async def test_only_the_hash_of_a_token_is_stored(door: Door) -> None:
    header = await door.token("anna", AccessRole.TRADER)
    secret = header["Authorization"].removeprefix("Bearer ")
    found = await door.database.read(lambda tx: tx.execute(select(rows).where(rows.c.token_id == "one")).one())
    assert bytes(found.digest) == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(found)


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"Authorization": "Basic eA=="}, {"Cookie": "other=1"}])
async def test_without_a_known_token_nothing_is_told(door: Door, headers: dict[str, str]) -> None:
    async with door.client.get(TRADES, headers=headers) as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert await door.status(headers, path="/api/v1/no-such-thing") == 401


async def test_a_token_ends_when_it_expires_to_the_second(door: Door) -> None:
    header = await door.token("anna", AccessRole.VIEWER, timedelta(seconds=1))
    assert await door.status(header) == 200
    door.clock.pass_s(1)
    assert await door.status(header) == 401


async def test_a_token_that_another_process_revokes_ends_within_two_seconds(door: Door) -> None:
    header = await door.token("anna", AccessRole.VIEWER)
    assert await door.status(header) == 200
    assert await door.database.write(lambda tx: tokens.revoke(tx, "one", door.clock()))
    door.clock.pass_s(CACHE_S)
    assert await door.status(header) == 401
    assert not await door.database.write(lambda tx: tokens.revoke(tx, "one", door.clock()))


async def test_another_api_token_file_ends_the_one_before_and_a_revoked_one_stays_revoked(door: Door) -> None:
    await door.database.write(lambda tx: tokens.enter_file_token(tx, "another", NOW))
    assert [await door.status(bearer(token)) for token in (FILE_TOKEN, "another")] == [401, 200]
    await door.database.write(lambda tx: tokens.revoke(tx, "api.token", NOW))
    await door.database.write(lambda tx: tokens.enter_file_token(tx, "another", NOW))
    door.clock.pass_s(CACHE_S)
    assert await door.status(bearer("another")) == 401


async def test_the_use_of_a_token_is_noted_once_an_hour(door: Door) -> None:
    header, seen = await door.token("anna", AccessRole.VIEWER), []
    for seconds in (0, 1_800, 1_800):
        door.clock.pass_s(seconds)
        assert await door.status(header) == 200
        seen += [one.used_at for one in await door.database.read(tokens.listing) if one.token_id == "one"]
    assert seen == [NOW, NOW, NOW + timedelta(hours=1)]


# -- roles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "answers"),
    [("viewer", (200, 403, 403)), ("trader", (200, 200, 403)), ("operator", (200, 200, 403)), ("admin", (200,) * 3)],
)
async def test_a_role_may_do_what_its_routes_ask_for_and_an_unlisted_change_is_an_admins(
    door: Door, role: str, answers: tuple[int, ...]
) -> None:
    header = await door.token("anna", AccessRole(role))
    asked = [("GET", TRADES), ("POST", TRADES), ("POST", "/api/v1/forgotten")]
    assert tuple([await door.status(header, *one) for one in asked]) == answers


async def test_who_may_not_is_told_which_role_it_takes(door: Door) -> None:
    header = await door.token("anna", AccessRole.VIEWER)
    async with door.client.post(TRADES, headers=header) as answer:
        assert (await answer.json())["detail"] == "This needs the role trader, and your token has viewer."


# -- rates --------------------------------------------------------------------------------------------------


async def test_a_token_over_its_rate_waits_as_long_as_it_is_told_and_others_do_not(sqlite_url: str) -> None:
    settings = AccessSettings(token_rate=Rate(per_minute=6, burst=2))
    async with opened(sqlite_url, settings) as door:
        busy, calm = await door.token("anna", AccessRole.VIEWER), bearer(FILE_TOKEN)
        assert [await door.status(busy), await door.status(busy)] == [200, 200]
        async with door.client.get(TRADES, headers=busy) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
            assert (await answer.json())["retry_after_s"] == 10
        assert await door.status(calm) == 200
        door.clock.pass_s(10)
        assert await door.status(busy) == 200


async def test_an_address_that_guesses_tokens_is_slowed_and_a_known_token_is_not_charged(sqlite_url: str) -> None:
    settings = AccessSettings(guess_rate=Rate(per_minute=60, burst=3))
    async with opened(sqlite_url, settings) as door:
        for _ in range(5):
            assert await door.status(bearer(FILE_TOKEN)) == 200
            door.clock.pass_s(CACHE_S)
        assert [await door.status(bearer(f"guess {n}")) for n in range(4)] == [401, 401, 401, 429]
        door.clock.pass_s(1)
        assert await door.status(bearer(FILE_TOKEN)) == 200


async def test_an_address_over_its_rate_below_beckn_gets_a_nack_with_the_wait(sqlite_url: str) -> None:
    async with opened(sqlite_url, AccessSettings(address_rate=Rate(per_minute=60, burst=1))) as door:
        assert await door.status({}, "POST", "/beckn/select") == 200
        async with door.client.post("/beckn/select") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
            content = await answer.json()
        assert content["message"]["ack"]["status"] == "NACK"
        assert "this address" in content["error"]["message"]


# -- headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [TRADES, "/health", "/api/v1/nothing", "/beckn/track/secret", "/login"])
async def test_every_answer_that_a_browser_may_see_is_kept_to_itself(door: Door, path: str) -> None:
    async with door.client.get(path, headers=bearer(FILE_TOKEN)) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in answer.headers


async def test_with_tls_browsers_are_told_to_keep_to_it(sqlite_url: str) -> None:
    async with opened(sqlite_url, AccessSettings(), encrypted=True) as door, AsyncExitStack() as stack:
        answer = await stack.enter_async_context(door.client.get("/health"))
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
