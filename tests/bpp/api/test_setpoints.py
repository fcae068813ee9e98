"""Set-points on a running platform: told after consent, told again, taken back; stops, orders by hand, and alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bpp.alerts import AlertKind
from bpp.setpoints import Command, Commander, SetpointLost, Stop
from bpp.store import alerts, stops
from energy.offers import CancelRequest, DispatchMode, UpdateRequest
from node import tokens
from node.callers import AccessRole, Caller
from protocol.moments import timestamp_text
from tests.bpp.platform import Clock, Platform, order, running, sample, use
from tests.bpp.test_operation import look_at
from tests.energy.examples import BATTERY

USE = use()
PATH = f"/api/v1/setpoints/{BATTERY.battery_id}"
CHARGE_W = 37_500


class Box:
    """A device that takes what it is told, or can not be reached."""

    def __init__(self) -> None:
        self.told: list[tuple[int | None, str]] = []
        self.is_lost = False

    async def tell(self, command: Command) -> None:
        if self.is_lost:
            raise SetpointLost("nobody answers")
        self.told.append((command.power_w, command.by.value))

    async def release(self, _battery_id: str) -> None:
        if self.is_lost:
            raise SetpointLost("nobody answers")
        self.told.append((None, ""))


@pytest.fixture
def box(platform: Platform) -> Box:
    """The platform's battery, told by a device."""
    device = platform.bpp.ways.devices[BATTERY.battery_id] = Box()
    return device


async def go_on(platform: Platform, at: Any) -> None:
    """Move the clock; let the operation and the commanding look."""
    await look_at(platform, at)
    await platform.bpp.commanding.look()


async def test_after_consent_the_battery_is_commanded_through_its_windows_and_then_left(
    platform: Platform, box: Box
) -> None:
    await platform.buy()
    for at in (USE.charge.start - timedelta(hours=1), USE.charge.start, USE.charge.end, USE.giveback.start):
        await go_on(platform, at)
    await go_on(platform, USE.giveback.end + timedelta(hours=1))
    await go_on(platform, USE.giveback.end + timedelta(hours=1, seconds=61))
    assert box.told == [(CHARGE_W, "contracts"), (0, "contracts"), (-32_992, "contracts"), (None, "")]


async def test_a_battery_is_told_again_before_its_reversion_time_is_over(platform: Platform, box: Box) -> None:
    await platform.buy()
    await go_on(platform, USE.charge.start)
    revert_after_s = platform.desk.settings.setpoints.revert_after_s
    for _ in range(3):
        platform.clock.now += timedelta(seconds=revert_after_s / 3)
        await platform.bpp.commanding.look()
    assert box.told == [(CHARGE_W, "contracts")] * 4


async def test_manual_dispatch_is_told_as_instructions_and_commands_nothing(
    platform: Platform, box: Box, operator: Any
) -> None:
    await platform.buy(order(mode=DispatchMode.MANUAL))
    await go_on(platform, USE.charge.start)
    assert box.told == []
    told = await (await operator.get("/api/v1/dispatch/instructions")).json()
    assert [(one["do"], one["power_w"], one["energy_wh"], one["is_due"]) for one in told["instructions"]] == [
        ("charge", CHARGE_W, 300_000, True)
    ]
    contract = (await (await operator.get("/api/v1/contracts")).json())["contracts"][0]
    assert contract["state"] == "transaction-not-started"


async def test_manual_dispatch_that_begins_is_in_progress_and_stays_so(platform: Platform) -> None:
    order_id = str((await platform.buy(order(mode=DispatchMode.MANUAL))).order.order_id)
    states = []
    for minutes, power_w in ((0, 0), (5, 1_000), (10, 0)):
        at = USE.charge.start + timedelta(minutes=minutes)
        await look_at(platform, at, [sample(at, 5_000_000, power_w=power_w)])
        states.append((await platform.contract(order_id)).state.value.removeprefix("transaction-"))
    assert states == ["not-started", "in-progress", "in-progress"]


async def test_an_early_return_that_was_agreed_is_what_the_battery_is_told_next(platform: Platform, box: Box) -> None:
    order_id = str((await platform.buy()).order.order_id)
    await go_on(platform, USE.charge.end)
    early = replace(USE.giveback, start=USE.charge.end + timedelta(hours=6), end=USE.charge.end + timedelta(hours=14))
    answer = await platform.answer("update", UpdateRequest(order_id, "fulfillments", giveback=early))
    assert answer.error is None
    await go_on(platform, early.start)
    assert box.told[-1][0] == -(await platform.contract(order_id)).profile.discharge_w


async def test_a_cancelled_contract_leaves_the_battery_at_once(platform: Platform, box: Box) -> None:
    order_id = str((await platform.buy()).order.order_id)
    await go_on(platform, USE.charge.start + timedelta(hours=1))
    await platform.answer("cancel", CancelRequest(order_id, "1", ""))
    await go_on(platform, USE.charge.start + timedelta(hours=1, seconds=1))
    assert box.told == [(CHARGE_W, "contracts"), (None, "")]


@pytest.mark.parametrize("battery_id", [BATTERY.battery_id, "*"])
async def test_an_emergency_stop_stands_until_it_is_released(
    platform: Platform, box: Box, operator: Any, battery_id: str
) -> None:
    await platform.buy()
    await go_on(platform, USE.charge.start)
    stopped = await operator.post("/api/v1/stops", json={"battery_id": battery_id, "reason": "smoke"})
    assert stopped.status == 201
    assert box.told[-1] == (0, "emergency-stop")
    await go_on(platform, USE.giveback.start)
    assert box.told[-1] == (0, "emergency-stop")
    (stop,) = (await (await operator.get("/api/v1/stops")).json())["stops"]
    assert (stop["battery_id"], stop["reason"]) == (battery_id, "smoke")
    assert (await operator.delete(f"/api/v1/stops/{battery_id}")).status == 200
    assert box.told[-1] == (-32_992, "contracts")
    assert (await operator.delete(f"/api/v1/stops/{battery_id}")).status == 404


async def test_a_stop_is_known_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as platform:
        await platform.put_battery()
        await platform.database.write(lambda tx: stops.add(tx, Stop(BATTERY.battery_id, clock.now, "me", "smoke")))
    async with running(tmp_path, clock) as platform:
        await platform.bpp.commanding.read_stops()
        await platform.bpp.commanding.look()
        command = platform.bpp.mailbox.read(BATTERY.battery_id).command
        assert command is not None
        assert (command.power_w, command.by) == (0, Commander.STOP)


async def test_a_set_point_by_hand_holds_for_its_time(platform: Platform, box: Box, operator: Any) -> None:
    given = await operator.put(PATH, json={"power_w": -5_000, "for_s": 60})
    assert given.status == 200
    assert (await given.json())["by"] == "operator"
    platform.clock.now += timedelta(seconds=60)
    await platform.bpp.commanding.look()
    assert box.told == [(-5_000, "operator"), (None, "")]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ({"power_w": 100_001, "for_s": 60}, 409, "beyond what battery-1 can charge: 100 kW"),
        ({"power_w": 1.5, "for_s": 60}, 422, "whole number of watts"),
        ({"power_w": 5, "for_s": 0}, 422, "from 1 to 14400"),
    ],
)
async def test_a_set_point_that_can_not_be_is_refused_with_a_clear_sentence(
    operator: Any, content: dict[str, object], status: int, words: str
) -> None:
    refused = await operator.put(PATH, json=content)
    assert refused.status == status
    assert words in (await refused.json())["detail"]


async def test_nobody_takes_a_battery_from_its_contract_or_its_stop_by_hand(
    platform: Platform, box: Box, operator: Any
) -> None:
    await platform.buy()
    await go_on(platform, USE.charge.start)
    refused = await operator.put(PATH, json={"power_w": 1, "for_s": 60})
    assert "serves a contract now" in (await refused.json())["detail"]
    await operator.post("/api/v1/stops", json={"battery_id": "*", "reason": "smoke"})
    refused = await operator.put(PATH, json={"power_w": 1, "for_s": 60})
    assert "release the emergency stop first" in (await refused.json())["detail"]
    assert [power_w for power_w, _ in box.told] == [CHARGE_W, 0]


async def test_a_battery_that_can_not_be_reached_is_tried_again_and_shown(
    platform: Platform, box: Box, operator: Any
) -> None:
    box.is_lost = True
    await platform.buy()
    await go_on(platform, USE.charge.start)
    (shown,) = (await (await operator.get("/api/v1/setpoints")).json())["setpoints"]
    assert (shown["power_w"], shown["problem"]) == (CHARGE_W, "nobody answers")
    box.is_lost = False
    platform.clock.now += timedelta(seconds=5)
    await platform.bpp.commanding.look()
    assert box.told == [(CHARGE_W, "contracts")]
    (shown,) = (await (await operator.get("/api/v1/setpoints")).json())["setpoints"]
    assert shown["problem"] is None


async def test_a_battery_that_does_not_do_what_it_is_told_raises_an_alert_until_it_does(
    platform: Platform, box: Box
) -> None:
    async def raised(minutes: int, power_w: int) -> set[AlertKind]:
        at = USE.charge.start + timedelta(minutes=minutes)
        await look_at(platform, at, [sample(at, 5_000_000, power_w=power_w, soc=Decimal("0.5"))])
        await platform.bpp.commanding.look()
        await platform.bpp.alarm.look()
        found: Sequence[Any] = await platform.database.read(alerts.raised)
        return {alert.key.kind for alert in found}

    await platform.buy()
    await go_on(platform, USE.charge.start)
    assert await raised(1, 0) == set()
    assert await raised(2, 0) == {AlertKind.MISSED_SETPOINT}
    assert await raised(3, CHARGE_W) == set()


# -- agents -------------------------------------------------------------------------------------------------------


async def test_an_agent_asks_for_its_own_battery_only(platform: Platform, stranger: Any) -> None:
    caller = Caller("neighbour", AccessRole.DEVICE, "device-1")
    await platform.database.write(lambda tx: tokens.add(tx, "device-1", "a-device's", caller, platform.clock.now, None))
    headers = {"Authorization": "Bearer a-device's"}
    assert (await stranger.get("/api/v1/setpoints/neighbour", headers=headers)).status == 200
    for method, path in (("GET", PATH), ("POST", f"{PATH}/outcome"), ("PUT", PATH), ("POST", "/api/v1/stops")):
        assert (await stranger.request(method, path, headers=headers, json={})).status == 403


async def test_an_agent_takes_its_set_point_and_says_what_became_of_it(platform: Platform, operator: Any) -> None:
    own = await (await operator.get(PATH)).json()
    assert (own["number"], own["power_w"]) == (0, None)
    await platform.buy()
    await go_on(platform, USE.charge.start)
    taken = await (await operator.get(PATH, params={"after": "0", "wait_s": "5"})).json()
    assert (taken["power_w"], taken["revert_after_s"], taken["outcome"]) == (CHARGE_W, 300, "taken")
    applied = {"number": taken["number"], "outcome": "applied"}
    assert (await operator.post(f"{PATH}/outcome", json=applied)).status == 200
    (shown,) = (await (await operator.get("/api/v1/setpoints")).json())["setpoints"]
    assert shown["agent"]["outcome"] == "applied"
    assert (await operator.post(f"{PATH}/outcome", json=applied | {"number": 99})).status == 409
    assert (await operator.post(f"{PATH}/outcome", json=applied | {"outcome": "perhaps"})).status == 422


async def test_an_agent_that_waits_hears_of_a_stop_at_once(platform: Platform, operator: Any) -> None:
    await platform.bpp.commanding.look()
    waiting = asyncio.create_task(operator.get(PATH, params={"after": "0", "wait_s": "30"}))
    await operator.post("/api/v1/stops", json={"battery_id": BATTERY.battery_id, "reason": "smoke"})
    answer = await asyncio.wait_for(waiting, 5)
    assert (await answer.json())["by"] == "emergency-stop"


async def test_an_agent_that_waits_in_vain_is_told_again_what_it_knows(operator: Any) -> None:
    answer = await (await operator.get(PATH, params={"after": "0", "wait_s": "0"})).json()
    assert (answer["number"], answer["power_w"]) == (0, None)
    assert (await operator.get(PATH, params={"after": "first"})).status == 400


async def test_nobody_asks_for_set_points_without_a_token(stranger: Any) -> None:
    for path in (PATH, "/api/v1/setpoints", "/api/v1/stops"):
        assert (await stranger.get(path)).status == 401


async def test_instructions_of_no_time_or_a_year_are_a_problem(operator: Any) -> None:
    start = timestamp_text(USE.charge.start)
    for until in (start, timestamp_text(USE.charge.start + timedelta(days=32))):
        answer = await operator.get("/api/v1/dispatch/instructions", params={"from": start, "until": until})
        assert answer.status == 400
