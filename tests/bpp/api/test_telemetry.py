"""``POST /api/v1/telemetry``: samples are taken once, and what is none is told by its index."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from energy.offers import Quality
from protocol.moments import timestamp_text
from tests.bpp.platform import Platform
from tests.energy.examples import BATTERY, NOVEMBER

PATH = "/api/v1/telemetry"


def item(**changes: Any) -> dict[str, Any]:
    known = {
        "battery_id": BATTERY.battery_id,
        "measured_at": timestamp_text(NOVEMBER),
        "soc_percent": "55.5",
        "power_w": -1_500,
        "energy_in_wh": 10,
        "energy_out_wh": 20,
        "sequence": 1,
    }
    return known | changes


async def post(operator: Any, *items: Any) -> dict[str, Any]:
    answer = await operator.post(PATH, json={"samples": list(items)})
    assert answer.status == 200
    return dict(await answer.json())


async def counts(operator: Any, *items: Any) -> tuple[int, int]:
    """How many were accepted, and how many known before."""
    answer = await post(operator, *items)
    assert answer["rejected"] == []
    return answer["accepted"], answer["duplicates"]


async def test_samples_are_accepted_once(operator: Any) -> None:
    later = item(measured_at="2026-10-31T23:59:00Z")
    assert await counts(operator, item(), later) == (2, 0)
    assert await counts(operator, item(), later) == (0, 2)


async def test_a_sample_is_stored_as_it_came(platform: Platform, operator: Any) -> None:
    await post(operator, item(source="gateway-7", quality="suspect"))
    stored = await platform.desk.meters.latest(BATTERY.battery_id)
    assert stored is not None
    assert (stored.soc, stored.power_w, stored.source) == (Decimal("0.555"), -1_500, "gateway-7")
    assert (stored.energy_in_wh, stored.energy_out_wh, stored.quality) == (10, 20, Quality.SUSPECT)


@pytest.mark.parametrize(
    ("given", "stored"),
    [(55.5, Decimal("0.555")), (100, Decimal(1)), ("-3.2", Decimal("-0.032")), (None, None)],
)
async def test_the_state_of_charge_is_a_number_a_text_or_unknown(
    platform: Platform, operator: Any, given: object, stored: Decimal | None
) -> None:
    await post(operator, item(soc_percent=given))
    latest = await platform.desk.meters.latest(BATTERY.battery_id)
    assert latest is not None
    assert latest.soc == stored


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"battery_id": "stranger"}, "battery_id"),
        ({"battery_id": ["x"]}, "battery_id"),
        ({"measured_at": "yesterday"}, "measured_at"),
        ({"measured_at": timestamp_text(NOVEMBER + timedelta(hours=1))}, "future"),
        ({"soc_percent": "full"}, "soc_percent"),
        ({"soc_percent": True}, "soc_percent"),
        ({"soc_percent": 500_000}, "soc_percent"),
        ({"power_w": 1.5}, "power_w"),
        ({"energy_in_wh": -1}, "energy_in_wh"),
        ({"energy_out_wh": 0.5}, "energy_out_wh"),
        ({"sequence": "1"}, "sequence"),
        ({"quality": "splendid"}, "quality"),
        ({"source": ""}, "source"),
        ({"voltage": 400}, "voltage"),
    ],
)
async def test_what_is_no_sample_is_told_and_the_others_are_stored(
    operator: Any, wrong: dict[str, Any], word: str
) -> None:
    answer = await post(operator, item(**wrong), item())
    assert answer["accepted"] == 1
    assert [rejected["index"] for rejected in answer["rejected"]] == [0]
    assert word in answer["rejected"][0]["detail"]


async def test_a_meter_whose_clock_runs_a_little_ahead_is_believed(operator: Any) -> None:
    # Five seconds of wall time are five minutes of trade time here.
    ahead = item(measured_at=timestamp_text(NOVEMBER + timedelta(minutes=5)))
    assert (await post(operator, ahead))["accepted"] == 1


async def test_more_samples_than_a_function_writes_at_once_are_all_stored(operator: Any) -> None:
    many = [item(measured_at=timestamp_text(NOVEMBER - timedelta(seconds=number))) for number in range(2_500)]
    assert (await post(operator, *many))["accepted"] == 2_500


@pytest.mark.parametrize(
    ("content", "status"),
    [({}, 422), ({"samples": {}}, 422), ([], 400), ({"samples": [0] * 10_001}, 413)],
)
async def test_a_body_without_samples_is_refused(operator: Any, content: object, status: int) -> None:
    assert (await operator.post(PATH, json=content)).status == status


async def test_a_sample_that_is_no_object_is_told(operator: Any) -> None:
    rejected = (await post(operator, "sample"))["rejected"]
    assert rejected == [{"index": 0, "reason": "unreadable", "detail": "A sample is a JSON object."}]
