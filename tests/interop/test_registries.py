"""What registries of other makes answer to our lookups (INTEROP 5): the sender is proven by it, or is not."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.actions import Role
from protocol.keys import OwnKeys
from tests.interop.platform import Platform, item, platform
from tests.messages import BAP_ID, own_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALIASES = ("key_id", "ukId", "ukid", "unique_key_id", "pub_key_id")


def renamed(made: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in made.items()}


def public(keys: OwnKeys, encoding: Encoding) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes(keys.signing)).public_key()
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo).decode("latin-1")


def der(keys: OwnKeys) -> str:
    pem = public(keys, Encoding.PEM).splitlines()
    return "".join(pem[1:-1])


# Who writes it so, and what stands in the list beside nothing else.
FORMS = {
    "onix": lambda keys: [item(keys)],
    "ps_with_subscriber_url": lambda keys: [renamed(item(keys), url="subscriber_url")],
    **{f"the_key_id_as_{name}": lambda keys, name=name: [renamed(item(keys), key_id=name)] for name in ALIASES},
    "the_superset_with_every_name": lambda keys: [
        item(keys) | dict.fromkeys(ALIASES, keys.key_id) | {"subscriber_url": item(keys)["url"]}
    ],
    "times_left_out": lambda keys: [item(keys, valid_from=None, valid_until=None)],
    "times_that_are_empty": lambda keys: [item(keys, valid_from="", valid_until="")],
    "a_key_in_der": lambda keys: [item(keys, signing_public_key=der(keys))],
    "a_key_in_pem": lambda keys: [item(keys, signing_public_key=public(keys, Encoding.PEM))],
    "type_in_lower_case": lambda keys: [item(keys, type="bap")],
    "others_before_it": lambda keys: [item(own_keys("other.test")), item(own_keys(BAP_ID)), item(keys)],
    "unusable_items_before_it": lambda keys: [{}, "text", item(keys, type="LREG"), item(keys)],
    "two_keys_of_one_subscriber": lambda keys: [item(own_keys(BAP_ID)), item(keys)],
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_sender_is_proven_by_the_answer_of_a_registry_that_writes(shared: Platform, form: str) -> None:
    shared.producer = own_keys(BAP_ID)
    shared.registry.items = FORMS[form](shared.producer)
    assert (await shared.say()).status == 200


# What no answer may make us believe.
TRUSTLESS = {
    "no_status": lambda keys: [item(keys, status=None)],
    "initiated": lambda keys: [item(keys, status="INITIATED")],
    "under_subscription": lambda keys: [item(keys, status="UNDER_SUBSCRIPTION")],
    "expired": lambda keys: [item(keys, status="EXPIRED")],
    "invalid_ssl": lambda keys: [item(keys, status="INVALID_SSL")],
    "a_key_that_has_ended": lambda keys: [item(keys, valid_until="2026-01-02T00:00:00Z")],
    "a_time_that_is_garbled": lambda keys: [item(keys, valid_until="next year")],
    "the_key_under_another_key_id": lambda keys: [item(keys, key_id="other")],
    "the_key_of_another_subscriber": lambda keys: [item(keys, subscriber_id="other.test")],
    "two_names_that_disagree": lambda keys: [item(keys) | {"ukId": "other"}],
    "two_urls_that_disagree": lambda keys: [item(keys) | {"subscriber_url": "https://other.test"}],
    "no_list": lambda keys: [],
}


@pytest.mark.parametrize("form", TRUSTLESS)
async def test_a_sender_is_not_proven_by_the_answer_of_a_registry_that_writes(shared: Platform, form: str) -> None:
    shared.producer = own_keys(BAP_ID)
    shared.registry.items = TRUSTLESS[form](shared.producer)
    before = await shared.stored()
    assert (await shared.say()).status == 401
    assert await shared.stored() == before


async def test_a_lookup_asks_for_subscriber_and_key_as_onix_does(shared: Platform) -> None:
    shared.producer = own_keys(BAP_ID)
    shared.registry.items = [item(shared.producer)]
    await shared.say()
    assert shared.registry.queries[-1] == {"subscriber_id": BAP_ID, "key_id": shared.producer.key_id}


async def test_a_registry_s_url_may_end_in_subscribers_as_succinct_s_does(tmp_path: Any) -> None:
    async with platform(tmp_path) as running:
        running.registry.items = [item(running.producer)]
        assert (await running.say()).status == 200
        assert {one.path for one in running.registry.server.arrivals} >= {"/beckn/lookup", "/beckn/subscribe"}


async def test_a_gateway_of_type_bg_is_no_sender_of_a_select(shared: Platform) -> None:
    shared.producer = own_keys(BAP_ID)
    shared.registry.items = [item(shared.producer, Role.BG)]
    assert (await shared.say()).status == 403
