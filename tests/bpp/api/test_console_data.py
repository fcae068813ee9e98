"""What the console reads: the fleet at a glance, what is free when, and a battery's day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from energy.offers import StorageUse
from protocol.moments import timestamp_text
from tests.bpp.platform import LISTED, Platform, order, sample
from tests.energy.examples import BATTERY, NOVEMBER, at, hours

SOC = Decimal("0.4")
DAY = f"/api/v1/batteries/{BATTERY.battery_id}/day"


async def told(operator: Any, path: str, **values: str) -> dict[str, Any]:
    answer = await operator.get(path, params=values)
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def overview(operator: Any, **values: str) -> dict[str, Any]:
    return await told(operator, "/api/v1/overview", **values)


async def ids(operator: Any, **values: str) -> list[str]:
    return [one["battery_id"] for one in (await overview(operator, **values))["batteries"]]


@pytest.fixture
async def fleet(platform: Platform) -> Platform:
    """At noon: 1 charges, 2 gives back, 3 rests, 4 was heard an hour ago, 5 a day ago, 6 never, 7 is out of service."""
    for number in range(2, 8):
        battery = replace(BATTERY, battery_id=f"battery-{number}", name=f"Hill {number}", site_id=f"site-{number % 2}")
        await platform.put_battery(replace(LISTED, battery=battery, in_service=number != 7))
    platform.go_to(at(36))
    powers = {1: 50_000, 2: -20_000, 3: 0, 4: 9_000, 5: 9_000, 7: 0}
    ages_h = {4: 1, 5: 24}
    await platform.add_samples(
        *(
            sample(at(36 - ages_h.get(number, 0)), 7, battery_id=f"battery-{number}", power_w=power_w, soc=SOC)
            for number, power_w in powers.items()
        )
    )
    return platform


async def test_the_fleet_is_counted_by_what_its_batteries_do(fleet: Platform, operator: Any) -> None:
    content = await overview(operator)
    assert content["totals"] == {
        "batteries": 7,
        "out-of-service": 1,
        "never": 1,
        "charging": 1,
        "returning": 1,
        "resting": 2,
        "stale": 1,
        "lost": 1,
        "charge_w": 50_000,
        "discharge_w": 20_000,
    }
    assert (content["provider"], content["trade_time"]) == ("Garden City Storage", timestamp_text(fleet.trade))


async def test_a_battery_of_the_list_tells_its_charge_power_and_age(fleet: Platform, operator: Any) -> None:
    one, *_, out = (await overview(operator))["batteries"]
    assert (one["name"], one["doing"], one["soc_percent"], one["power_w"], one["age_s"]) == (
        "Hebbal 1",
        "charging",
        "40",
        50_000,
        0,
    )
    assert (out["battery_id"], out["in_service"]) == ("battery-7", False)
    assert (await overview(operator, show="never"))["batteries"][0]["age_s"] is None


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ({"show": "charging"}, [1]),
        ({"show": "returning"}, [2]),
        ({"show": "resting"}, [3, 7]),
        ({"show": "stale"}, [4]),
        ({"show": "lost"}, [5]),
        ({"show": "never"}, [6]),
        ({"show": "out-of-service"}, [7]),
        ({"search": "hebb"}, [1]),
        ({"search": "SITE-1"}, [3, 5, 7]),
        ({"search": "battery-2"}, [2]),
        ({"search": "hill", "show": "lost"}, [5]),
        ({"search": "%"}, []),
        ({"limit": "2", "offset": "3"}, [4, 5]),
    ],
)
async def test_the_list_is_what_is_asked_for(
    fleet: Platform, operator: Any, values: dict[str, str], numbers: list[int]
) -> None:
    assert await ids(operator, **values) == [f"battery-{number}" for number in numbers]


@pytest.mark.parametrize("values", [{"show": "dancing"}, {"limit": "0"}, {"limit": "501"}, {"offset": "-1"}])
async def test_what_can_not_be_listed_is_refused(operator: Any, values: dict[str, str]) -> None:
    answer = await operator.get("/api/v1/overview", params=values)
    assert answer.status == 400


async def test_the_calendar_tells_the_least_that_is_free_in_each_slot(platform: Platform, operator: Any) -> None:
    await platform.buy(order(use=StorageUse(300_000, hours(26, 30), hours(40, 44))))
    content = await told(operator, "/api/v1/calendar", until=timestamp_text(at(72)))
    (row,) = content["batteries"]
    first, sold, last = row["slots"]
    assert (content["step_s"], content["matching"], content["start"]) == (86_400, 1, timestamp_text(NOVEMBER))
    assert first["energy_wh"] == last["energy_wh"] == row["energy_wh"] > 380_000
    assert sold["energy_wh"] < 110_000
    assert sold["charge_w"] == 25_000


async def test_the_calendar_of_one_battery_has_slots_of_any_length(fleet: Platform, operator: Any) -> None:
    window = {"from": timestamp_text(at(36)), "until": timestamp_text(at(60))}
    content = await told(operator, "/api/v1/calendar", battery_id="battery-2", step_s="14400", **window)
    assert [(row["battery_id"], len(row["slots"])) for row in content["batteries"]] == [("battery-2", 6)]


async def test_a_calendar_of_too_many_slots_is_refused(operator: Any) -> None:
    until = timestamp_text(at(24 * 60))
    answer = await operator.get("/api/v1/calendar", params={"step_s": "900", "until": until})
    assert answer.status == 400


async def test_a_day_tells_plan_expectation_and_facts(platform: Platform, operator: Any) -> None:
    order_id = (await platform.buy(order(use=StorageUse(75_000, hours(2, 3), hours(20, 21))))).order.order_id
    platform.go_to(at(4))
    await platform.bpp.telemetry.ingest.take(
        [
            sample(at(1), 0, soc=Decimal("0.2"), power_w=0, sequence=1),
            sample(at(2.5), 37_500, soc=Decimal("0.27"), power_w=74_000, sequence=2),
        ]
    )
    day = await told(operator, DAY)
    assert [(piece["charge_w"], piece["discharge_w"]) for piece in day["plan"]] == [
        (0, 0),
        (75_000, 0),
        (0, 0),
        (0, day["bookings"][0]["giveback"]["power_w"]),
        (0, 0),
    ]
    assert [(fact["soc_percent"], fact["power_w"], fact["energy_in_wh"]) for fact in day["facts"]] == [
        ("20", 0, 0),
        ("27", 74_000, 37_500),
    ]
    # 75 kWh x 0.94 of 475 kWh are 14.84 %.
    expected = {level["at"]: Decimal(level["soc_percent"]) for level in day["expected"]}
    assert expected[timestamp_text(at(2))] == pytest.approx(Decimal(20), abs=Decimal("0.01"))
    assert expected[timestamp_text(at(3))] == pytest.approx(Decimal("34.84"), abs=Decimal("0.01"))
    assert [booking["contract_id"] for booking in day["bookings"]] == [order_id]
    assert (day["soc_min_percent"], day["soc_max_percent"]) == ("10", "90")
    assert (day["step_s"], day["fresh_s"]) == (300, 3 * 600)


async def test_a_day_without_facts_expects_nothing(platform: Platform, operator: Any) -> None:
    day = await told(operator, DAY, **{"from": timestamp_text(NOVEMBER + timedelta(days=3))})
    assert (day["facts"], day["expected"]) == ([], [])
    assert len(day["plan"]) == 1


async def test_the_day_of_an_unknown_battery_is_not_found(operator: Any) -> None:
    assert (await operator.get("/api/v1/batteries/nothing/day")).status == 404


async def test_a_day_of_three_days_is_refused(operator: Any) -> None:
    assert (await operator.get(DAY, params={"until": timestamp_text(at(72))})).status == 400
