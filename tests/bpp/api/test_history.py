"""``/api/v1/batteries/{battery_id}/history``: the step that fits the window, JSON and CSV."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from energy.offers import Quality
from tests.bpp.platform import Platform, sample
from tests.energy.examples import BATTERY, NOVEMBER

PATH = f"/api/v1/batteries/{BATTERY.battery_id}/history"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAY = "from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"
YEAR = "from=2025-11-01T00:00:00Z&to=2026-11-01T00:00:00Z"


async def fill(platform: Platform) -> None:
    platform.go_to(NOVEMBER + 2 * HOUR)
    await platform.add_samples(
        sample(NOVEMBER, 0, soc=Decimal("0.5"), power_w=3_000),
        sample(NOVEMBER + MINUTE / 2, 20, soc=Decimal("0.5051"), power_w=-1_000, quality=Quality.SUSPECT),
        sample(NOVEMBER + 61 * MINUTE, 90),
    )


async def test_a_day_is_told_by_the_minute(platform: Platform, operator: Any) -> None:
    await fill(platform)
    answer = await operator.get(f"{PATH}?{DAY}")
    assert answer.status == 200
    told = await answer.json()
    assert (told["step_s"], told["whole_until"], told["battery_id"]) == (60, None, BATTERY.battery_id)
    assert told["points"] == [
        {
            "start": "2026-11-01T00:00:00.000Z",
            "soc_min_percent": "50",
            "soc_mean_percent": "50.255",
            "soc_max_percent": "50.51",
            "soc_last_percent": "50.51",
            "power_min_w": -1_000,
            "power_mean_w": 1_000,
            "power_max_w": 3_000,
            "energy_in_wh": 20,
            "energy_out_wh": 0,
            "samples": 2,
            "trusted": 1,
        },
        {
            "start": "2026-11-01T01:01:00.000Z",
            **dict.fromkeys(("soc_min_percent", "soc_mean_percent", "soc_max_percent", "soc_last_percent")),
            "power_min_w": 0,
            "power_mean_w": 0,
            "power_max_w": 0,
            "energy_in_wh": 70,
            "energy_out_wh": 0,
            "samples": 1,
            "trusted": 1,
        },
    ]


async def test_without_a_window_the_last_day_is_told(platform: Platform, operator: Any) -> None:
    await fill(platform)
    told = await (await operator.get(PATH)).json()
    assert (told["from"], told["to"]) == ("2026-10-31T02:00:00.000Z", "2026-11-01T02:00:00.000Z")
    assert len(told["points"]) == 2


@pytest.mark.parametrize(
    ("start", "step_s"),
    [
        ("2026-10-31T00:00:00Z", 60),
        ("2026-10-28T00:00:00Z", 300),
        ("2026-10-18T00:00:00Z", 900),
        ("2025-11-01T00:00:00Z", 3_600),
    ],
)
async def test_the_step_follows_from_the_length_of_the_window(operator: Any, start: str, step_s: int) -> None:
    told = await (await operator.get(f"{PATH}?from={start}&to=2026-11-01T00:00:00Z")).json()
    assert told["step_s"] == step_s


async def test_a_step_that_is_not_kept_any_more_is_not_chosen(platform: Platform, operator: Any) -> None:
    platform.go_to(NOVEMBER + timedelta(days=100))
    assert (await (await operator.get(f"{PATH}?{DAY}")).json())["step_s"] == 300


async def test_a_step_that_is_named_is_taken_and_the_window_begins_with_one(platform: Platform, operator: Any) -> None:
    await fill(platform)
    told = await (await operator.get(f"{PATH}?from=2026-11-01T00:20:00Z&to=2026-11-01T02:00:00Z&step=60")).json()
    assert (told["from"], told["step_s"]) == ("2026-11-01T00:00:00.000Z", 3_600)
    assert [point["energy_in_wh"] for point in told["points"]] == [20, 70]


async def test_csv_has_the_same_points_with_a_header(platform: Platform, operator: Any) -> None:
    await fill(platform)
    answer = await operator.get(f"{PATH}?{DAY}&step=60&format=csv")
    assert answer.content_type == "text/csv"
    rows = list(csv.DictReader((await answer.text()).splitlines()))
    assert [row["energy_in_wh"] for row in rows] == ["20", "70"]
    assert rows[0]["battery_id"] == BATTERY.battery_id
    assert rows[0]["soc_mean_percent"] == "50.255"
    assert rows[1]["soc_mean_percent"] == ""


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=yesterday", "from must be a time"),
        ("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "to must be later than from"),
        ("to=0001-01-01T00:00:00Z", "to must be later than from"),
        (f"{DAY}&step=7", "one of: 1, 5, 15, 60"),
        (f"{DAY}&format=xml", "one of: json, csv"),
        (f"{YEAR}&step=1", "or a longer step"),
        ("from=2020-01-01T00:00:00Z&to=2026-11-01T00:00:00Z", "ask for less of it."),
    ],
)
async def test_a_query_that_can_not_be_answered_says_what_to_change(operator: Any, query: str, says: str) -> None:
    answer = await operator.get(f"{PATH}?{query}")
    assert answer.status == 400
    assert says in (await answer.json())["detail"]
