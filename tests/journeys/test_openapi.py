"""The generated OpenAPI documents of a running network: valid, complete, and told to whom they should be."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from beckn_battery.network import Network
from node.auth import load_or_make_token
from node.openapi import API_DOCUMENT, API_PREFIX, BECKN_DOCUMENT, api_routes, beckn_document
from protocol.actions import ACTIONS, Role, received_by
from schemas.loader import storage
from tests.schemas.test_battery_storage import told

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = {"gateway": Role.BG, "bpp": Role.BPP, "bap": Role.BAP}


@pytest_asyncio.fixture(loop_scope="module")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def origin(network: Network, name: str) -> str:
    return network.participants[name].identity.url.removesuffix("/beckn")


async def fetched(session: aiohttp.ClientSession, url: str, token: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.get(url, headers=headers) as response:
        return response.status, await response.json(content_type=None)


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item}


@pytest.mark.parametrize("name", ROLES)
async def test_each_participant_tells_its_beckn_endpoints_to_everybody(
    network: Network, session: aiohttp.ClientSession, name: str
) -> None:
    status, document = await fetched(session, origin(network, name) + BECKN_DOCUMENT)
    assert status == 200
    OpenAPIV31SpecValidator(document).validate()
    assert operations(document) == {("POST", f"/{action}") for action in received_by(ROLES[name])}
    for path, item in document["paths"].items():
        assert {"200", "400", "401", "403", "409", "413", "415", "429", "500"} <= item["post"]["responses"].keys(), path
        assert "WWW-Authenticate" in item["post"]["responses"]["401"]["headers"]
    assert len(document["x-error-codes"]) == 28


@pytest.mark.parametrize("name", ["bpp", "bap"])
async def test_an_api_is_told_to_those_with_a_token_alone_and_has_every_route(
    network: Network, session: aiohttp.ClientSession, name: str
) -> None:
    participant = network.participants[name]
    assert (await fetched(session, origin(network, name) + API_DOCUMENT))[0] == 401
    status, document = await fetched(session, origin(network, name) + API_DOCUMENT, participant.token)
    assert status == 200
    OpenAPIV31SpecValidator(document).validate()
    routes = api_routes(participant.app, (API_PREFIX,))
    assert operations(document) == {(method, path) for method, path, _ in routes}
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["x-least-role"] in {"device", "viewer", "trader", "operator", "admin"}


@pytest.mark.parametrize("name", ["bpp", "bap"])
async def test_every_route_of_an_api_says_what_it_does(network: Network, name: str) -> None:
    routes = api_routes(network.participants[name].app, (API_PREFIX,))
    assert len(routes) > 8
    silent = [f"{method} {path}" for method, path, handler in routes if not inspect.getdoc(handler)]
    assert silent == [], "write a docstring into the handler"


async def test_a_gateway_has_no_api(network: Network, session: aiohttp.ClientSession) -> None:
    gateway = network.participants["gateway"]
    status, _ = await fetched(session, origin(network, "gateway") + API_DOCUMENT, gateway.token)
    assert status == 404


async def test_the_registry_tells_its_routes_to_those_with_its_token(
    network: Network, session: aiohttp.ClientSession
) -> None:
    url = network.registry.peer_settings.url + API_DOCUMENT
    assert (await fetched(session, url))[0] == 401
    status, document = await fetched(session, url, load_or_make_token(network.registry.settings.data_dir))
    assert status == 200
    OpenAPIV31SpecValidator(document).validate()
    assert {("POST", "/subscribe"), ("POST", "/lookup"), ("GET", "/admin/subscribers")} <= operations(document)
    assert document["paths"]["/lookup"]["post"]["security"] == []
    assert "security" not in document["paths"]["/admin/subscribers"]["get"]
    for item in document["paths"].values():
        assert all(operation["summary"] for operation in item.values())


@pytest.mark.parametrize("action", ACTIONS)
async def test_the_schemas_in_the_document_judge_as_ours_do(action: str) -> None:
    document = beckn_document(ACTIONS[action].receiver, "test")
    uri = "https://document.invalid/openapi.json"
    registry = Registry().with_resource(uri, Resource.from_contents(document, default_specification=DRAFT202012))
    schema = document["paths"][f"/{action}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    judge = Draft202012Validator({"$ref": uri + schema["$ref"]}, registry=registry)
    message = told(action)
    assert judge.is_valid(message)
    assert storage(action).is_valid(message)
    message["surplus"] = 1
    assert not judge.is_valid(message)
