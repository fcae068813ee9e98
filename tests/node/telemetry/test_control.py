"""Set-points by SunSpec: the registers that are written, and a real Modbus server that holds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from node.telemetry.control import ControlLost, ControlRefused, Write, writes
from node.telemetry.modbus import ModbusSource
from node.telemetry.registers import number
from node.telemetry.settings import ModbusBattery, ModbusSettings
from protocol.errors import SettingsWrong
from protocol.retry import RetrySchedule
from tests.node.telemetry.samples import BATTERY_ID, KeepingIntake, clocks
from tests.ports import free_port
from tests.waiting import until

BASE = 40_000
MINUS_ONE = 0xFFFF
SOON = RetrySchedule(first_delay_s=0.01, max_delay_s=0.02)


def model_704(scale: int = 1) -> list[int]:
    registers = [704, 57, *[0] * 57]
    registers[55] = scale & 0xFFFF
    return registers


def model_124(greatest_w: int = 20_000) -> list[int]:
    registers = [124, 24, *[0] * 24]
    registers[2], registers[18], registers[25] = greatest_w // 10, 1, -2 & 0xFFFF
    return registers


def written(registers: list[int], made: list[Write]) -> list[int]:
    """The model's registers after the writes, its address being 0."""
    after = list(registers)
    for one in made:
        after[one.address : one.address + len(one.values)] = one.values
    return after


@given(st.integers(-(10**9), 10**9), st.integers(1, 86_400), st.integers(-2, 3))
def test_704_holds_the_power_with_its_reversion_time_and_is_enabled_last(
    power_w: int, revert_after_s: int, scale: int
) -> None:
    if abs(power_w) >= 2**31 * Decimal(10) ** scale:
        with pytest.raises(ControlRefused, match="do not fit"):
            writes(704, 0, model_704(scale), power_w, revert_after_s)
        return
    made = writes(704, 0, model_704(scale), power_w, revert_after_s)
    after = written(model_704(scale), made)
    told = number(after[24:26], "int32")
    assert told is not None
    # Positive is generation, so discharge.
    assert abs(-told.scaleb(scale) - power_w) <= Decimal("0.5").scaleb(scale)
    assert number(after[31:33], "uint32") == revert_after_s
    assert (after[22], after[23], after[30]) == (1, 1, 0)
    assert made[-1] == Write(22, (1,))


@pytest.mark.parametrize(
    ("power_w", "out_rate", "in_rate"), [(5_000, -2_500, 2_500), (-20_000, 10_000, -10_000), (0, 0, 0)]
)
def test_124_holds_the_power_between_two_equal_limits(power_w: int, out_rate: int, in_rate: int) -> None:
    made = writes(124, 0, model_124(), power_w, 300)
    after = written(model_124(), made)
    assert [number(after[place : place + 1], "int16") for place in (12, 13)] == [out_rate, in_rate]
    assert (after[15], after[5]) == (300, 0b11)
    assert made[-1] == Write(5, (0b11,))


def test_releasing_switches_the_set_point_off() -> None:
    assert writes(704, 100, model_704(), None, 0) == [Write(122, (0,))]
    assert writes(124, 100, model_124(), None, 0) == [Write(105, (0,))]


def test_a_power_beyond_what_the_device_can_is_refused_before_anything_is_written() -> None:
    with pytest.raises(ControlRefused, match="more than the device's WChaMax"):
        writes(124, 0, model_124(), 20_001, 300)
    with pytest.raises(ControlRefused, match="does not tell WChaMax"):
        writes(124, 0, model_124(0), 1, 300)
    without_scale = model_704()
    without_scale[55] = 0x8000
    with pytest.raises(ControlRefused, match="does not tell WSet_SF"):
        writes(704, 0, without_scale, 1, 300)


# -- against a real server ----------------------------------------------------------------------------------------


class Device:
    """A SunSpec device with a state of charge (713) and controls; ``registers`` are what it holds from `BASE` on."""

    def __init__(self, *models: list[int]) -> None:
        storage = [713, 7, 0, 0, 5_000, 0, 0, 0, -2 & 0xFFFF]
        self.offset = 2 + len(storage)
        self._registers = [0x5375, 0x6E53, *storage, *(word for model in models for word in model), 0xFFFF, 0]
        self.held: dict[int, int] = {}
        self.port = free_port()
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        held = SimData(BASE, values=list(self._registers), datatype=DataType.REGISTERS)
        device = SimDevice(1, [held], action=self._note)
        self._server = ModbusTcpServer([device], address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]

    async def _note(
        self, function: int, _start: int, address: int, count: int, _registers: list[int], values: object
    ) -> None:
        if function in {6, 16} and isinstance(values, list):
            self.held |= {address - BASE - self.offset + place: value for place, value in enumerate(values[:count])}


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    made = Device(model_704())
    await made.start()
    yield made
    await made.stop()


def source_of(port: int, *, writable: bool = True) -> ModbusSource:
    battery = ModbusBattery(BATTERY_ID, 1, writable=writable)
    settings = ModbusSettings("shed", "127.0.0.1", port, every_s=0.05, timeout_s=1.0, batteries=(battery,))
    return ModbusSource(settings, KeepingIntake(), clocks(), SOON)


async def test_a_set_point_is_written_to_the_device_beside_the_reading(device: Device) -> None:
    source = source_of(device.port)
    await source.start()
    try:
        await source.set_power(BATTERY_ID, -5_000, 300)
        assert device.held == {22: 1, 23: 1, 24: 0, 25: 500, 30: 0, 31: 0, 32: 300}
        await source.set_power(BATTERY_ID, None, 0)
        assert device.held[22] == 0
        await until(lambda: source.standing.last_sample_at is not None, what="a sample")
    finally:
        await source.stop()


async def test_what_is_not_called_writable_is_never_written_to(device: Device) -> None:
    source = source_of(device.port, writable=False)
    await source.start()
    try:
        with pytest.raises(ControlRefused, match="not writable"):
            await source.set_power(BATTERY_ID, 1, 300)
    finally:
        await source.stop()
    assert (device.held, source.writable) == ({}, ())


async def test_a_device_without_controls_says_so() -> None:
    device = Device()
    await device.start()
    source = source_of(device.port)
    await source.start()
    try:
        with pytest.raises(ControlRefused, match="neither the SunSpec model 704 nor 124"):
            await source.set_power(BATTERY_ID, 1, 300)
    finally:
        await source.stop()
        await device.stop()


async def test_a_device_that_is_away_is_lost_and_not_waited_for_for_ever() -> None:
    source = source_of(free_port())
    await source.start()
    try:
        with pytest.raises(ControlLost, match="can not be reached"):
            await asyncio.wait_for(source.set_power(BATTERY_ID, 1, 300), 5)
    finally:
        await source.stop()


def test_only_a_sunspec_device_can_be_writable() -> None:
    battery = ModbusBattery(BATTERY_ID, 1, map="shed.yaml", writable=True)
    with pytest.raises(SettingsWrong, match="takes the map sunspec"):
        ModbusSettings("shed", "127.0.0.1", batteries=(battery,))
