"""How a simulated battery's samples leave its site: most by HTTPS, some over a broker, some wait in registers.

A link has batteries of its own. What it could not deliver it raises as `LinkDown`, and is handed over again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Protocol

import aiomqtt
import orjson

from energy.metering import Sample
from node.telemetry.sample_json import write_sample
from simulator.modbus_device import SimulatedDevice

TOPIC = "beckn-battery/{battery_id}/sample"
UNITS_MAX = 247
PUBLISH_WITHIN_S = 5.0
_QOS = 1
_TURNS = 5


class Transport(StrEnum):
    """The protocol that a simulated battery speaks."""

    HTTPS = "https"
    MQTT = "mqtt"
    MODBUS = "modbus"


class LinkDown(Exception):
    """Nothing gets through at the moment."""


class Link(Protocol):
    """The way out of some batteries' sites."""

    battery_ids: frozenset[str]

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """Let these samples out, in order.

        Raises:
            LinkDown: not all of them left; hand them over again.
        """

    async def stop(self) -> None:
        """Close it."""


def transports(battery_ids: Sequence[str]) -> dict[str, Transport]:
    """Who speaks what: of five batteries in turn one speaks MQTT and one Modbus, as far as there are unit ids."""
    turns = {1: Transport.MQTT, 2: Transport.MODBUS}
    spoken = {one: turns.get(index % _TURNS, Transport.HTTPS) for index, one in enumerate(battery_ids)}
    for battery_id in of_transport(spoken, Transport.MODBUS)[UNITS_MAX:]:
        spoken[battery_id] = Transport.HTTPS
    return spoken


def of_transport(spoken: Mapping[str, Transport], wanted: Transport) -> list[str]:
    """The batteries that speak it, in order."""
    return [battery_id for battery_id, transport in spoken.items() if transport is wanted]


class MqttLink:
    """Publishes to a broker with QoS 1: a sample has left when the broker has it."""

    def __init__(self, host: str, port: int, battery_ids: Sequence[str]) -> None:
        self.battery_ids = frozenset(battery_ids)
        self._host = host
        self._port = port
        self._client: aiomqtt.Client | None = None
        self._connection = AsyncExitStack()

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """See `Link`."""
        try:
            client = await self._connected()
            for sample in samples:
                topic = TOPIC.format(battery_id=sample.battery_id)
                await client.publish(topic, orjson.dumps(write_sample(sample)), qos=_QOS, timeout=PUBLISH_WITHIN_S)
        except aiomqtt.MqttError as error:
            await self.stop()
            raise LinkDown(f"{self._host}:{self._port}: {error}") from None

    async def stop(self) -> None:
        """See `Link`."""
        self._client = None
        connection, self._connection = self._connection, AsyncExitStack()
        # A broker that is gone can not be told goodbye.
        await asyncio.gather(connection.aclose(), return_exceptions=True)

    async def _connected(self) -> aiomqtt.Client:
        if self._client is None:
            client = aiomqtt.Client(self._host, self._port, identifier="simulated-fleet", timeout=PUBLISH_WITHIN_S)
            self._client = await self._connection.enter_async_context(client)
        return self._client


class ModbusLink:
    """Shows each battery's newest sample in the registers of a gateway, for whoever reads them.

    It listens once every battery has something to show.
    """

    def __init__(self, port: int, units: Mapping[int, str]) -> None:
        self.battery_ids = frozenset(units.values())
        self._device = SimulatedDevice(port, units)
        self._silent = set(self.battery_ids)
        self._is_open = False

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """See `Link`."""
        for sample in samples:
            self._device.show(sample)
            self._silent.discard(sample.battery_id)
        if not self._is_open and not self._silent:
            try:
                await self._device.start()
            except (OSError, RuntimeError) as error:
                raise LinkDown(f"{error}") from None
            self._is_open = True

    async def stop(self) -> None:
        """See `Link`."""
        if self._is_open:
            self._is_open = False
            await self._device.stop()
