"""What the registry's operator decides, over HTTP and as rules: who takes part, and which keys count no more."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.rates import Rate
from protocol.actions import Role
from protocol.errors import NotAuthorised, NotValid, SettingsWrong
from protocol.moments import timestamp_text
from registry.admin import TOKEN_FILE
from registry.admission import BARRED, DECISIONS, check_not_barred, decided, without_key
from registry.app import Registry
from registry.applications import Standing
from registry.subscriptions import Admission, State, Subscriber, SubscriberKey, is_listed
from tests.messages import own_keys
from tests.registry.platforms import Platform, error_of, next_keys, platform, registry_settings
from tests.waiting import until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def call(registry: Registry, method: str, path: str, token: str | None = None) -> tuple[int, Any]:
    """One request to the admin API; status and content."""
    headers = {"Authorization": f"Bearer {registry.admin_token if token is None else token}"}
    url = f"{registry.peer_settings.url}/admin/{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def decide(registry: Registry, subscriber_id: str, decision: str) -> tuple[int, Any]:
    return await call(registry, "POST", f"subscribers/{subscriber_id}/{decision}")


@pytest.fixture
async def manual(tmp_path: Path) -> AsyncIterator[Registry]:
    """A registry whose operator approves everybody."""
    server = Registry(registry_settings(tmp_path / "manual", approval="manual"))
    await server.start()
    yield server
    await server.stop()


# -- who may decide -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "subscribers"),
        ("POST", "subscribers/bpp.test/suspend"),
        ("POST", "subscribers/bpp.test/revoke"),
        ("POST", "keys/bpp.test/any/revoke"),
    ],
)
async def test_without_the_admin_token_nothing_is_shown_and_nothing_changes(
    registry: Registry, bpp: Platform, method: str, path: str
) -> None:
    await bpp.join()
    api_token = (registry.settings.data_dir / "api.token").read_text().strip()
    for wrong in ("", "wrong", api_token, registry.admin_token + "x"):
        status, content = await call(registry, method, path, wrong)
        assert (status, content["title"]) == (401, "Unauthorized")
    assert await bpp.is_listed()


def test_the_admin_token_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    token = Registry(registry_settings(tmp_path)).admin_token
    path = tmp_path / TOKEN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Registry(registry_settings(tmp_path)).admin_token == token
    path.chmod(0o644)
    with pytest.raises(SettingsWrong, match="chmod 600"):
        Registry(registry_settings(tmp_path))


# -- approval -----------------------------------------------------------------------------------------------


async def test_under_manual_approval_a_proven_newcomer_is_listed_once_it_is_approved(manual: Registry) -> None:
    async with platform(manual.peer_settings) as bpp:
        assert (await bpp.subscribe()).json() == {"status": "UNDER_SUBSCRIPTION"}
        await until(lambda: len(bpp.challenges()) == 1)

        async def proven() -> bool:
            _, listing = await call(manual, "GET", "subscribers")
            return [one["status"] for one in listing["subscribers"]] == ["SUBSCRIBED"]

        await until(proven)
        assert not await bpp.is_listed()
        assert (await bpp.subscribe()).json() == {"status": "UNDER_SUBSCRIPTION"}
        status, shown = await decide(manual, bpp.id, "approve")
        assert (status, shown["admission"]) == (200, "ADMITTED")
        assert await bpp.is_listed()
        assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}


def test_approval_is_automatic_or_manual_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="automatic, manual"):
        registry_settings(tmp_path, approval="never")


# -- suspending and revoking --------------------------------------------------------------------------------


async def test_a_suspended_subscriber_is_not_listed_and_changes_nothing_until_it_is_reinstated(
    registry: Registry, bpp: Platform
) -> None:
    await bpp.join()
    assert (await decide(registry, bpp.id, "suspend"))[0] == 200
    assert await bpp.lookup() == []
    fresh = next_keys(bpp)
    for answer in (await bpp.subscribe(), await bpp.subscribe(fresh, signed_by=bpp.keys)):
        assert (answer.status, error_of(answer)["paths"]) == (403, "/subscriber_id")
    assert (await decide(registry, bpp.id, "reinstate"))[0] == 200
    assert await bpp.is_listed()
    assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}


async def test_a_challenge_that_is_answered_after_the_suspension_lists_nobody(
    registry: Registry, bpp: Platform
) -> None:
    decisions: list[tuple[int, Any]] = []

    async def suspended_meanwhile(_arrival: Any, text: str) -> Any:
        decisions.append(await decide(registry, bpp.id, "suspend"))
        return aiohttp.web.json_response({"answer": text})

    bpp.reply = suspended_meanwhile
    await bpp.subscribe()
    await until(lambda: bool(decisions))
    assert decisions[0][0] == 200
    await until(lambda: len(bpp.challenges()) == 1)
    assert await bpp.lookup() == []


async def test_a_revoked_subscriber_is_out_for_ever(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    status, shown = await decide(registry, bpp.id, "revoke")
    assert (status, shown["admission"], shown["status"]) == (200, "REVOKED", "UNSUBSCRIBED")
    assert [key["withdrawn"] is not None for key in shown["keys"]] == [True]
    assert await bpp.lookup() == []
    assert (await bpp.subscribe()).status == 403
    assert (await bpp.subscribe(next_keys(bpp))).status == 403
    for decision in DECISIONS:
        assert (await decide(registry, bpp.id, decision))[0] == 409
    assert len(bpp.challenges()) == 1


async def test_a_decision_for_nobody_or_of_no_kind_is_not_found(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    assert (await decide(registry, "nobody.test", "suspend"))[0] == 404
    assert (await decide(registry, bpp.id, "promote"))[0] == 404
    assert (await call(registry, "POST", f"keys/{bpp.id}/unknown/revoke"))[0] == 404
    assert (await decide(registry, bpp.id, "reinstate"))[0] == 409
    assert await bpp.is_listed()


async def test_everybody_is_shown_page_by_page_listed_or_not(tmp_path: Path) -> None:
    server = Registry(registry_settings(tmp_path / "small", lookup_rows_max=1))
    await server.start()
    async with platform(server.peer_settings) as bpp, platform(server.peer_settings, "bap.test", Role.BAP) as bap:
        await bap.join()
        await bpp.join()
        await decide(server, bap.id, "suspend")
        first = (await call(server, "GET", "subscribers"))[1]["subscribers"]
        second = (await call(server, "GET", "subscribers?after=bap.test"))[1]["subscribers"]
        assert [(one["subscriber_id"], one["admission"]) for one in first + second] == [
            ("bap.test", "SUSPENDED"),
            ("bpp.test", "ADMITTED"),
        ]
        assert (await call(server, "GET", "subscribers?after=bpp.test"))[1]["subscribers"] == []
    await server.stop()


# -- single keys --------------------------------------------------------------------------------------------


async def test_a_revoked_key_counts_no_more_while_the_subscribers_other_key_does(
    registry: Registry, bpp: Platform
) -> None:
    await bpp.join()
    leaked, fresh = bpp.keys, next_keys(bpp)
    await bpp.subscribe(fresh, signed_by=leaked)
    await until(lambda: bpp.is_listed(fresh))
    assert (await call(registry, "POST", f"keys/{bpp.id}/{leaked.key_id}/revoke"))[0] == 200
    assert [item["key_id"] for item in await bpp.lookup()] == [fresh.key_id]
    assert (await bpp.subscribe(next_keys(bpp), signed_by=leaked)).status == 401
    again = await bpp.subscribe(leaked, signed_by=fresh)
    assert (again.status, error_of(again)["paths"]) == (400, "/key_id")


async def test_what_a_leaked_key_applied_for_falls_with_it(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    thiefs = next_keys(bpp)

    async def revoked_meanwhile(_arrival: Any, text: str) -> Any:
        await call(registry, "POST", f"keys/{bpp.id}/{bpp.keys.key_id}/revoke")
        return aiohttp.web.json_response({"answer": text})

    bpp.reply = revoked_meanwhile
    await bpp.subscribe(thiefs, signed_by=bpp.keys)
    await until(lambda: len(bpp.challenges()) == 2)

    async def is_unsubscribed() -> bool:
        _, listing = await call(registry, "GET", "subscribers")
        return [one["status"] for one in listing["subscribers"]] == ["UNSUBSCRIBED"]

    await until(is_unsubscribed)
    assert not await bpp.is_listed(thiefs)


async def test_whose_keys_are_all_revoked_comes_back_with_a_new_one_at_its_url_when_the_operator_approves(
    registry: Registry, bpp: Platform
) -> None:
    await bpp.join()
    await call(registry, "POST", f"keys/{bpp.id}/{bpp.keys.key_id}/revoke")
    assert (await bpp.subscribe()).status == 400
    fresh = next_keys(bpp)
    moved = await bpp.subscribe(fresh, url="http://127.0.0.1:9/beckn")
    assert (moved.status, error_of(moved)["paths"]) == (403, "/url")
    assert (await bpp.subscribe(fresh)).json() == {"status": "UNDER_SUBSCRIPTION"}

    async def proven() -> bool:
        _, listing = await call(registry, "GET", "subscribers")
        return [one["status"] for one in listing["subscribers"]] == ["SUBSCRIBED"]

    await until(proven)
    assert await bpp.lookup() == []
    assert (await decide(registry, bpp.id, "approve"))[0] == 200
    assert await bpp.is_listed(fresh)


async def test_a_subscriber_ends_its_own_key_at_once_without_a_challenge(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    old, fresh = bpp.keys, next_keys(bpp)
    await bpp.subscribe(fresh, signed_by=old)
    await until(lambda: bpp.is_listed(fresh))
    ended = timestamp_text(datetime.now(UTC) - timedelta(seconds=1))
    stranger = own_keys(bpp.id)
    assert (await bpp.subscribe(old, signed_by=stranger, valid_until=ended)).status == 401
    assert await bpp.is_listed(old)
    assert (await bpp.subscribe(old, signed_by=fresh, valid_until=ended)).json() == {"status": "SUBSCRIBED"}
    assert [item["key_id"] for item in await bpp.lookup()] == [fresh.key_id]
    assert len(bpp.challenges()) == 2
    assert (await bpp.subscribe(old, signed_by=fresh)).status == 400


async def test_a_subscriber_that_ends_its_last_key_has_left(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    ended = timestamp_text(datetime.now(UTC) - timedelta(seconds=1))
    assert (await bpp.subscribe(valid_until=ended)).json() == {"status": "UNSUBSCRIBED"}
    assert await bpp.lookup() == []


# -- rates and pruning --------------------------------------------------------------------------------------


async def test_whoever_asks_too_often_is_told_when_to_ask_again(tmp_path: Path) -> None:
    rate = Rate(per_minute=6, burst=2)
    server = Registry(registry_settings(tmp_path / "slow", lookup_rate=rate, subscribe_rate=rate))
    await server.start()
    url = server.peer_settings.url
    async with aiohttp.ClientSession() as session:
        for path in ("lookup", "subscribe"):
            statuses = [(await session.post(f"{url}/{path}", json={})).status for _ in range(2)]
            assert 429 not in statuses
            async with session.post(f"{url}/{path}", json={}) as answer:
                assert answer.status == 429
                assert 1 <= int(answer.headers["Retry-After"]) <= 10
                assert (await answer.json())["message"]["ack"]["status"] == "NACK"
    await server.stop()


async def test_a_newcomer_that_never_proves_its_key_is_forgotten_and_others_are_kept(
    registry: Registry, bpp: Platform
) -> None:
    await bpp.join()
    now = [datetime.now(UTC)]
    await registry.stop()
    server = Registry(registry.settings, wire=lambda: now[0])
    await server.start()
    async with platform(server.peer_settings, "silent.test") as silent:
        silent.peer.script = lambda _arrival: aiohttp.web.Response(status=500)
        await silent.subscribe()
        attempts = server.settings.challenge.max_attempts

        async def spent() -> bool:
            now[0] += timedelta(seconds=1)
            return len(silent.challenges()) == attempts

        await until(spent)
        assert await server.prune() == 0
        now[0] += timedelta(days=server.settings.prune_after_days, minutes=2)
        await server.prune()
        _, listing = await call(server, "GET", "subscribers")
        assert [one["subscriber_id"] for one in listing["subscribers"]] == [bpp.id]
    await server.stop()


# -- the rules ----------------------------------------------------------------------------------------------


def standing(admission: Admission, *keys: SubscriberKey) -> Standing:
    entry = Subscriber(
        "bpp.test", "https://bpp.test", Role.BPP, "dent:0.1.0", State.SUBSCRIBED, NOW, NOW, admission=admission
    )
    return Standing(entry, keys or (SubscriberKey("k", "c2ln", "ZW5j", NOW - HOUR, NOW + HOUR, NOW - HOUR),))


@given(st.sampled_from(Admission), st.lists(st.sampled_from(sorted(DECISIONS)), max_size=6))
def test_only_the_admitted_are_listed_and_the_revoked_never_again(begin: Admission, decisions: list[str]) -> None:
    held = standing(begin)
    for decision in decisions:
        before = held.subscriber.admission
        try:
            held = decided(held, decision, NOW)
        except NotValid:
            assert before not in DECISIONS[decision]
        if before is Admission.REVOKED:
            assert held.subscriber.admission is Admission.REVOKED
    assert not is_listed(held.subscriber) or held.subscriber.admission is Admission.ADMITTED


@pytest.mark.parametrize("admission", list(Admission))
def test_whoever_is_suspended_or_revoked_changes_nothing(admission: Admission) -> None:
    if admission in BARRED:
        with pytest.raises(NotAuthorised, match=admission):
            check_not_barred(standing(admission))
    else:
        check_not_barred(standing(admission))
        assert admission in {Admission.ADMITTED, Admission.AWAITING}


@given(hours=st.integers(-5, 5))
def test_a_key_never_counts_longer_than_before_and_is_withdrawn_when_it_ends_at_once(hours: int) -> None:
    until_then = NOW + hours * HOUR
    held = standing(Admission.ADMITTED)
    (key,) = without_key(held, "k", until_then, NOW).keys
    assert key.valid_until == min(until_then, NOW + HOUR)
    assert (key.withdrawn_at is not None) == (hours <= 0)
    two = replace(held.keys[0], key_id="other")
    after = without_key(Standing(held.subscriber, (held.keys[0], two)), "k", until_then, NOW)
    assert after.keys[1] == two
    assert after.subscriber.state is State.SUBSCRIBED
