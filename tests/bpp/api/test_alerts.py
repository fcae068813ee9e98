"""The alarm on a running platform: raised once, kept over a restart, cleared, acknowledged, told and counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bpp.alerts import Alert, AlertKind
from bpp.store import alerts, fleet
from tests.bpp.api.test_live import STREAM, next_event
from tests.bpp.platform import LISTED, Clock, Platform, running, sample, use
from tests.bpp.test_operation import look_at, readings

USE = use()
PERIOD = timedelta(minutes=10)
"""One sample period of trade time, which runs sixty times as fast."""


async def listed(platform: Platform, *, only_open: bool = True) -> list[Alert]:
    return await platform.database.read(lambda tx: alerts.listed(tx, None, 100, only_open=only_open))


async def measure(platform: Platform, **values: Any) -> list[AlertKind]:
    """A sample of this moment, and what is raised after it."""
    await platform.add_samples(sample(platform.trade, 5_000, **values))
    await platform.bpp.alarm.look()
    return [alert.key.kind for alert in await platform.database.read(alerts.raised)]


async def test_a_battery_that_is_too_hot_is_told_once_until_it_is_cool_again(platform: Platform) -> None:
    for degrees, kinds in ((52, [AlertKind.OVER_TEMPERATURE]), (47, [AlertKind.OVER_TEMPERATURE]), (44, [])):
        assert await measure(platform, temperature_c=Decimal(degrees)) == kinds
        platform.clock.now += timedelta(seconds=1)
    (alert,) = await listed(platform, only_open=False)
    assert alert.sentence == "The battery has 52 °C: see to its cooling."
    assert alert.cleared_at is not None


async def test_a_battery_that_falls_silent_is_told_and_cleared_by_its_next_sample(platform: Platform) -> None:
    assert await measure(platform) == []
    platform.go_to(platform.trade + 3 * PERIOD)
    await platform.bpp.alarm.look()
    (alert,) = await listed(platform)
    assert alert.key.kind is AlertKind.STALE_DATA
    assert await measure(platform) == []


async def test_nobody_waits_for_a_battery_that_is_out_of_service(platform: Platform) -> None:
    await measure(platform)
    platform.go_to(platform.trade + 5 * PERIOD)
    await platform.bpp.alarm.look()
    out = replace(LISTED, in_service=False)
    await platform.database.write(lambda tx: fleet.save_battery(tx, out))
    await platform.bpp.alarm.look()
    assert await platform.database.read(alerts.raised) == []


async def test_what_was_raised_before_a_restart_is_neither_raised_again_nor_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        assert await measure(platform, soc=Decimal("0.05")) == [AlertKind.SOC_LOW]
    async with running(tmp_path, clock) as platform:
        await platform.bpp.alarm.open()
        await platform.bpp.alarm.look()
        assert len(await listed(platform, only_open=False)) == 1
        platform.clock.now += timedelta(seconds=1)
        assert await measure(platform, soc=Decimal("0.2")) == []


async def test_a_contract_that_is_behind_its_plan_is_late_until_it_is_over(platform: Platform) -> None:
    await platform.buy()
    await look_at(platform, USE.charge.start, readings(USE))
    late = USE.charge.start + timedelta(hours=2)
    await look_at(platform, late, [sample(late, 7_000_000, soc=Decimal("0.2"))])
    await platform.bpp.alarm.look()
    assert [alert.key.kind for alert in await listed(platform)] == [AlertKind.LATE]
    await look_at(platform, USE.giveback.end + timedelta(hours=1))
    await platform.bpp.operation.look()
    await platform.bpp.alarm.look()
    raised = await platform.database.read(alerts.raised)
    assert AlertKind.LATE not in {alert.key.kind for alert in raised}


async def test_the_metrics_count_what_is_raised(platform: Platform) -> None:
    registry = platform.bpp.participant.metrics.registry
    await measure(platform, temperature_c=Decimal(60))
    assert registry.get_sample_value("battery_alerts_raised", {"kind": "over-temperature"}) == 1
    platform.clock.now += timedelta(seconds=1)
    await measure(platform, temperature_c=Decimal(20))
    assert registry.get_sample_value("battery_alerts_raised", {"kind": "over-temperature"}) == 0


async def test_an_alert_is_acknowledged_by_the_first_who_says_so(platform: Platform, operator: Any) -> None:
    await measure(platform, temperature_c=Decimal(60))
    (alert,) = (await (await operator.get("/api/v1/alerts")).json())["alerts"]
    assert (alert["kind"], alert["battery_id"], alert["acknowledged_at"]) == ("over-temperature", "battery-1", None)
    path = f"/api/v1/alerts/{alert['alert_id']}/acknowledge"
    first = await (await operator.post(path)).json()
    assert first["acknowledged_by"].startswith("default")
    platform.clock.now += timedelta(minutes=1)
    assert await (await operator.post(path)).json() == first
    # It is still raised, so it is still open; once it is over it is only in the list of all.
    assert len((await (await operator.get("/api/v1/alerts")).json())["alerts"]) == 1
    await measure(platform, temperature_c=Decimal(20))
    assert (await (await operator.get("/api/v1/alerts")).json())["alerts"] == []
    assert len((await (await operator.get("/api/v1/alerts?state=all&battery_id=battery-1")).json())["alerts"]) == 1


@pytest.mark.parametrize("query", ["state=raised", "limit=0"])
async def test_a_list_that_can_not_be_had_is_a_problem(operator: Any, query: str) -> None:
    assert (await operator.get(f"/api/v1/alerts?{query}")).status == 400


async def test_an_unknown_alert_can_not_be_acknowledged(operator: Any) -> None:
    assert (await operator.post("/api/v1/alerts/nothing/acknowledge")).status == 404


async def test_the_stream_begins_with_what_is_raised_and_tells_every_change(platform: Platform, operator: Any) -> None:
    await measure(platform, temperature_c=Decimal(60))
    platform.clock.now += timedelta(seconds=1)
    await measure(platform, soc=Decimal("0.05"), temperature_c=Decimal(20))
    async with operator.get("/api/v1/alerts/stream", headers=STREAM) as answer:
        begun = await asyncio.wait_for(next_event(answer), 5)
        assert (begun["kind"], begun["cleared_at"]) == ("soc-low", None)
        platform.clock.now += timedelta(seconds=1)
        await measure(platform, soc=Decimal("0.5"))
        cleared = await asyncio.wait_for(next_event(answer), 5)
        assert cleared["alert_id"] == begun["alert_id"]
        assert cleared["cleared_at"] is not None
    async with operator.get("/api/v1/alerts/stream", headers={"Last-Event-ID": "1", **STREAM}) as answer:
        kinds = {(await asyncio.wait_for(next_event(answer), 5))["kind"] for _ in range(2)}
    assert kinds == {"over-temperature", "soc-low"}


async def test_nobody_reads_the_alerts_without_a_token(stranger: Any) -> None:
    assert (await stranger.get("/api/v1/alerts")).status == 401
