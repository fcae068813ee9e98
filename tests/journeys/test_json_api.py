"""The JSON APIs of both platforms answer every bad request with a problem document (RFC 9457): what to mend."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.offers import Place
from tests.journeys.network import base_url
from tests.journeys.subscriber import Reply, send
from tests.journeys.trading import battery_document, close, need, put_battery

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODYS_ID = "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01"
# Role and path of what takes JSON.
SEARCHES = ("bap", "/api/v1/searches")
CONTRACTS = ("bap", "/api/v1/contracts")
INIT = ("bap", f"/api/v1/contracts/{NOBODYS_ID}/init")
BATTERIES = ("bpp", "/api/v1/batteries")
TELEMETRY = ("bpp", "/api/v1/telemetry")
TAKERS = (SEARCHES, CONTRACTS, INIT, BATTERIES, TELEMETRY)
TEN_MB = 10_000_000
LEVELS = 5_000

# What is no acceptable JSON, whatever is asked: body, headers, status, and a part of the sentence.
UNREADABLE: dict[str, tuple[bytes, Mapping[str, str], int, str]] = {
    "no json": (b"energy=300", {}, 400, "not JSON"),
    "cut off": (b'{"energy_wh": 300', {}, 400, "not JSON"),
    "not a number": (b'{"energy_wh": NaN}', {}, 400, "not JSON"),
    "no utf-8": (b'{"energy_wh": "\xff"}', {}, 400, "not JSON"),
    "5000 levels": (b"[" * LEVELS + b"]" * LEVELS, {}, 400, "not JSON"),
    "compressed": (gzip.compress(b"{}"), {"Content-Encoding": "gzip"}, 415, "uncompressed"),
    "another media type": (b"{}", {"Content-Type": "text/plain"}, 415, "application/json"),
    "ten megabytes": (b'{"x":"' + b"x" * TEN_MB + b'"}', {}, 413, "Too Large"),
}

WANTED: Mapping[str, Any] = {
    "energy_wh": 100_000,
    "charge": {"start": "2100-01-01T10:00:00Z", "end": "2100-01-01T12:00:00Z"},
    "giveback": {"start": "2100-01-01T18:00:00Z", "end": "2100-01-01T20:00:00Z"},
    "near": {"latitude": "12.97", "longitude": "77.59"},
    "radius_m": 5_000,
    "wait_s": 0,
}
BATTERY = battery_document("json-api", Place(Decimal(10), Decimal(70)))


def without(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


def window(start: str, end: str) -> dict[str, str]:
    return {"start": start, "end": end}


# JSON that says something wrong: what is sent, and where the answer points to.
WRONG: dict[str, tuple[tuple[str, str], object, str]] = {
    "a search without an amount": (SEARCHES, without(WANTED, "energy_wh"), "/energy_wh"),
    "an amount in words": (SEARCHES, {**WANTED, "energy_wh": "much"}, "/energy_wh"),
    "a negative amount": (SEARCHES, {**WANTED, "energy_wh": -1}, "/energy_wh"),
    "an amount that is a fraction": (SEARCHES, {**WANTED, "energy_wh": 0.5}, "/energy_wh"),
    "a latitude off the globe": (
        SEARCHES, {**WANTED, "near": {"latitude": "91", "longitude": "0"}}, "/near/latitude",
    ),
    "a place that is a list": (SEARCHES, {**WANTED, "near": [1, 2]}, "/near"),
    "a window without an end": (SEARCHES, {**WANTED, "charge": {"start": "2100-01-01T10:00:00Z"}}, "/charge/end"),
    "a window that runs backwards": (
        SEARCHES, {**WANTED, "charge": window("2100-01-01T12:00:00Z", "2100-01-01T10:00:00Z")}, "/charge/end",
    ),
    "a window off the quarter hours": (
        SEARCHES, {**WANTED, "charge": window("2100-01-01T10:07:00Z", "2100-01-01T12:00:00Z")}, "/charge",
    ),
    "a window in the past": (
        SEARCHES, {**WANTED, "charge": window("2000-01-01T10:00:00Z", "2000-01-01T12:00:00Z")}, "/charge/start",
    ),
    "a return before the charge": (
        SEARCHES, {**WANTED, "giveback": window("2100-01-01T06:00:00Z", "2100-01-01T08:00:00Z")}, "/giveback/start",
    ),
    "an unknown way of dispatch": (SEARCHES, {**WANTED, "mode": "By horse"}, "/mode"),
    "a misspelt member": (SEARCHES, {**WANTED, "radius": 5}, "/radius"),
    "a wait of an hour": (SEARCHES, {**WANTED, "wait_s": 3_600}, "/wait_s"),
    "a selection of nothing": (CONTRACTS, {}, "/search_id"),
    "billing that is a text": (INIT, {"billing": "me"}, "/billing"),
    "billing without a name": (INIT, {"billing": {"email": "a@b.example"}}, "/billing/name"),
    "a battery without an id": (BATTERIES, without(BATTERY, "battery_id"), "/battery_id"),
    "a battery of negative size": (BATTERIES, {**BATTERY, "energy_nominal_wh": -1}, "/energy_nominal_wh"),
    "a battery with an unknown member": (BATTERIES, {**BATTERY, "colour": "red"}, "/colour"),
    "a second battery that is a number": (BATTERIES, [BATTERY, 7], "/1"),
}  # fmt: skip


async def post(network: Network, to: tuple[str, str], body: bytes, **headers: str) -> Reply:
    """Send a body with the platform's token."""
    role, path = to
    token = network.participants[role].token
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    return await send(base_url(network, role) + path, body, sent)


def check_problem(reply: Reply, status: int, word: str) -> None:
    """A problem document with a sentence, and nothing of our insides."""
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json"), reply.body
    problem = reply.content
    assert problem["status"] == status
    assert problem["type"] == f"urn:beckn-battery:{problem['title'].lower().replace(' ', '-')}"
    assert word in problem["detail"]
    for inside in (b"Traceback", b".py", b"site-packages"):
        assert inside not in reply.body


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_is_no_json_is_refused_at_every_endpoint_that_takes_json(network: Network, name: str) -> None:
    body, headers, status, word = UNREADABLE[name]
    for to in TAKERS:
        check_problem(await post(network, to, body, **headers), status, word)


async def test_what_is_no_object_is_refused_where_an_object_is_wanted(network: Network) -> None:
    for to in (SEARCHES, CONTRACTS, INIT, TELEMETRY):
        for body in (b"[]", b"7", b'"text"', b"null"):
            check_problem(await post(network, to, body), 400, "must be a JSON object")


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_member_is_named_by_its_pointer_with_a_sentence_that_says_what_to_write(
    network: Network, name: str
) -> None:
    to, content, pointer = WRONG[name]
    reply = await post(network, to, json.dumps(content).encode())
    check_problem(reply, 422, "")
    errors = {error["pointer"]: error["detail"] for error in reply.content["errors"]}
    assert pointer in errors
    assert len(errors[pointer].split()) > 3


async def test_a_battery_that_was_refused_is_not_in_the_fleet(network: Network, operator: httpx.AsyncClient) -> None:
    assert (await operator.get("/batteries/json-api")).status_code == 404
    reply = await post(network, BATTERIES, json.dumps([BATTERY, {**BATTERY, "colour": "red"}]).encode())
    check_problem(reply, 422, "Nothing was stored")
    assert (await operator.get("/batteries/json-api")).status_code == 404


async def test_bad_samples_are_told_by_their_index_and_the_good_one_is_stored(
    network: Network, operator: httpx.AsyncClient, client: AsyncBapClient, place: Place
) -> None:
    await put_battery(operator, "metered", place)
    now = (await client.trade_time())["trade_time"]
    good = {"battery_id": "metered", "measured_at": now, "energy_in_wh": 5, "energy_out_wh": 0, "sequence": 1}
    samples = [
        7,
        {**good, "battery_id": "stranger"},
        {**good, "measured_at": "now"},
        {**good, "energy_in_wh": -1},
        good,
    ]
    reply = await post(network, TELEMETRY, json.dumps({"samples": samples}).encode())
    assert reply.status == 200
    assert (reply.content["accepted"], [one["index"] for one in reply.content["rejected"]]) == (1, [0, 1, 2, 3])
    assert (await operator.get("/batteries/metered")).json()["latest"]["energy_in_wh"] == 5


async def test_what_is_not_there_is_404_and_a_wrong_method_405(network: Network) -> None:
    for role in ("bap", "bpp"):
        headers = {"Authorization": f"Bearer {network.participants[role].token}"}
        for path, method, status in (
            (f"/api/v1/contracts/{NOBODYS_ID}", "GET", 404),
            (f"/api/v1/contracts/{'x' * 2_000}", "GET", 404),
            ("/api/v1/contracts/%00%ff", "GET", 404),
            ("/api/v1/no-such-thing", "GET", 404),
            ("/api/v1/contracts", "DELETE", 405),
        ):
            reply = await send(base_url(network, role) + path, headers=headers, method=method)
            check_problem(reply, status, "")


async def test_a_step_of_a_contract_that_is_not_there_is_404_and_one_out_of_order_409(
    network: Network, operator: httpx.AsyncClient, client: AsyncBapClient, place: Place
) -> None:
    await put_battery(operator, "out-of-order", place)
    active = (await close(client, await need(client, place)))["contract_id"]
    body = {"billing": {"name": "Asha Farms"}}
    check_problem(await post(network, INIT, json.dumps(body).encode()), 404, "There is no contract")
    again = ("bap", f"/api/v1/contracts/{active}/init")
    reply = await post(network, again, json.dumps(body).encode())
    check_problem(reply, 409, "init is not possible while the transaction is ACTIVE")
    assert reply.content["code"] == "40001"


async def test_an_invoice_that_has_not_come_is_404(
    operator: httpx.AsyncClient, client: AsyncBapClient, network: Network, place: Place
) -> None:
    await put_battery(operator, "no-invoice-yet", place)
    active = (await close(client, await need(client, place)))["contract_id"]
    headers = {"Authorization": f"Bearer {network.bap.participant.token}"}
    reply = await send(f"{base_url(network, 'bap')}/api/v1/contracts/{active}/invoice", b"", headers, "GET")
    check_problem(reply, 404, "sent no invoice")
