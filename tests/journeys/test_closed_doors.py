"""Who may use what: every endpoint of every server answers 401 without its token, but for those that are open.

The endpoints are taken from the running applications, so that a new one is closed or this test fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle

import pytest
from aiohttp import web

from bap.client import AsyncBapClient
from beckn_battery.network import Network
from node.auth import COOKIE
from tests.journeys.network import base_url
from tests.journeys.subscriber import Reply, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Open to everybody; all below /beckn asks for a signature or for an unguessable address instead.
OPEN = {"/health", "/ready", "/login", "/logout"}
BECKN = "/beckn/"
# What we offer is no secret: it is what a platform reads before it has keys.
OPENAPI = "/beckn/openapi.json"


def endpoints(network: Network) -> Iterator[tuple[str, str, str]]:
    """(role, method, path) of every route of the participants, parameters filled in."""
    for role, participant in network.participants.items():
        for route in participant.app.router.routes():
            assert isinstance(route.resource, web.Resource)
            yield role, route.method, re.sub(r"\{[a-z_]+\}", "some-id", route.resource.canonical)


def closed(network: Network) -> list[tuple[str, str, str]]:
    """Those that need the token."""
    return [one for one in endpoints(network) if one[2] not in OPEN and not one[2].startswith(BECKN)]


def check_unauthorized(reply: Reply, method: str) -> None:
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.headers["Content-Type"] == "application/problem+json"
    if method != "HEAD":
        assert reply.content["title"] == "Unauthorized"
        assert reply.content["status"] == 401
        assert reply.content["detail"].endswith(".")


async def test_every_closed_endpoint_answers_401_without_the_token_and_with_a_wrong_one(network: Network) -> None:
    doors = closed(network)
    assert {role for role, _, _ in doors} == {"gateway", "bpp", "bap"}
    assert len(doors) > 40
    wrong = [{"Authorization": "Bearer wrong"}, {"Authorization": "Basic wrong"}, {"Cookie": f"{COOKIE}=wrong"}]
    for (role, method, path), token in zip(doors, cycle(wrong), strict=False):
        # Each kind of wrong token at every third door: one address may not guess as often as there are doors.
        for headers in ({}, token):
            check_unauthorized(await send(base_url(network, role) + path, headers=headers, method=method), method)


async def test_the_token_of_one_platform_opens_nothing_at_the_other(network: Network) -> None:
    for role, other in (("bap", network.bpp.participant), ("bpp", network.bap.participant)):
        headers = {"Authorization": f"Bearer {other.token}"}
        reply = await send(f"{base_url(network, role)}/api/v1/contracts", headers=headers, method="GET")
        check_unauthorized(reply, "GET")


async def test_the_registrys_metrics_are_closed_too(network: Network) -> None:
    check_unauthorized(await send(f"{base_url(network, 'registry')}/metrics", method="GET"), "GET")


async def test_health_and_readiness_are_open_at_every_server(network: Network) -> None:
    for role in ("registry", "gateway", "bpp", "bap"):
        assert (await send(f"{base_url(network, role)}/health", method="GET")).content == {"status": "ok"}
        assert (await send(f"{base_url(network, role)}/ready", method="GET")).content["status"] == "ready"


async def test_metrics_count_messages_for_who_has_the_token(network: Network, client: AsyncBapClient) -> None:
    assert (await client.trade_time())["speed"] == network.local.speed
    headers = {"Authorization": f"Bearer {network.bpp.participant.token}"}
    reply = await send(f"{base_url(network, 'bpp')}/metrics", headers=headers, method="GET")
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (200, "text/plain")
    assert b"beckn_calls_sent_total" in reply.body


async def test_below_beckn_nothing_is_told_without_a_signature_or_an_unguessable_address(network: Network) -> None:
    signed, addressed = 0, 0
    for role, method, path in endpoints(network):
        if not path.startswith(BECKN) or method in {"*", "HEAD"} or path == OPENAPI:
            continue
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if path.endswith("/some-id"):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            reply = await send(base_url(network, role) + path, b"consent=yes", headers, method)
            assert (reply.status, reply.content["status"]) == (404, 404)
            addressed += 1
        else:
            reply = await send(base_url(network, role) + path, b"{}", headers, method)
            assert (reply.status, reply.content["message"]["ack"]["status"]) == (401, "NACK")
            assert reply.headers["WWW-Authenticate"].startswith("Signature realm=")
            signed += 1
    assert signed >= 10 + 10 + 2
    assert addressed >= 3


async def test_an_unknown_path_is_not_told_apart_from_a_closed_one(network: Network) -> None:
    for role in ("gateway", "bpp", "bap"):
        check_unauthorized(await send(f"{base_url(network, role)}/api/v1/no-such-thing", method="GET"), "GET")


async def test_the_console_takes_the_token_once_for_a_session_whose_cookie_only_reads(network: Network) -> None:
    bap, url = network.bap.participant, base_url(network, "bap")
    check_unauthorized(await send(f"{url}/console", method="GET"), "GET")
    check_unauthorized(await send(f"{url}/console?token=wrong", method="GET"), "GET")
    entered = await send(f"{url}/console?token={bap.token}", method="GET")
    assert (entered.status, entered.headers["Location"]) == (303, "/console")
    cookie = entered.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert bap.token not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    headers = {"Cookie": cookie.partition(";")[0], "Content-Type": "application/json"}
    page = await send(f"{url}/console", headers=headers, method="GET")
    assert (page.status, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert (await send(f"{url}/api/v1/contracts", headers=headers, method="GET")).status == 200
    check_unauthorized(await send(f"{url}/api/v1/searches", b"{}", headers), "POST")
