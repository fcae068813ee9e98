"""Fleets of several accounts on one platform: each sees its own, and an administrator all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bpp.app import Bpp
from bpp.fleet_json import write_battery
from node import tokens
from node.callers import AccessRole, Caller
from node.ids import new_token
from tests.bpp.platform import LISTED, Clock, Platform, running, settings

PATH = "/api/v1/batteries"


class Divided(Platform):
    """A platform on which every account has a fleet of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Clock())
        self.bpp = Bpp(replace(settings(folder), shared_fleet=False), self.clock)
        self.desk = self.bpp.desk
        self.database = self.bpp.participant.database


@pytest.fixture
async def divided(tmp_path: Path) -> AsyncIterator[Platform]:
    opened = Divided(tmp_path)
    await opened.database.start()
    await opened.bpp.samples.start()
    await opened.bpp.participant.access.start()
    yield opened
    await opened.database.stop()
    await opened.bpp.samples.stop()


@pytest.fixture
async def server(divided: Platform) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    async with TestClient(TestServer(divided.bpp.participant.app)) as client:
        yield client


def document(battery_id: str, **changes: Any) -> dict[str, Any]:
    return write_battery(LISTED) | {"battery_id": battery_id} | changes


async def headers(platform: Platform, account: str, role: AccessRole = AccessRole.OPERATOR) -> dict[str, Any]:
    secret, caller = new_token(), Caller(account, role, new_token()[:12])
    await platform.database.write(
        lambda tx: tokens.add(tx, str(caller.token_id), secret, caller, platform.clock.now, None)
    )
    return {"headers": {"Authorization": f"Bearer {secret}"}}


async def ids(server: Any, who: dict[str, Any]) -> list[str]:
    return [battery["battery_id"] for battery in await (await server.get(PATH, **who)).json()]


async def test_each_account_sees_and_changes_its_own_fleet_and_an_administrator_all(
    divided: Platform, server: Any
) -> None:
    asha, ravi = await headers(divided, "asha"), await headers(divided, "ravi")
    admin = await headers(divided, "root", AccessRole.ADMIN)
    assert (await server.post(PATH, json=document("a-1"), **asha)).status == 200
    assert (await server.post(PATH, json=document("r-1"), **ravi)).status == 200
    assert await ids(server, asha) == ["a-1"]
    assert await ids(server, ravi) == ["r-1"]
    assert await ids(server, admin) == ["a-1", "r-1"]
    answers = [
        await server.get(f"{PATH}/a-1", **ravi),
        await server.patch(f"{PATH}/a-1", json={"name": "Mine"}, **ravi),
        await server.put(f"{PATH}/a-1/state", json={"state": "retired"}, **ravi),
        await server.get(f"{PATH}/a-1/history", **ravi),
    ]
    assert [answer.status for answer in answers] == [404] * 4
    unknown = await (await server.get(f"{PATH}/a-2", **ravi)).json()
    assert (await answers[0].json())["detail"] == unknown["detail"].replace("a-2", "a-1")
    assert (await server.get(f"{PATH}/a-1/history", **asha)).status == 200


async def test_an_id_that_another_account_has_is_taken(divided: Platform, server: Any) -> None:
    await server.post(PATH, json=document("a-1"), **await headers(divided, "asha"))
    answer = await server.post(PATH, json=document("a-1"), **await headers(divided, "ravi"))
    assert answer.status == 409
    assert (await answer.json())["errors"][0]["pointer"] == "/battery_id"


async def test_a_site_where_anothers_batteries_stand_can_not_be_joined(divided: Platform, server: Any) -> None:
    await server.post(PATH, json=document("a-1", site_id="yard"), **await headers(divided, "asha"))
    ravi = await headers(divided, "ravi")
    assert (await server.post(PATH, json=document("r-1", site_id="yard"), **ravi)).status == 409
    assert (await server.post(PATH, json=document("r-1", site_id="shed"), **ravi)).status == 200


async def test_only_an_administrator_adds_to_another_account(divided: Platform, server: Any) -> None:
    asha, admin = await headers(divided, "asha"), await headers(divided, "root", AccessRole.ADMIN)
    assert (await server.post(f"{PATH}?account=ravi", json=document("r-1"), **asha)).status == 403
    assert (await server.post(f"{PATH}?account=asha", json=document("a-1"), **admin)).status == 200
    assert await ids(server, asha) == ["a-1"]
    # It stays hers, whoever changes it.
    assert (await server.post(PATH, json=document("a-1", name="Renamed"), **admin)).status == 200
    assert await ids(server, asha) == ["a-1"]


@pytest.mark.parametrize("path", ["contracts", "invoices", "dispatch", "tickets", "sites", "telemetry/health"])
async def test_what_is_not_divided_is_for_administrators(divided: Platform, server: Any, path: str) -> None:
    assert (await server.get(f"/api/v1/{path}", **await headers(divided, "asha"))).status == 403
    admin = await headers(divided, "root", AccessRole.ADMIN)
    assert (await server.get(f"/api/v1/{path}", **admin)).status == 200


async def test_an_operator_of_a_divided_platform_sends_no_samples_of_others(divided: Platform, server: Any) -> None:
    answer = await server.post("/api/v1/telemetry", json={"samples": []}, **await headers(divided, "asha"))
    assert answer.status == 403


async def test_people_of_one_operator_share_its_fleet(tmp_path: Path) -> None:
    async with running(tmp_path) as shared:
        await shared.put_battery()
        async with TestClient(TestServer(shared.bpp.participant.app)) as client:
            viewer = await headers(shared, "asha", AccessRole.VIEWER)
            assert await ids(client, viewer) == [LISTED.battery.battery_id]
            assert (await client.post(PATH, json=document("b-2"), **viewer)).status == 403
