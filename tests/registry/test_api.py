"""``POST /subscribe`` and ``POST /lookup`` over real HTTP: who gets in, who changes what, and what is told of whom."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from node.clocks import wall_clock
from node.problems import json_response
from protocol import signing
from protocol.actions import Role
from protocol.keys import KEY_ID_NAMES
from protocol.moments import timestamp_text
from registry.app import Registry
from tests.messages import header, own_keys
from tests.peers import Arrival
from tests.registry.platforms import DOMAIN, Platform, error_of, next_keys, platform, right
from tests.waiting import until

# -- joining ------------------------------------------------------------------------------------------------


async def test_a_platform_that_answers_its_challenge_is_subscribed(registry: Registry, bpp: Platform) -> None:
    answer = await bpp.subscribe()
    assert (answer.status, answer.json()) == (200, {"status": "UNDER_SUBSCRIPTION"})
    await until(bpp.is_listed)
    sent = orjson.loads(bpp.challenges()[0].body)
    assert (sent["subscriber_id"], sent["pub_key_id"]) == (bpp.id, bpp.keys.key_id)
    assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}


async def test_the_entry_names_the_platform_as_every_peer_reads_it(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    (item,) = await bpp.lookup(subscriber_id=bpp.id)
    assert {item[name] for name in KEY_ID_NAMES} == {bpp.keys.key_id}
    assert item["url"] == item["subscriber_url"] == bpp.url
    assert (item["type"], item["domain"], item["city"], item["status"]) == ("BPP", DOMAIN, "std:080", "SUBSCRIBED")
    assert item["signing_public_key"] == bpp.keys.signing_public_b64
    assert item["encr_public_key"] == bpp.keys.encryption_public_b64


async def test_a_platform_that_subscribes_again_unchanged_is_not_challenged_again(
    registry: Registry, bpp: Platform
) -> None:
    await bpp.join()
    before = await bpp.lookup(subscriber_id=bpp.id)
    for _ in range(3):
        assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}
    assert len(bpp.challenges()) == 1
    assert await bpp.lookup(subscriber_id=bpp.id) == before


async def test_nothing_is_told_of_a_platform_whose_challenge_is_open(registry: Registry, bpp: Platform) -> None:
    go = asyncio.Event()

    async def hold(_arrival: Arrival, text: str) -> web.Response:
        await go.wait()
        return json_response({"answer": text})

    bpp.reply = hold
    await bpp.subscribe()
    await bpp.peer.received(1)
    assert await bpp.lookup() == await bpp.lookup(subscriber_id=bpp.id) == []
    assert await bpp.lookup(subscriber_id=bpp.id, key_id=bpp.keys.key_id) == []
    go.set()
    await until(bpp.is_listed)


# -- who may change what ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{}, {"url": "http://127.0.0.1:9/beckn"}, {"domain": "other:1"}, {"type": "BAP"}],
    ids=["the key", "the url", "the domain", "the role"],
)
async def test_a_stranger_changes_nothing_of_a_subscriber(
    registry: Registry, bpp: Platform, changes: dict[str, Any]
) -> None:
    await bpp.join()
    before = await bpp.lookup()
    stranger = own_keys(bpp.id)
    answer = await bpp.subscribe(stranger, **changes)
    assert answer.status == 401
    # Nor does it with the subscriber's key in the body, nor when it calls its own key by the subscriber's key id.
    assert (await bpp.subscribe(signed_by=stranger, **changes)).status == 401
    impostor = replace(stranger, key_id=bpp.keys.key_id)
    assert (await bpp.subscribe(impostor, **changes)).status == 401
    assert (await bpp.subscribe(signed_by=impostor, **changes)).status == 401
    assert await bpp.lookup() == before
    assert len(bpp.challenges()) == 1


async def test_another_subscriber_changes_nothing_of_it_either(registry: Registry, bpp: Platform) -> None:
    async with platform(registry.peer_settings, "bap.test", Role.BAP) as bap:
        await asyncio.gather(bap.join(), bpp.join())
        answer = await bpp.subscribe(signed_by=bap.keys, url=bap.url)
    assert answer.status == 401
    assert error_of(answer)["paths"] == "Authorization"
    assert [item["url"] for item in await bpp.lookup(subscriber_id=bpp.id)] == [bpp.url]


async def test_a_new_key_signed_by_the_old_one_is_live_after_its_challenge_and_not_before(
    registry: Registry, bpp: Platform
) -> None:
    await bpp.join()
    go = asyncio.Event()

    async def hold(_arrival: Arrival, text: str) -> web.Response:
        await go.wait()
        return json_response({"answer": text})

    bpp.reply = hold
    fresh = next_keys(bpp)
    assert (await bpp.subscribe(fresh, signed_by=bpp.keys)).json() == {"status": "UNDER_SUBSCRIPTION"}
    await bpp.peer.received(2)
    assert not await bpp.is_listed(fresh)
    assert await bpp.is_listed(bpp.keys)
    go.set()
    await until(lambda: bpp.is_listed(fresh))
    newest_first = [item["key_id"] for item in await bpp.lookup(subscriber_id=bpp.id)]
    assert newest_first == [fresh.key_id, bpp.keys.key_id]


async def test_a_rotated_platform_may_sign_its_next_change_with_its_new_key(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    second, third = next_keys(bpp), next_keys(bpp)
    await bpp.subscribe(second, signed_by=bpp.keys)
    await until(lambda: bpp.is_listed(second))
    await bpp.subscribe(third, signed_by=second)
    await until(lambda: bpp.is_listed(third))
    assert len(await bpp.lookup(subscriber_id=bpp.id)) == 3


async def test_a_new_key_that_signs_for_itself_is_refused(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    assert (await bpp.subscribe(next_keys(bpp))).status == 401
    assert len(await bpp.lookup(subscriber_id=bpp.id)) == 1


async def test_a_new_url_is_live_when_the_challenge_was_answered_there(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    async with platform(registry.peer_settings, bpp.id) as moved:
        moved.keys = bpp.keys
        moved.reply = lambda _arrival, _text: json_response({"answer": "wrong"})
        assert (await moved.subscribe()).json() == {"status": "UNDER_SUBSCRIPTION"}
        await moved.peer.received(1)
        assert [item["url"] for item in await bpp.lookup(subscriber_id=bpp.id)] == [bpp.url]
        moved.reply = right
        await until(lambda: _listed_at(moved, moved.url))
    assert len(bpp.challenges()) == 1


async def _listed_at(asked: Platform, url: str) -> bool:
    return [item["url"] for item in await asked.lookup(subscriber_id=asked.id)] == [url]


async def test_a_platform_shortens_the_window_of_its_key(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    until_soon = timestamp_text(wall_clock() + timedelta(hours=1))
    await bpp.subscribe(valid_until=until_soon)

    async def is_shortened() -> bool:
        return [item["valid_until"] for item in await bpp.lookup(subscriber_id=bpp.id)] == [until_soon]

    await until(is_shortened)
    # The next plain subscription, as every start sends one, leaves it so.
    assert (await bpp.subscribe()).json() == {"status": "SUBSCRIBED"}
    assert await is_shortened()


async def test_another_key_under_a_known_key_id_is_refused(registry: Registry, bpp: Platform) -> None:
    await bpp.join()
    other = own_keys(bpp.id)
    answer = await bpp.subscribe(signing_public_key=other.signing_public_b64)
    assert (answer.status, error_of(answer)["paths"]) == (400, "/key_id")


async def test_a_newcomer_that_was_never_subscribed_gives_way_to_a_new_application(
    registry: Registry, bpp: Platform
) -> None:
    async with platform(registry.peer_settings, bpp.id) as squatter:
        squatter.reply = lambda _arrival, _text: json_response({"answer": "no idea"})
        await squatter.subscribe()
        await squatter.peer.received(1)
        await bpp.join()
        assert [item["url"] for item in await bpp.lookup()] == [bpp.url]
        assert (await squatter.subscribe()).status == 401


# -- what is refused ----------------------------------------------------------------------------------------


async def test_an_application_with_a_weak_key_is_refused_and_nobody_is_challenged(
    registry: Registry, bpp: Platform
) -> None:
    zero = base64.b64encode(bytes(32)).decode()
    signing_key = await bpp.subscribe(signing_public_key=zero)
    assert (signing_key.status, error_of(signing_key)["paths"]) == (400, "/signing_public_key")
    encryption_key = await bpp.subscribe(encr_public_key=zero)
    assert (encryption_key.status, error_of(encryption_key)["paths"]) == (400, "/encr_public_key")
    assert bpp.challenges() == []


async def test_an_unsigned_application_is_refused_with_a_challenge_to_sign(registry: Registry, bpp: Platform) -> None:
    answer = await bpp.post("subscribe", bpp.application(), None)
    assert (answer.status, error_of(answer)["paths"]) == (401, "Authorization")


async def test_an_application_signed_with_another_key_than_it_carries_is_refused(
    registry: Registry, bpp: Platform
) -> None:
    assert (await bpp.subscribe(signed_by=own_keys(bpp.id))).status == 401
    assert (await bpp.subscribe(signed_by=own_keys("someone.else"))).status == 401
    assert bpp.challenges() == []


async def test_a_tampered_application_is_refused(registry: Registry, bpp: Platform) -> None:
    signed = orjson.dumps(bpp.application())
    sent = orjson.dumps(bpp.application(domain="other:1"))
    headers = {signing.AUTHORIZATION: header(signed, bpp.keys, wall_clock())}
    assert (await bpp.client.post(f"{registry.peer_settings.url}/subscribe", sent, headers)).status == 401


async def test_an_old_signature_is_refused(registry: Registry, bpp: Platform) -> None:
    bpp.now = lambda: wall_clock() - timedelta(minutes=10)
    assert (await bpp.subscribe()).status == 401


UNREADABLE = {
    "empty": (b"", {}, 400),
    "no JSON": (b"no JSON", {}, 400),
    "an array": (b"[]", {}, 400),
    "a key twice": (b'{"domain":"a","domain":"b"}', {}, 400),
    "500 levels deep": (b'{"a":' * 500 + b"1" + b"}" * 500, {}, 400),
    "more than 4 MiB": (b" " * (4 * 1024 * 1024) + b"{}", {}, 413),
    "plain text": (b"{}", {"Content-Type": "text/plain"}, 415),
    "compressed": (b"{}", {"Content-Encoding": "gzip"}, 415),
    "a garbled header": (b"{}", {"Authorization": "Signature garbled"}, 401),
}


@pytest.mark.parametrize("path", ["subscribe", "lookup"])
async def test_a_request_that_can_not_be_read_is_refused(registry: Registry, bpp: Platform, path: str) -> None:
    for name, (body, headers, status) in UNREADABLE.items():
        answer = await bpp.client.post(f"{registry.peer_settings.url}/{path}", body, headers)
        assert (name, answer.status) == (name, status)
        assert error_of(answer)["code"] == "30000"


async def test_an_unknown_route_is_refused(registry: Registry, bpp: Platform) -> None:
    for answer in (
        await bpp.post("unsubscribe", {}, None),
        await bpp.client.get(f"{registry.peer_settings.url}/lookup"),
    ):
        assert answer.status == 404
        assert "POST /subscribe" in error_of(answer)["message"]
