"""The Python client: what it sends, what it gives back, and what it makes of refusals. No server is needed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
import respx

from bap.client import ApiError, AsyncBapClient, BapClient

URL = "http://bap.example:4003"
API = f"{URL}/api/v1"
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
END = datetime(2026, 11, 20, 14, tzinfo=UTC)

# method, arguments, HTTP method, path, body (None: none), member that holds the result
CALLS: list[tuple[str, dict[str, Any], str, str, dict[str, Any] | None, str | None]] = [
    (
        "search",
        {
            "energy_wh": 1,
            "charge": (START, END),
            "giveback": ("2026-11-20T18:00:00Z", "2026-11-20T22:00:00Z"),
            "near": (Decimal("12.97"), "77.59"),
            "radius_m": 5,
            "max_price": Decimal("25.50"),
        },
        "POST",
        "/searches",
        {
            "energy_wh": 1,
            "charge": {"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T14:00:00Z"},
            "giveback": {"start": "2026-11-20T18:00:00Z", "end": "2026-11-20T22:00:00Z"},
            "near": {"latitude": "12.97", "longitude": "77.59"},
            "radius_m": 5,
            "max_price": "25.50",
            "wait_s": 2.0,
        },
        None,
    ),
    ("read_search", {"search_id": "s/1"}, "GET", "/searches/s%2F1", None, None),
    ("searches", {}, "GET", "/searches", None, "searches"),
    (
        "select",
        {"search_id": "s", "offer_id": "o", "energy_wh": 7, "wait_s": 0},
        "POST",
        "/contracts",
        {"search_id": "s", "offer_id": "o", "energy_wh": 7, "wait_s": 0},
        None,
    ),
    (
        "offer",
        {"contract_id": "c", "offered_total": Decimal("5000.00")},
        "POST",
        "/contracts/c/offer",
        {"offered_total": "5000.00", "wait_s": 2.0},
        None,
    ),
    (
        "init",
        {"contract_id": "c", "billing": {"name": "Asha"}},
        "POST",
        "/contracts/c/init",
        {"billing": {"name": "Asha"}, "wait_s": 2.0},
        None,
    ),
    (
        "confirm",
        {"contract_id": "c", "consent": False, "wait_s": 30},
        "POST",
        "/contracts/c/confirm",
        {"consent": False, "wait_s": 30},
        None,
    ),
    ("status", {"contract_id": "c"}, "POST", "/contracts/c/status", {"wait_s": 2.0}, None),
    ("tickets", {"contract_id": "c"}, "GET", "/contracts/c/tickets", None, "tickets"),
    (
        "open_ticket",
        {"contract_id": "c", "kind": "issue", "subject": "Late", "text": "It is."},
        "POST",
        "/contracts/c/tickets",
        {"kind": "issue", "subject": "Late", "text": "It is.", "wait_s": 0},
        "tickets",
    ),
    (
        "answer_ticket",
        {"contract_id": "c", "ticket_id": "t", "text": "Still."},
        "POST",
        "/contracts/c/tickets/t",
        {"text": "Still.", "wait_s": 0},
        "tickets",
    ),
    (
        "update",
        {"contract_id": "c", "giveback": (START, END), "return_wh": 9, "paid_reference": "UTR 1"},
        "POST",
        "/contracts/c/update",
        {
            "giveback": {"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T14:00:00Z"},
            "return_wh": 9,
            "paid_reference": "UTR 1",
            "wait_s": 2.0,
        },
        None,
    ),
    ("track", {"contract_id": "c"}, "POST", "/contracts/c/track", {"wait_s": 2.0}, None),
    ("support", {"contract_id": "c"}, "POST", "/contracts/c/support", {"wait_s": 2.0}, None),
    (
        "update",
        {"contract_id": "c", "energy_wh": 9},
        "POST",
        "/contracts/c/update",
        {"energy_wh": 9, "wait_s": 2.0},
        None,
    ),
    (
        "cancel",
        {"contract_id": "c", "reason_id": "5", "reason": "grid down"},
        "POST",
        "/contracts/c/cancel",
        {"reason_id": "5", "reason": "grid down", "wait_s": 2.0},
        None,
    ),
    ("rating", {"contract_id": "c", "value": 4}, "POST", "/contracts/c/rating", {"value": "4", "wait_s": 2.0}, None),
    ("contract", {"contract_id": "c"}, "GET", "/contracts/c", None, None),
    ("contracts", {}, "GET", "/contracts", None, "contracts"),
    ("readings", {"contract_id": "c"}, "GET", "/contracts/c/readings", None, "readings"),
    ("invoice", {"contract_id": "c"}, "GET", "/contracts/c/invoice", None, None),
    ("trade_time", {}, "GET", "/trade-time", None, None),
]


def expect(mock: respx.MockRouter, method: str, path: str, member: str | None) -> tuple[respx.Route, Any]:
    """A route that answers, and what the client should give back."""
    result: Any = [{"id": 1}] if member else {"id": 1}
    answer = {member: result} if member else result
    return mock.request(method, f"{API}{path}").mock(httpx.Response(200, json=answer)), result


def check_sent(route: respx.Route, body: dict[str, Any] | None) -> None:
    sent = route.calls.last.request
    assert sent.headers["Authorization"] == "Bearer secret"
    assert (orjson.loads(sent.content) if sent.content else None) == body


@pytest.mark.parametrize(("name", "arguments", "method", "path", "body", "member"), CALLS)
def test_each_call_is_sent_as_the_api_wants_it(
    name: str, arguments: dict[str, Any], method: str, path: str, body: dict[str, Any] | None, member: str | None
) -> None:
    with respx.mock() as mock, BapClient(URL, "secret") as client:
        route, result = expect(mock, method, path, member)
        assert getattr(client, name)(**arguments) == result
        check_sent(route, body)


@pytest.mark.parametrize(("name", "arguments", "method", "path", "body", "member"), CALLS)
async def test_the_asynchronous_client_sends_the_same(
    name: str, arguments: dict[str, Any], method: str, path: str, body: dict[str, Any] | None, member: str | None
) -> None:
    async with AsyncBapClient(URL, "secret") as client:
        with respx.mock() as mock:
            route, result = expect(mock, method, path, member)
            assert await getattr(client, name)(**arguments) == result
            check_sent(route, body)


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert methods(BapClient) == methods(AsyncBapClient) == {*(name for name, *_ in CALLS), "follow", "live", "close"}


PROBLEM = {
    "type": "urn:beckn-battery:invalid-request",
    "title": "Invalid request",
    "status": 400,
    "detail": "/energy_wh: Write a whole number from 1 on.",
    "errors": [{"pointer": "/energy_wh", "detail": "Write a whole number from 1 on."}],
}


def test_a_refusal_is_an_error_with_the_sentence_of_the_problem_document() -> None:
    with respx.mock() as mock, BapClient(URL, "secret") as client:
        mock.post(f"{API}/contracts/c/update").mock(httpx.Response(400, json=PROBLEM))
        with pytest.raises(ApiError) as caught:
            client.update("c", energy_wh=0)
    error = caught.value
    assert (error.status, error.title, error.errors) == (400, "Invalid request", PROBLEM["errors"])
    assert str(error) == "400 Invalid request: /energy_wh: Write a whole number from 1 on."
    assert (error.code, error.path) == (None, None)


@pytest.mark.parametrize("answer", [httpx.Response(502, text="<html>"), httpx.Response(500, json=["what"])])
def test_a_refusal_that_is_no_problem_document_is_an_error_all_the_same(answer: httpx.Response) -> None:
    with respx.mock() as mock, BapClient(URL, "secret") as client:
        mock.get(f"{API}/contracts/c").mock(answer)
        with pytest.raises(ApiError) as caught:
            client.contract("c")
    assert (caught.value.status, caught.value.title) == (answer.status_code, "Error")


def test_an_answer_that_is_no_json_is_an_error() -> None:
    with respx.mock() as mock, BapClient(URL, "secret") as client:
        mock.get(f"{API}/contracts/c").mock(httpx.Response(200, text="<html>"))
        with pytest.raises(ApiError, match="no JSON"):
            client.contract("c")


def test_the_server_may_take_as_long_as_it_was_told_to_wait_and_the_timeout_more() -> None:
    with respx.mock() as mock, BapClient(URL, "secret", timeout_s=3) as client:
        route = mock.post(f"{API}/contracts/c/status").mock(httpx.Response(200, json={}))
        client.status("c", wait_s=20)
        assert route.calls.last.request.extensions["timeout"]["read"] == 23


def test_a_time_without_a_zone_is_not_sent() -> None:
    naive = (START.replace(tzinfo=None), END)
    with respx.mock() as mock, BapClient(URL, "secret") as client:
        with pytest.raises(ValueError, match="has no zone"):
            client.search(energy_wh=1, charge=naive, giveback=(START, END), near=(12, 77), radius_m=1)
        assert not mock.calls


COURSE = [
    {"stage": "ACTIVE", "state": "transaction-confirmed", "updated_at": "1"},
    {"stage": "ACTIVE", "state": "transaction-confirmed", "updated_at": "1"},
    {"stage": "ACTIVE", "state": "transaction-in-progress", "updated_at": "2"},
    {"stage": "COMPLETE", "state": "transaction-settled", "updated_at": "2"},
]


def serve_course(mock: respx.MockRouter) -> None:
    mock.get(f"{API}/contracts/c").mock(side_effect=[httpx.Response(200, json=one) for one in COURSE])


@pytest.mark.parametrize(
    ("until", "seen", "naps"),
    [(None, [0, 2, 3], 3), ({"transaction-in-progress"}, [0, 2], 2), ({"ACTIVE"}, [0], 0)],
)
def test_a_contract_is_followed_change_by_change_until_it_is_where_it_should_be(
    until: set[str] | None, seen: list[int], naps: int
) -> None:
    slept: list[float] = []
    more: dict[str, Any] = {} if until is None else {"until": until}
    with respx.mock() as mock, BapClient(URL, "secret") as client:
        serve_course(mock)
        followed = list(client.follow("c", interval_s=0.25, sleep=slept.append, **more))
    assert followed == [COURSE[index] for index in seen]
    assert slept == [0.25] * naps


async def test_the_asynchronous_client_follows_the_same() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with AsyncBapClient(URL, "secret") as client:
        with respx.mock() as mock:
            serve_course(mock)
            followed = [found async for found in client.follow("c", interval_s=0.25, sleep=sleep)]
    assert followed == [COURSE[index] for index in (0, 2, 3)]
    assert slept == [0.25] * 3


def test_the_client_stands_alone() -> None:
    code = "import sys, bap.client; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"node", "protocol", "energy", "schemas", "sqlalchemy", "aiohttp"} & set(loaded)
    assert "httpx" in loaded
