"""``/api/v1/batteries``: add, replace, list, look at one."""

from __future__ import annotations

from typing import Any

import pytest

from bpp.fleet_json import write_battery
from tests.bpp.platform import LISTED, Platform, order, sample
from tests.energy.examples import BATTERY

PATH = "/api/v1/batteries"


def document(**changes: Any) -> dict[str, Any]:
    return write_battery(LISTED) | changes


async def test_a_list_of_batteries_is_stored_and_listed(operator: Any) -> None:
    more = [document(battery_id="b-2"), document(battery_id="b-3", in_service=False)]
    assert (await operator.post(PATH, json=more)).status == 200
    listed = await (await operator.get(PATH)).json()
    assert [battery["battery_id"] for battery in listed] == ["b-2", "b-3", BATTERY.battery_id]
    assert listed[1] == document(battery_id="b-3", in_service=False) | {"latest": None}


async def test_a_single_battery_replaces_the_one_of_its_id(operator: Any) -> None:
    assert (await operator.post(PATH, json=document(name="Renamed"))).status == 200
    listed = await (await operator.get(PATH)).json()
    assert [battery["name"] for battery in listed] == ["Renamed"]


async def test_one_wrong_battery_of_a_list_stores_none(operator: Any) -> None:
    answer = await operator.post(PATH, json=[document(battery_id="good"), document(soh="2")])
    assert answer.status == 422
    problem = await answer.json()
    assert problem["errors"][0]["pointer"] == "/1"
    assert "soh" in problem["errors"][0]["detail"]
    assert len(await (await operator.get(PATH)).json()) == 1


async def test_a_battery_is_shown_with_its_latest_sample_and_bookings(platform: Platform, operator: Any) -> None:
    order_id = (await platform.buy()).order.order_id
    await platform.add_samples(sample(platform.trade, 7))
    shown = await (await operator.get(f"{PATH}/{BATTERY.battery_id}")).json()
    assert shown["latest"]["energy_in_wh"] == 7
    assert [booking["contract_id"] for booking in shown["bookings"]] == [order_id]
    assert shown["bookings"][0]["hold_until"] is None
    assert shown["bookings"][0]["charge"]["power_w"] == 37_500


async def test_a_quoted_hold_is_shown_with_its_end(platform: Platform, operator: Any) -> None:
    await platform.answer("select", order())
    shown = await (await operator.get(f"{PATH}/{BATTERY.battery_id}")).json()
    assert shown["bookings"][0]["hold_until"] == "2026-11-20T10:10:00.000Z"


async def test_an_unknown_battery_is_not_found(operator: Any) -> None:
    answer = await operator.get(f"{PATH}/nothing")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"json": [{}] * 1_001}, 413),
        ({"json": 7}, 422),
    ],
)
async def test_what_is_no_fleet_is_refused(operator: Any, sent: dict[str, Any], status: int) -> None:
    answer = await operator.post(PATH, **sent)
    assert answer.status == status
    assert (await answer.json())["status"] == status


async def test_a_stranger_gets_nothing(stranger: Any) -> None:
    for path in (PATH, "/api/v1/contracts", "/api/v1/dispatch", "/api/v1/invoices", "/api/v1/trade-time"):
        assert (await stranger.get(path)).status == 401
    assert (await stranger.post("/api/v1/telemetry", json={"samples": []})).status == 401
