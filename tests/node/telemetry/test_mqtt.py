"""MQTT against real brokers: what was published with QoS 1 is taken once, whoever goes away in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest

from node.telemetry.mqtt import MqttSource
from node.telemetry.sample_json import write_sample
from node.telemetry.settings import MqttBattery, MqttSettings
from protocol.retry import RetrySchedule
from tests.node.telemetry.brokers import MISSING, MOSQUITTO, RunningBroker, broker_of, publish
from tests.node.telemetry.samples import BATTERY_ID, NOW, KeepingIntake, clocks, sample
from tests.ports import free_port
from tests.waiting import until

SOON = RetrySchedule(first_delay_s=0.01, max_delay_s=0.02)
NEEDS_MOSQUITTO = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)
TOPIC = f"beckn-battery/{BATTERY_ID}/sample"


@dataclass
class Broker:
    """A running broker and its port."""

    port: int
    running: RunningBroker


@pytest.fixture(params=["amqtt", pytest.param("mosquitto", marks=NEEDS_MOSQUITTO)])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    port = free_port()
    running = broker_of(request.param, port, tmp_path / "broker")
    await running.start()
    yield Broker(port, running)
    await running.stop()


def settings(port: int, **changes: Any) -> MqttSettings:
    return MqttSettings(**({"name": "yard", "host": "127.0.0.1", "port": port} | changes))


@asynccontextmanager
async def reading(wanted: MqttSettings, intake: KeepingIntake) -> AsyncIterator[MqttSource]:
    source = MqttSource(wanted, intake, clocks(), SOON)
    await source.start()
    try:
        yield source
    finally:
        await source.stop()


@asynccontextmanager
async def connected(wanted: MqttSettings, intake: KeepingIntake) -> AsyncIterator[MqttSource]:
    async with reading(wanted, intake) as source:
        await until(lambda: source.standing.is_connected, what="the connection")
        yield source


def message(number: int, **changes: Any) -> tuple[str, bytes]:
    """The ``number``-th sample of the battery, a second after the one before it."""
    content = write_sample(sample(NOW + timedelta(seconds=number), sequence=number, **changes))
    return TOPIC, orjson.dumps(content)


async def test_samples_published_on_their_topics_are_taken(broker: Broker) -> None:
    intake = KeepingIntake()
    async with connected(settings(broker.port), intake):
        await publish(broker.port, *(message(number) for number in range(100)))
        await until(lambda: len(intake.taken) == 100, what="all samples")
    assert intake.sequences == list(range(100))
    assert intake.taken[0].battery_id == BATTERY_ID


async def test_what_was_published_while_we_were_away_is_taken_when_we_are_back(broker: Broker) -> None:
    intake = KeepingIntake()
    async with connected(settings(broker.port), intake):
        await publish(broker.port, message(0))
        await until(lambda: intake.sequences == [0], what="the first sample")
    await publish(broker.port, *(message(number) for number in range(1, 40)))
    async with connected(settings(broker.port), intake):
        await until(lambda: len(intake.taken) == 40, what="what was missed")
    assert intake.sequences == list(range(40))


@NEEDS_MOSQUITTO
async def test_what_could_not_be_stored_is_not_acknowledged_and_comes_again(tmp_path: Path) -> None:
    port, intake = free_port(), KeepingIntake()
    running = broker_of("mosquitto", port, tmp_path / "broker")
    await running.start()
    intake.failures = 3
    try:
        async with connected(settings(port), intake) as source:
            await publish(port, *(message(number) for number in range(10)))
            await until(lambda: intake.failures == 0, what="the failures")
            await until(lambda: len(intake.taken) == 10, what="all samples")
            await until(lambda: source.standing.is_connected, what="the connection")
            assert source.standing.problems == {}
    finally:
        await running.stop()


async def test_a_broker_that_goes_away_is_told_and_found_again(tmp_path: Path) -> None:
    port, intake = free_port(), KeepingIntake()
    async with reading(settings(port), intake) as source:
        for round_number in range(2):
            await until(lambda: "" in source.standing.problems, what="the loss")
            assert not source.standing.is_connected
            assert "can not be reached" in source.standing.problems[""][0]
            running = broker_of("amqtt", port, tmp_path)
            await running.start()
            await until(lambda: source.standing.is_connected, what="the connection")
            await publish(port, message(round_number))
            await until(lambda: len(intake.taken) == round_number + 1, what="the sample")  # noqa: B023
            assert source.standing.problems == {}
            await running.stop()


async def test_a_message_that_is_no_sample_is_told_by_its_topic_and_the_next_one_is_taken(broker: Broker) -> None:
    intake = KeepingIntake()
    async with connected(settings(broker.port), intake) as source:
        await publish(broker.port, (TOPIC, b"{"))
        await until(lambda: TOPIC in source.standing.problems, what="the problem")
        assert "is not JSON" in source.standing.problems[TOPIC][0]
        await publish(broker.port, message(1))
        await until(lambda: intake.sequences == [1], what="the sample")
        assert source.standing.problems == {}


async def test_a_battery_that_is_not_taken_is_told_at_its_source(broker: Broker) -> None:
    intake = KeepingIntake()
    intake.strangers.add(BATTERY_ID)
    async with connected(settings(broker.port), intake) as source:
        await publish(broker.port, message(1))
        await until(lambda: BATTERY_ID in source.standing.problems, what="the problem")
        assert "not in this fleet" in source.standing.problems[BATTERY_ID][0]


async def test_a_victron_device_is_kept_talking_and_its_values_become_one_sample(broker: Broker) -> None:
    intake = KeepingIntake()
    wanted = settings(
        broker.port, layout="victron", portal="c0ffee", batteries=(MqttBattery(BATTERY_ID, "512"),), every_s=0
    )
    values = {"Soc": 55.5, "Dc/0/Power": 1200, "History/ChargedEnergy": 12.5, "History/DischargedEnergy": 7.25}
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="gx") as device:
        await device.subscribe("R/c0ffee/keepalive")
        async with connected(wanted, intake):
            # A GX device says something only once it was asked to.
            asked = await asyncio.wait_for(anext(aiter(device.messages)), 10)
            for path, value in values.items():
                await device.publish(f"N/c0ffee/battery/512/{path}", orjson.dumps({"value": value}))
            await until(lambda: bool(intake.taken) and intake.taken[-1].registers_wh is not None, what="the sample")
    read = intake.taken[-1]
    assert asked.payload == b""
    assert (read.battery_id, str(read.soc), read.power_w) == (BATTERY_ID, "0.555000", 1_200)
    assert read.registers_wh == (12_500, 7_250)
