"""The API is what its OpenAPI document says: schemathesis makes requests from it and sends them to the real platform.

Every answer has to be one that the document names, of its media type and schema; no input makes a server error.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import pytest
import schemathesis
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bpp.api.routes import API_PREFIX, LEAST_ROLES
from bpp.fleet_json import write_battery
from tests.bpp.platform import LISTED, running
from tests.energy.examples import BATTERY

T = TypeVar("T")

EXAMPLES = 25
NOT_INSTALLED = 501
"""A report in a form for which an optional package is missing here."""
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
# A stream of events has no end to wait for.
ROUTES = sorted(route for route in LEAST_ROLES if not route[1].endswith("/stream"))


class Served:
    """A platform behind a real port, with a loop in a thread of its own: schemathesis calls and waits."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._folder = folder
        self.url, self.token = "", ""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait(30)

    def stop(self) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def await_(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(30)

    async def document(self) -> dict[str, Any]:
        async with ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as session:
            return dict(await (await session.get(f"{self.url}{API_PREFIX}/openapi.json")).json())

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with running(self._folder) as platform:
            await platform.put_battery()
            async with TestServer(platform.bpp.participant.app) as server:
                self.url, self.token = str(server.make_url("")).rstrip("/"), platform.bpp.participant.token
                self._ready.set()
                await self._stop.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    opened = Served(tmp_path_factory.mktemp("served"))
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def document(served: Served) -> dict[str, Any]:
    return served.await_(served.document)


def test_every_route_of_the_table_of_roles_is_in_the_document(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert set(ROUTES) <= described


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_request_breaks_the_platform_and_every_answer_is_as_described(
    served: Served, document: dict[str, Any], method: str, path: str
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    operation = schema[path][method]
    seen: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        # Made ids are nobody's: every second request is about a battery that there is.
        if case.path_parameters and "battery_id" in case.path_parameters and len(seen) % 2:
            case.path_parameters["battery_id"] = BATTERY.battery_id
        answer = case.call(base_url=served.url, headers={"Authorization": f"Bearer {served.token}"}, timeout=30)
        if answer.status_code != NOT_INSTALLED:
            case.validate_response(answer, checks=list(CHECKS))
        seen.append(answer.status_code)

    ask()
    assert len(seen) >= 1


def test_the_described_battery_is_one_that_is_taken(document: dict[str, Any]) -> None:
    taken = document["paths"][f"{API_PREFIX}/batteries"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    whole = write_battery(LISTED) | {"site_id": "yard", "cycles": "12.5", "warranty_energy_wh_per_year": 5}
    jsonschema.Draft202012Validator(taken).validate(whole)
    jsonschema.Draft202012Validator(taken).validate([whole])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(taken).validate(whole | {"colour": "red"})
