"""All the sources that one process reads, started and stopped together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from node.clocks import Clocks
from node.telemetry.control import Control
from node.telemetry.intake import Intake, Standing
from node.telemetry.settings import ModbusSettings, MqttSettings


class Source(Protocol):
    """Reads something between `start` and `stop`, and hands its samples to an intake."""

    standing: Standing

    async def start(self) -> None:
        """Begin to read."""

    async def stop(self) -> None:
        """Read no more."""


class Sources:
    """Brokers and Modbus devices.

    Raises:
        SettingsWrong: a file that the settings name can not be used.
    """

    def __init__(
        self, mqtt: Sequence[MqttSettings], modbus: Sequence[ModbusSettings], intake: Intake, clocks: Clocks
    ) -> None:
        self._sources: list[Source] = []
        self.controls: dict[str, Control] = {}
        """What the batteries can be told through that may be written to."""
        # Whoever reads neither need not load them.
        if mqtt:
            from node.telemetry.mqtt import MqttSource

            self._sources += [MqttSource(one, intake, clocks) for one in mqtt]
        if modbus:
            from node.telemetry.modbus import ModbusSource

            for one in modbus:
                source = ModbusSource(one, intake, clocks)
                self._sources.append(source)
                self.controls |= dict.fromkeys(source.writable, source)

    @property
    def standings(self) -> list[Standing]:
        """How each of them is doing."""
        return [source.standing for source in self._sources]

    async def start(self) -> None:
        """Begin to read all of them; one that can not be reached does not hold up the others."""
        for source in self._sources:
            await source.start()

    async def stop(self) -> None:
        """Read no more."""
        for source in reversed(self._sources):
            await source.stop()
