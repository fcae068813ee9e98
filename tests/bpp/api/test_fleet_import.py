"""``POST /api/v1/batteries/import``: CSV and JSON, with flags, and the report as an answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bpp.test_fleet_import import csv_of, document

PATH = "/api/v1/batteries/import"
CSV = {"Content-Type": "text/csv"}


async def count(client: Any) -> int:
    return len(await (await client.get("/api/v1/batteries")).json())


async def test_csv_and_json_say_the_same(operator: Any) -> None:
    answer = await operator.post(PATH, data=csv_of(document("b-1"), document("b-2")), headers=CSV)
    assert answer.status == 200
    report = await answer.json()
    assert (report["stored"], report["added"]) == (True, 2)
    assert report["rows"][0] == {"row": 2, "battery_id": "b-1", "outcome": "added", "problems": []}
    report = await (await operator.post(PATH, json={"batteries": [document("b-1"), document("b-2")]})).json()
    assert (report["unchanged"], report["added"], report["changed"]) == (2, 0, 0)
    assert await count(operator) == 3


async def test_a_refused_import_is_a_problem_with_the_report(operator: Any) -> None:
    answer = await operator.post(PATH, json=[document("b-1"), document("b-2", soh="2")])
    assert answer.status == 422
    report = (await answer.json())["report"]
    assert [row["outcome"] for row in report["rows"]] == ["added", "refused"]
    assert "soh" in report["rows"][1]["problems"][0]["detail"]
    assert await count(operator) == 1
    report = await (
        await operator.post(f"{PATH}?partial=true", json=[document("b-1"), document("b-2", soh="2")])
    ).json()
    assert (report["stored"], report["added"], report["refused"]) == (True, 1, 1)
    assert await count(operator) == 2


async def test_a_dry_run_answers_with_the_report_and_stores_nothing(operator: Any) -> None:
    report = await (await operator.post(f"{PATH}?dry_run=true", json=[document("b-1")])).json()
    assert (report["stored"], report["added"]) == (False, 1)
    assert await count(operator) == 1


@pytest.mark.parametrize(
    ("sent", "query", "status"),
    [
        ({"json": 7}, "", 422),
        ({"data": b"\xff", "headers": CSV}, "", 422),
        ({"data": b"name\nx", "headers": CSV}, "", 422),
        ({"data": b"x", "headers": {"Content-Type": "application/xml"}}, "", 415),
        ({"json": [{}] * 5_001}, "", 413),
        ({"json": []}, "?dry_run=1", 400),
    ],
)
async def test_what_is_no_fleet_is_refused(operator: Any, sent: dict[str, Any], query: str, status: int) -> None:
    assert (await operator.post(f"{PATH}{query}", **sent)).status == status
