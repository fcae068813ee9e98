"""Batteries on Modbus TCP, as SunSpec wants it: model 1 (common), 701 (AC), 713 (storage), and a clock.

One server stands for a gateway with a few batteries behind it, each with a unit id. What a battery last measured is in
its registers: registers of energy count Wh, power is positive while discharging (701), and the clock is the moment of
the measurement in seconds since 1970, so that a reader knows how old it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from energy.metering import Sample

HOST = "127.0.0.1"
BASE = 40_000
CLOCK = 39_998
_COMMON, _AC, _STORAGE = (1, 66), (701, 153), (713, 7)
_END = (0xFFFF, 0)
_NOT_IMPLEMENTED = 0x8000
_PERCENT_SCALE = 2
_POWER_STEPS = (0, 1, 2, 3, 4)


class SimulatedDevice:
    """A gateway with batteries by unit id; `show` puts a sample into a battery's registers."""

    def __init__(self, port: int, batteries: Mapping[int, str]) -> None:
        self._port = port
        self._units = {battery_id: unit_id for unit_id, battery_id in batteries.items()}
        self._shown: dict[int, list[int]] = {unit_id: _registers(None) for unit_id in batteries}
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listen."""
        devices = [self._device(unit_id) for unit_id in self._shown]
        self._server = ModbusTcpServer(devices, address=(HOST, self._port))
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        """End every connection."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]

    def show(self, sample: Sample) -> None:
        """What the battery measured is in its registers from now on."""
        self._shown[self._units[sample.battery_id]] = _registers(sample)

    def _device(self, unit_id: int) -> SimDevice:
        held = SimData(CLOCK, values=list(self._shown[unit_id]), datatype=DataType.REGISTERS)
        return SimDevice(unit_id, [held], action=partial(self._read, unit_id))

    async def _read(
        self,
        unit_id: int,
        _function: int,
        start: int,
        _address: int,
        _count: int,
        registers: list[int],
        _values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        shown = self._shown[unit_id]
        registers[CLOCK - start : CLOCK - start + len(shown)] = shown
        return None


def _registers(sample: Sample | None) -> list[int]:
    """Everything from `CLOCK` to the end of the models; before the first sample all of it is "not implemented"."""
    clock = 0 if sample is None else int(sample.measured_at.timestamp())
    blocks = [*_split(clock, 2), 0x5375, 0x6E53]
    blocks += [*_COMMON, *[0] * _COMMON[1]]
    blocks += [*_AC, *_ac(sample)]
    blocks += [*_STORAGE, *_storage(sample)]
    return [*blocks, *_END]


def _ac(sample: Sample | None) -> list[int]:
    points = [_NOT_IMPLEMENTED] * _AC[1]
    if sample is None or sample.registers_wh is None:
        return points
    power_w = -(sample.power_w or 0)
    # Sixteen bits hold 32 kW; a larger power is told in tens, hundreds and so on.
    step = next(step for step in _POWER_STEPS if abs(power_w) < 2**15 * 10**step - 10**step)
    points[8] = round(power_w / 10**step) & 0xFFFF
    points[114] = step
    energy_in_wh, energy_out_wh = sample.registers_wh
    points[17:21], points[21:25] = _split(energy_out_wh, 4), _split(energy_in_wh, 4)
    points[118] = 0
    return points


def _storage(sample: Sample | None) -> list[int]:
    points = [0xFFFF] * (_STORAGE[1] - 2) + [0, 2**16 - _PERCENT_SCALE]
    if sample is not None and sample.soc is not None:
        points[2] = int(sample.soc.scaleb(2 + _PERCENT_SCALE))
    return points


def _split(value: int, count: int) -> list[int]:
    """A whole number in registers, high word first."""
    return [value >> 16 * place & 0xFFFF for place in reversed(range(count))]
