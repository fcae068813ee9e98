"""The simulated fleet of ``up`` speaks HTTPS, MQTT and Modbus, and the operator sees all of it in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from beckn_battery.configuration import LocalNetwork
from beckn_battery.network import Network
from beckn_battery.ports import free_ports
from tests.journeys.network import operator_api
from tests.waiting import until

SOURCES = {"simulator", "modbus:simulated-fleet"}


async def test_batteries_of_all_three_protocols_are_seen_without_problems(tmp_path: Path) -> None:
    registry, gateway, bpp, bap, mqtt, modbus = free_ports(6)
    local = LocalNetwork(
        tmp_path / "network", registry, gateway, bpp, bap, batteries=5, speed=60, mqtt_port=mqtt, modbus_port=modbus
    )
    network = Network(local)
    await network.start()
    try:
        url = f"http://{local.host}:{local.bpp_port}"
        async with operator_api(url, network.bpp.participant.token) as operator:

            async def all_are_fresh() -> bool:
                told = await health(operator)
                return all(one["state"] == "fresh" for one in told["batteries"])

            await until(all_are_fresh, what="a sample of every battery")
            told = await health(operator)
    finally:
        await network.stop()
    assert len(told["batteries"]) == 5
    assert {one["latest"]["source"] for one in told["batteries"]} == SOURCES
    assert [problem for one in told["batteries"] for problem in one["problems"]] == []
    assert {(one["kind"], one["state"]) for one in told["sources"]} == {("mqtt", "connected"), ("modbus", "connected")}
    assert all(one["last_sample_received_at"] and not one["problems"] for one in told["sources"])
    assert told["set_aside"] == []


async def health(operator: httpx.AsyncClient) -> dict[str, Any]:
    answer = await operator.get("/telemetry/health")
    assert answer.status_code == 200
    return dict(answer.json())
