"""What a server answers to, as OpenAPI 3.1: its Beckn endpoints from the table of actions, an API from its routes.

* ``GET /beckn/openapi.json`` is open to everybody: peers read it. Its schemas are ours (`schemas`), with one name each.
* ``GET /api/v1/openapi.json`` asks for a token like every other route of the API.

A route of an API is described at one place, at its handler: the first line of the docstring is the summary, what
follows the description; `query`, `body` and `answers` say what it takes and gives beside the parts of its path. Its
least role comes from `node.callers`. A test fails for a route whose handler has no docstring.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import orjson
from aiohttp import web

from node.callers import AccessRole, allow, has_roles, role_of
from node.problems import Handler
from protocol import signing
from protocol.actions import ACTIONS, Role, received_by
from protocol.remedies import CODES
from schemas.loader import BASE_URI, document

H = TypeVar("H", bound=Callable[..., Any])

API_PREFIX = "/api/v1"
API_DOCUMENT = f"{API_PREFIX}/openapi.json"
BECKN_DOCUMENT = "/beckn/openapi.json"
_OPENAPI = "3.1.0"
_ACK = "beckn-1.1.1/ack.json"
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_QUERY, _BODY, _ANSWERS = "openapi_query", "openapi_body", "openapi_answers"
# The HTTP statuses of a NACK, and which of the ordered checks (`protocol.verification`) give them.
_REFUSALS = {
    400: "NACK: the JSON, the context, the lifetime, Beckn core or the storage trade's rules (checks 1, 10, 12 to 14)",
    401: "NACK: the signature, or a gateway's (checks 2 to 7)",
    403: "NACK: the sender may not say this here (checks 8 and 9)",
    409: "NACK: other bytes under a known message id (check 11)",
    413: "NACK: too many bytes (check 1)",
    415: "NACK: not application/json, or compressed (check 1)",
    429: "NACK: too many messages; Retry-After says when to go on",
    500: "NACK: something failed here",
    503: "NACK: the registry can not be asked for the sender's key",
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


def add_documents(app: web.Application, role: Role, name: str) -> None:
    """Serve both documents of a participant; the API's where the application has one. Call it after its routes."""
    app.router.add_get(BECKN_DOCUMENT, served(lambda: beckn_document(role, name)))
    if api_routes(app, (API_PREFIX,)):
        app.router.add_get(API_DOCUMENT, served(lambda: api_document(app, f"The API of {name}", (API_PREFIX,))))
        allow(app, {("GET", API_DOCUMENT): AccessRole.VIEWER})


def served(make: Callable[[], Mapping[str, Any]]) -> Handler:
    """A handler that gives a document, which is made when it is first asked for."""
    made: list[bytes] = []

    async def serve(_request: web.Request) -> web.StreamResponse:
        """This document: all routes, with what they need, as OpenAPI 3.1."""
        if not made:
            made.append(orjson.dumps(make()))
        return web.Response(body=made[0], content_type="application/json")

    return serve


# -- the Beckn endpoints ----------------------------------------------------------------------------------------


def beckn_document(role: Role, name: str) -> Mapping[str, Any]:
    """The endpoints that a participant of that role serves below ``/beckn``."""
    received = received_by(role)
    paths = {f"/{action}": {"post": _beckn_operation(action)} for action in received}
    used = [_ACK, *(f"battery-storage/{action}.json" for action in received)]
    headers = {
        "Signature": (signing.AUTHORIZATION, "BECKN-006: Ed25519 over (created), (expires) and the body's BLAKE2b-512"),
        "GatewaySignature": (signing.GATEWAY_AUTHORIZATION, "The same by a gateway that passes a search on"),
    }
    return {
        "openapi": _OPENAPI,
        "info": _info(f"The Beckn 1.1.1 endpoints of {name}"),
        "servers": [{"url": "/beckn"}],
        "paths": paths,
        "components": {
            "schemas": _components(used),
            "securitySchemes": {
                scheme: {"type": "apiKey", "in": "header", "name": header, "description": words}
                for scheme, (header, words) in headers.items()
            },
        },
        "x-error-codes": {code: remedy.title for code, remedy in CODES.items()},
    }


def _beckn_operation(action: str) -> dict[str, Any]:
    row = ACTIONS[action]
    needed: list[dict[str, list[str]]] = [{"Signature": []}]
    if row.through_gateway:
        needed.append({"Signature": [], "GatewaySignature": []})
    schema = {"$ref": f"#/components/schemas/{_name(f'battery-storage/{action}.json')}"}
    answers = {str(status): _beckn_answer(words, status) for status, words in _REFUSALS.items()}
    taken = "ACK: the message is stored"
    taken += (
        "." if row.is_callback else f", and {row.callback} will answer it, with an error in it where the trade says no."
    )
    return {
        "operationId": action,
        "summary": f"{row.sender} to {row.receiver}: {action}",
        "description": "The strict form; the tolerances that are read beside it are in docs/divergences.md.",
        "security": needed,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": _beckn_answer(taken), **answers},
    }


def _beckn_answer(words: str, status: int = 200) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_name(_ACK)}"}
    answer: dict[str, Any] = {"description": words, "content": {"application/json": {"schema": schema}}}
    headers = {401: ("WWW-Authenticate", "Proxy-Authenticate"), 429: ("Retry-After",)}.get(status, ())
    if headers:
        answer["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return answer


def _components(paths: Iterable[str]) -> dict[str, Any]:
    """These schema files and all that they refer to, by their names here."""
    found: dict[str, Any] = {}
    waiting = [f"{BASE_URI}{path}" for path in paths]
    while waiting:
        uri = waiting.pop()
        name = _name(uri.removeprefix(BASE_URI))
        if name not in found:
            content = {key: value for key, value in document(uri).items() if key not in {"$schema", "$id"}}
            found[name] = _renamed(content, uri, waiting)
    return dict(sorted(found.items()))


def _renamed(value: Any, uri: str, waiting: list[str]) -> Any:
    """The schema with each ``$ref`` turned to the place that it has here; what it refers to is put on the list."""
    if isinstance(value, list):
        return [_renamed(inner, uri, waiting) for inner in value]
    if not isinstance(value, dict):
        return value
    renamed = {key: _renamed(inner, uri, waiting) for key, inner in value.items()}
    reference = value.get("$ref")
    if isinstance(reference, str):
        file, _, fragment = reference.partition("#")
        target = _joined(uri, file)
        waiting.append(target)
        renamed["$ref"] = f"#/components/schemas/{_name(target.removeprefix(BASE_URI))}{fragment}"
    return renamed


def _joined(uri: str, file: str) -> str:
    """The ``$id`` of a file that is named relative to another."""
    if not file:
        return uri
    steps = uri.removeprefix(BASE_URI).split("/")[:-1]
    for step in file.split("/"):
        steps = steps[:-1] if step == ".." else [*steps, step]
    return BASE_URI + "/".join(steps)


def _name(path: str) -> str:
    return path.removesuffix(".json").replace("/", ".")


# -- an API -------------------------------------------------------------------------------------------------------


def query(**schemas: Mapping[str, Any]) -> Callable[[H], H]:
    """Say which parameters a handler reads from the query; none of them is ever required."""

    def describe(handler: H) -> H:
        setattr(handler, _QUERY, schemas)
        return handler

    return describe


def body(schema: Mapping[str, Any], *media_types: str) -> Callable[[H], H]:
    """Say what a handler takes as JSON, and in which other media types it takes the same."""

    def describe(handler: H) -> H:
        others: dict[str, Any] = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
        content = {"application/json": {"schema": schema}} | others
        setattr(handler, _BODY, {"required": True, "content": content})
        return handler

    return describe


def answers(*media_types: str) -> Callable[[H], H]:
    """Say in which media types beside JSON a handler may answer."""

    def describe(handler: H) -> H:
        setattr(handler, _ANSWERS, media_types)
        return handler

    return describe


def api_routes(app: web.Application, prefixes: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    """Method, path and handler of every route below the prefixes, by path."""
    found = [
        (route.method, route.resource.canonical, route.handler)
        for route in app.router.routes()
        if route.resource is not None
    ]
    return sorted(
        [one for one in found if one[1].startswith(prefixes) and one[0] not in {"HEAD", "*"}],
        key=lambda one: (one[1], one[0]),
    )


def api_document(
    app: web.Application, title: str, prefixes: tuple[str, ...], guarded: tuple[str, ...] = ("/",)
) -> Mapping[str, Any]:
    """The routes of a JSON API; those below ``guarded`` need a token, the others nothing."""
    paths: dict[str, Any] = {}
    for method, path, handler in api_routes(app, prefixes):
        operation = _api_operation(method, path, handler)
        if path.startswith(guarded):
            operation |= _least_role(app, method, path)
        else:
            operation["security"] = []
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": _OPENAPI,
        "info": _info(title),
        "paths": paths,
        "security": [{"Token": []}],
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {"Token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _api_operation(method: str, path: str, handler: Any) -> dict[str, Any]:
    summary, _, more = (inspect.getdoc(handler) or "").partition("\n")
    media_types = ("application/json", *getattr(handler, _ANSWERS, ()))
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}{path}".translate({ord("/"): "_", ord("{"): None, ord("}"): None}),
        "summary": summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(path)
        ]
        + [{"name": name, "in": "query", "schema": schema} for name, schema in getattr(handler, _QUERY, {}).items()],
        "responses": {
            "2XX": {"description": summary, "content": {media_type: {"schema": {}} for media_type in media_types}},
            "4XX": {"description": "What has to be changed", "content": problem},
        },
    }
    if more.strip():
        operation["description"] = more.strip()
    if method in {"POST", "PUT", "PATCH"}:
        undescribed = {"content": {"application/json": {"schema": {"type": "object"}}}}
        operation["requestBody"] = getattr(handler, _BODY, undescribed)
    return operation


def _least_role(app: web.Application, method: str, path: str) -> dict[str, Any]:
    """What the table of roles says of a route, in an application that has one."""
    if not has_roles(app):
        return {}
    least = role_of(app, method, path)
    return {"security": []} if least is None else {"x-least-role": least.value}


def _info(title: str) -> dict[str, str]:
    try:
        ours = version("beckn-battery")
    except PackageNotFoundError:
        ours = "0"  # It runs from a source tree that is not installed.
    return {"title": title, "version": ours}
