"""Lookups as callers of other makes send them (INTEROP 5), to a running registry."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from node.client import Answer
from protocol.keys import KEY_ID_NAMES, encryption_public_key, signing_public_key
from protocol.moments import parse_timestamp
from registry.app import Registry
from tests.messages import own_keys
from tests.registry.platforms import DOMAIN, Platform, error_of


@pytest.fixture(autouse=True)
async def joined(registry: Registry, bpp: Platform) -> None:
    await bpp.join()


async def asked(bpp: Platform, path: str, content: Any, **headers: str) -> Answer:
    return await bpp.client.post(f"{bpp.registry.url}/{path}", orjson.dumps(content), headers)


def found(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.json()
    assert isinstance(items, list)
    return items


async def test_onix_reads_the_first_item_of_a_list_with_times_of_rfc_3339(bpp: Platform) -> None:
    [item] = found(await asked(bpp, "lookup", {"subscriber_id": bpp.id, "key_id": bpp.keys.key_id}))
    assert signing_public_key(item["signing_public_key"]) == bytes(bpp.keys.signing.verify_key)
    for name in ("valid_from", "valid_until", "created", "updated"):
        assert parse_timestamp(item[name]).tzinfo is not None


@pytest.mark.parametrize(
    "query", [{"subscriber_id": "bpp.test", "ukId": None}, {"type": "BPP", "domain": DOMAIN}], ids=["by key", "by type"]
)
async def test_ps_finds_subscriber_url_type_key_and_end(bpp: Platform, query: dict[str, Any]) -> None:
    asking = {name: bpp.keys.key_id if value is None else value for name, value in query.items()}
    [item] = found(await asked(bpp, "lookup", asking))
    assert (item["subscriber_url"], item["type"]) == (bpp.url, "BPP")
    assert {"subscriber_id", "signing_public_key", "valid_until"} <= item.keys()


async def test_succinct_s_callers_ask_at_subscribers_lookup_for_pem(bpp: Platform) -> None:
    query = {"pub_key_id": bpp.keys.key_id, "country": "IND", "city": "std:080", "domain": DOMAIN, "type": "BPP"}
    [item] = found(await asked(bpp, "subscribers/lookup", query, pub_key_format="PEM"))
    assert signing_public_key(item["signing_public_key"]) == bytes(bpp.keys.signing.verify_key)
    public = encryption_public_key(item["encr_public_key"])
    assert public == load_pem_public_key(item["encr_public_key"].encode())


@pytest.mark.parametrize("name", ["ukId", "ukid"])
async def test_pypl_asks_signed_at_v2_0_lookup(bpp: Platform, name: str) -> None:
    query = {"country": "IND", "domain": DOMAIN, "subscriber_id": bpp.id, name: bpp.keys.key_id}
    [item] = found(await bpp.post("v2.0/lookup", query, bpp.keys))
    assert {item[alias] for alias in KEY_ID_NAMES} == {bpp.keys.key_id}


async def test_nygw_asks_for_a_unique_key_id(bpp: Platform) -> None:
    query = {"unique_key_id": bpp.keys.key_id, "subscriber_id": bpp.id, "type": "BPP", "domain": DOMAIN}
    assert len(found(await asked(bpp, "lookup", query))) == 1


async def test_dpi_asks_with_a_location(bpp: Platform) -> None:
    location = {"country": {"code": "IND"}, "city": {"code": "std:080"}}
    assert len(found(await asked(bpp, "lookup", {"type": "BPP", "domain": DOMAIN, "location": location}))) == 1


# -- ONDC's vlookup ---------------------------------------------------------------------------------------------


def vlookup(bpp: Platform, **changes: Any) -> dict[str, Any]:
    """What an ONDC participant posts; the signature is over five values of the query."""
    asking = {"country": "IND", "domain": DOMAIN, "type": "BPP", "city": "std:080", "subscriber_id": bpp.id}
    signed = "|".join(asking.values()).encode()
    signature = base64.b64encode(bpp.keys.signing.sign(signed).signature).decode()
    content = {"sender_subscriber_id": bpp.id, "request_id": "r-1", "timestamp": "2026-11-20T10:00:00.000Z"}
    return content | {"search_parameters": asking, "signature": signature} | changes


async def test_ondc_s_vlookup_is_answered_when_its_signature_holds(bpp: Platform) -> None:
    [item] = found(await asked(bpp, "vlookup", vlookup(bpp)))
    assert item["subscriber_id"] == bpp.id


@pytest.mark.parametrize(
    ("change", "status", "path"),
    [
        ({"signature": base64.b64encode(bytes(64)).decode()}, 401, "/signature"),
        ({"signature": "no base64"}, 401, "/signature"),
        ({"signature": None}, 401, "/signature"),
        ({"sender_subscriber_id": "nobody.test"}, 401, "/signature"),
        ({"sender_subscriber_id": None}, 400, "/sender_subscriber_id"),
        ({"search_parameters": []}, 400, "/search_parameters"),
        ({"search_parameters": {"type": "SHOP"}}, 400, "/type"),
    ],
)
async def test_a_vlookup_that_does_not_hold_is_refused(
    bpp: Platform, change: dict[str, Any], status: int, path: str
) -> None:
    answer = await asked(bpp, "vlookup", vlookup(bpp, **change))
    assert (answer.status, error_of(answer)["paths"]) == (status, path)


# -- DeDi -----------------------------------------------------------------------------------------------------------


async def test_onix_s_dediregistry_gets_one_item_in_its_wrapping(bpp: Platform) -> None:
    answer = await bpp.client.get(f"{bpp.registry.url}/lookup/{bpp.id}/subscribers.beckn.one/{bpp.keys.key_id}")
    details = answer.json()["data"]["details"]
    assert (details["subscriber_id"], details["url"], details["status"]) == (bpp.id, bpp.url, "SUBSCRIBED")
    assert details["signing_public_key"] == bpp.keys.signing_public_b64


async def test_onix_s_dediregistry_hears_of_no_other_key(bpp: Platform) -> None:
    other = own_keys(bpp.id).key_id
    answer = await bpp.client.get(f"{bpp.registry.url}/lookup/{bpp.id}/subscribers.beckn.one/{other}")
    assert (answer.status, error_of(answer)["code"]) == (404, "30000")
