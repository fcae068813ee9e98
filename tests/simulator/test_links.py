"""The ways out of simulated sites: a broker gets each sample, registers show the newest one."""

from __future__ import annotations

from datetime import timedelta

import aiomqtt
import orjson
import pytest
from pymodbus.client import AsyncModbusTcpClient

from node.telemetry.sample_json import read_sample
from simulator.broker import LocalBroker
from simulator.links import UNITS_MAX, LinkDown, ModbusLink, MqttLink, Transport, of_transport, transports
from simulator.modbus_device import CLOCK
from tests.node.telemetry.samples import BATTERY_ID, NOW, sample
from tests.ports import free_port


def test_of_five_batteries_three_speak_https_one_mqtt_and_one_modbus() -> None:
    spoken = transports([str(number) for number in range(25)])
    assert [len(of_transport(spoken, one)) for one in Transport] == [15, 5, 5]
    assert list(spoken.values())[:3] == [Transport.HTTPS, Transport.MQTT, Transport.MODBUS]


def test_no_more_batteries_speak_modbus_than_there_are_unit_ids() -> None:
    assert len(of_transport(transports([str(number) for number in range(5_000)]), Transport.MODBUS)) == UNITS_MAX


async def test_a_broker_gets_every_sample_and_one_that_is_away_gets_them_later() -> None:
    port = free_port()
    link, samples = MqttLink("127.0.0.1", port, [BATTERY_ID]), [sample(), sample(NOW + timedelta(minutes=5))]
    with pytest.raises(LinkDown):
        await link.deliver(samples)
    broker = LocalBroker(port)
    await broker.start()
    async with aiomqtt.Client("127.0.0.1", port, identifier="reader") as reader:
        await reader.subscribe("beckn-battery/+/sample")
        await link.deliver(samples)
        messages = aiter(reader.messages)
        got = [read_sample(orjson.loads(bytes((await anext(messages)).payload))) for _ in samples]
    await link.stop()
    await broker.stop()
    assert got == samples


async def test_registers_show_the_newest_sample_once_every_battery_has_one() -> None:
    port = free_port()
    link = ModbusLink(port, {1: BATTERY_ID, 2: "shed-2"})
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=2, retries=0, reconnect_delay=0)
    await link.deliver([sample()])
    assert not await client.connect()
    await link.deliver([sample(battery_id="shed-2"), sample(NOW + timedelta(minutes=5))])
    assert await client.connect()
    registers = (await client.read_holding_registers(CLOCK, count=2, device_id=1)).registers
    client.close()
    await link.stop()
    assert registers[0] << 16 | registers[1] == int((NOW + timedelta(minutes=5)).timestamp())
