"""``/api/v1/sites``: what a grid connection lets through, and what was sold that does not fit any more."""

from __future__ import annotations

from typing import Any

import pytest

from bpp.fleet_json import write_battery
from tests.bpp.platform import LISTED, Platform
from tests.energy.examples import BATTERY

PATH = "/api/v1/sites/yard"


async def put_at_site(operator: Any) -> None:
    assert (await operator.post("/api/v1/batteries", json=write_battery(LISTED) | {"site_id": "yard"})).status == 200


async def test_a_site_is_described_shown_with_its_batteries_and_listed(operator: Any) -> None:
    await put_at_site(operator)
    undescribed = await (await operator.get(PATH)).json()
    assert (undescribed["import_limit_w"], undescribed["batteries"]) == (None, [BATTERY.battery_id])
    curtailed = {"start": "2026-11-02T10:00:00.000Z", "end": "2026-11-02T12:00:00.000Z", "export_limit_w": 0}
    site = {"import_limit_w": 90_000, "export_limit_w": None, "curtailments": [curtailed]}
    answer = await operator.put(PATH, json=site)
    assert answer.status == 200
    assert (await answer.json())["broken_contracts"] == []
    told = site | {"site_id": "yard", "curtailments": [curtailed | {"import_limit_w": None}]}
    assert await (await operator.get(PATH)).json() == told | {"batteries": [BATTERY.battery_id]}
    assert (await (await operator.get("/api/v1/sites")).json())["sites"] == [told]


async def test_a_curtailment_is_taken_and_names_the_contracts_that_do_not_fit_any_more(
    platform: Platform, operator: Any
) -> None:
    await put_at_site(operator)
    order_id = (await platform.buy()).order.order_id
    curtailed = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z", "import_limit_w": 1_000}
    told = await (await operator.put(PATH, json={"curtailments": [curtailed]})).json()
    assert [broken["contract_id"] for broken in told["broken_contracts"]] == [order_id]
    assert len((await (await operator.get(PATH)).json())["curtailments"]) == 1


async def test_a_site_that_nobody_named_is_not_found(operator: Any) -> None:
    assert (await operator.get("/api/v1/sites/nowhere")).status == 404


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"import_limit_w": -1}, "/import_limit_w"),
        ({"export_limit_w": "5 kW"}, "/export_limit_w"),
        ({"colour": "red"}, "/colour"),
        ({"curtailments": 7}, "/curtailments"),
        ({"curtailments": [7]}, "/curtailments/0"),
        ({"curtailments": [{"start": "now", "end": "later"}]}, "/curtailments/0/start"),
        (
            {"curtailments": [{"start": "2026-11-02T10:00:00Z", "end": "2026-11-02T10:00:00Z"}]},
            "/curtailments/0/end",
        ),
    ],
)
async def test_a_wrong_site_is_told_by_its_member_and_not_stored(
    operator: Any, content: dict[str, Any], pointer: str
) -> None:
    answer = await operator.put(PATH, json=content)
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["pointer"] == pointer
    assert (await operator.get(PATH)).status == 404
