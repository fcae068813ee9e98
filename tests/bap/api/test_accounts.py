"""Each account sees its own searches and contracts only; to it, another's do not exist. An admin sees all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from bap.api.routes import LEAST_ROLES
from bap.app import Bap
from bap.client import ApiError, AsyncBapClient
from node import tokens
from node.callers import AccessRole, Caller
from node.clocks import wall_clock
from node.ids import new_token
from tests.bap.market import Market
from tests.bap.test_app import NEED, WAIT_S, begin, trade

NOBODYS = {"/health", "/ready", "/login", "/logout", "/metrics", "/console", "/api/v1/openapi.json"}


async def client_of(bap: Bap, account: str, role: AccessRole = AccessRole.TRADER) -> AsyncBapClient:
    """The API as this account's program has it."""
    participant, secret, now = bap.participant, new_token(), wall_clock()
    caller = Caller(account, role, f"{account}-{role}")
    await participant.database.write(lambda tx: tokens.add(tx, f"{account}-{role}", secret, caller, now, None))
    return AsyncBapClient(participant.identity.url.removesuffix("/beckn"), secret)


@pytest.fixture
async def anna(bap: Bap) -> AsyncIterator[AsyncBapClient]:
    async with await client_of(bap, "anna") as opened:
        yield opened


@pytest.fixture
async def ben(bap: Bap) -> AsyncIterator[AsyncBapClient]:
    async with await client_of(bap, "ben") as opened:
        yield opened


def routes_with_an_id(bap: Bap) -> list[tuple[str, str]]:
    """(method, path as registered) of all of the application's routes that name a search or a contract."""
    found = []
    for route in bap.participant.app.router.routes():
        assert isinstance(route.resource, web.Resource)
        if re.search(r"\{(search|contract)_id\}", route.resource.canonical) and route.method != "HEAD":
            found.append((route.method, route.resource.canonical))
    return found


async def test_no_route_tells_of_anothers_search_or_contract_nor_changes_it(
    bap: Bap, market: Market, anna: AsyncBapClient, ben: AsyncBapClient
) -> None:
    contract_id = await trade(anna, market)
    before = await anna.contract(contract_id)
    routes = routes_with_an_id(bap)
    assert len(routes) > 1 + 3 + 9 + 3
    bodies = {
        "offer": {"offered_total": "1"},
        "update": {"energy_wh": 1},
        "cancel": {"reason_id": "5", "reason": "mine now"},
        "rating": {"value": 1},
        "tickets": {"kind": "issue", "subject": "mine", "text": "now"},
        "{ticket_id}": {"text": "mine now"},
    }
    async with httpx.AsyncClient(base_url=str(ben._http.base_url), headers=ben._http.headers) as raw:
        for method, path in routes:
            url = re.sub(r"\{(search|contract)_id\}", contract_id, path).replace("{ticket_id}", "some-ticket")
            body = bodies.get(path.rpartition("/")[2], {})
            answer = await raw.request(method, url, json=body if method == "POST" else None)
            unknown = await raw.request(method, url.replace(contract_id, "unknown"), json=body if body else None)
            assert answer.status_code == 404, (method, path)
            assert answer.json()["detail"].replace(contract_id, "unknown") == unknown.json()["detail"]
    assert await anna.contract(contract_id) == before


async def test_lists_hold_the_callers_own_and_an_admins_hold_everybodys(
    client: AsyncBapClient, anna: AsyncBapClient, ben: AsyncBapClient
) -> None:
    mine = await begin(anna)
    theirs = await begin(ben)
    assert [one["contract_id"] for one in await anna.contracts()] == [mine]
    assert [one["search_id"] for one in await ben.searches()] == [theirs]
    assert {one["contract_id"] for one in await client.contracts()} == {mine, theirs}
    assert {one["search_id"] for one in await client.searches()} == {mine, theirs}
    assert (await client.contract(mine))["contract_id"] == mine


async def test_an_offer_of_anothers_search_can_not_be_selected(anna: AsyncBapClient, ben: AsyncBapClient) -> None:
    search = await anna.search(**NEED, wait_s=WAIT_S)
    with pytest.raises(ApiError, match="has no offer"):
        await ben.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=0)
    assert await ben.contracts() == []


async def test_a_contract_that_an_admin_makes_of_an_accounts_search_is_the_accounts(
    client: AsyncBapClient, anna: AsyncBapClient
) -> None:
    search = await anna.search(**NEED, wait_s=WAIT_S)
    made = await client.select(search["search_id"], search["offers"][0]["offer_id"], wait_s=WAIT_S)
    assert [one["contract_id"] for one in await anna.contracts()] == [made["contract_id"]]


async def test_two_tokens_of_one_account_see_the_same_and_its_viewer_changes_nothing(
    bap: Bap, anna: AsyncBapClient
) -> None:
    contract_id = await begin(anna)
    async with await client_of(bap, "anna", AccessRole.VIEWER) as viewer:
        assert (await viewer.contract(contract_id))["contract_id"] == contract_id
        with pytest.raises(ApiError, match="needs the role trader"):
            await viewer.status(contract_id)


async def test_every_route_of_the_api_has_its_least_role_in_the_table(bap: Bap) -> None:
    found = set()
    for route in bap.participant.app.router.routes():
        assert isinstance(route.resource, web.Resource)
        path = route.resource.canonical
        if route.method != "HEAD" and not path.startswith(("/beckn/", "/console/")) and path not in NOBODYS:
            found.add((route.method, path))
    assert found == set(LEAST_ROLES)
