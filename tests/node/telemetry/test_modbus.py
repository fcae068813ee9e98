"""Modbus TCP against a real server (pymodbus): SunSpec is found, register maps are checked, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from node.telemetry.modbus import ModbusSource
from node.telemetry.settings import ModbusBattery, ModbusSettings
from protocol.errors import SettingsWrong
from protocol.retry import RetrySchedule
from simulator.modbus_device import CLOCK, SimulatedDevice
from tests.node.telemetry.samples import BATTERY_ID, NOW, KeepingIntake, clocks, sample
from tests.ports import free_port
from tests.waiting import until

SOON = RetrySchedule(first_delay_s=0.01, max_delay_s=0.02)
MAP = """
name: Shed battery
word_order: little
identify:
  - {address: 0, type: uint16, equals: 4711}
fields:
  - {field: soc_percent, address: 1, type: uint16, scale: 0.1}
  - {field: power_w, address: 2, type: int16, unit: kW, scale: -0.01}
  - {field: energy_in_wh, address: 10, type: uint32, unit: kWh, scale: 0.1}
  - {field: energy_out_wh, address: 12, type: uint32, unit: kWh, scale: 0.1, unknown: 0xFFFFFFFF}
"""


def settings(port: int, *batteries: ModbusBattery) -> ModbusSettings:
    return ModbusSettings("shed", "127.0.0.1", port, every_s=0.02, timeout_s=2.0, batteries=batteries)


@asynccontextmanager
async def reading(wanted: ModbusSettings, intake: KeepingIntake) -> AsyncIterator[ModbusSource]:
    source = ModbusSource(wanted, intake, clocks(), SOON)
    await source.start()
    try:
        yield source
    finally:
        await source.stop()


@asynccontextmanager
async def serving(port: int, *units: SimDevice) -> AsyncIterator[None]:
    server = ModbusTcpServer(list(units), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()


def unit(unit_id: int, registers: list[int], address: int = 0) -> SimDevice:
    return SimDevice(unit_id, [SimData(address, values=registers, datatype=DataType.REGISTERS)])


@pytest.fixture
async def device() -> AsyncIterator[tuple[SimulatedDevice, int]]:
    """A SunSpec gateway with two batteries, and its port."""
    port = free_port()
    simulated = SimulatedDevice(port, {1: BATTERY_ID, 2: "shed-2"})
    await simulated.start()
    yield simulated, port
    await simulated.stop()


async def test_a_sunspec_battery_is_found_and_read_as_it_measured(device: tuple[SimulatedDevice, int]) -> None:
    simulated, port = device
    measured = sample(power_w=-48_000, energy_in_wh=5 * 10**9, energy_out_wh=4 * 10**9)
    simulated.show(measured)
    intake = KeepingIntake()
    battery = ModbusBattery(BATTERY_ID, clock_address=CLOCK)
    async with reading(settings(port, battery), intake) as source:
        await until(lambda: bool(intake.taken), what="a sample")
        await until(lambda: source.standing.is_connected)
    read = intake.taken[0]
    assert (read.battery_id, read.measured_at, read.source) == (BATTERY_ID, NOW, "modbus:shed")
    assert (read.soc, read.power_w) == (Decimal("0.5525"), -48_000)
    assert read.registers_wh == (5 * 10**9, 4 * 10**9)


async def test_what_a_device_does_not_implement_is_unknown_and_no_zero(device: tuple[SimulatedDevice, int]) -> None:
    simulated, port = device
    simulated.show(sample(soc=None))
    intake = KeepingIntake()
    async with reading(settings(port, ModbusBattery(BATTERY_ID), ModbusBattery("shed-2", 2)), intake) as source:
        await until(lambda: bool(intake.taken), what="a sample")
        sentence = source.standing.problems["shed-2"][0]
    assert {(one.battery_id, one.soc, one.power_w) for one in intake.taken} == {(BATTERY_ID, None, 1_500)}
    assert "neither a state of charge nor a power nor a register" in sentence


async def test_two_batteries_share_one_connection(device: tuple[SimulatedDevice, int]) -> None:
    simulated, port = device
    simulated.show(sample())
    simulated.show(sample(battery_id="shed-2", energy_in_wh=1))
    intake = KeepingIntake()
    async with reading(settings(port, ModbusBattery(BATTERY_ID), ModbusBattery("shed-2", 2)), intake):
        await until(lambda: len(intake.taken) >= 2, what="both samples")
    assert {(one.battery_id, one.energy_in_wh) for one in intake.taken} == {(BATTERY_ID, 12_000), ("shed-2", 1)}


async def test_a_register_map_is_read_with_its_word_order_scales_signs_and_unknown_values(tmp_path: Path) -> None:
    file, port, intake = tmp_path / "map.yaml", free_port(), KeepingIntake()
    file.write_text(MAP)
    registers = [4711, 555, 2**16 - 250, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0xFFFF, 0xFFFF]
    async with (
        serving(port, unit(3, registers)),
        reading(settings(port, ModbusBattery(BATTERY_ID, 3, str(file))), intake),
    ):
        await until(lambda: bool(intake.taken), what="a sample")
    read = intake.taken[0]
    assert (read.soc, read.power_w, read.measured_at) == (Decimal("0.555"), 2_500, NOW)
    # 65,537 tenths of a kWh came in; what came out is not known.
    assert (read.energy_in_wh, read.energy_out_wh) == (6_553_700, None)


@pytest.mark.parametrize(
    ("registers", "words"),
    [([815] + [0] * 13, ("register 0", "815", "4711", "another device")), ([4711, 1, 2], ("refuses", "register map"))],
)
async def test_a_map_that_does_not_match_the_device_is_told_and_the_other_battery_is_read(
    tmp_path: Path, registers: list[int], words: tuple[str, ...]
) -> None:
    file, port, intake = tmp_path / "map.yaml", free_port(), KeepingIntake()
    file.write_text(MAP)
    good = unit(2, [4711, *[0] * 13])
    batteries = (ModbusBattery(BATTERY_ID, 1, str(file)), ModbusBattery("shed-2", 2, str(file)))
    async with (
        serving(port, unit(1, registers), good),
        reading(settings(port, *batteries), intake) as source,
    ):
        await until(lambda: bool(intake.taken) and BATTERY_ID in source.standing.problems, what="the problem")
        sentence = source.standing.problems[BATTERY_ID][0]
    assert {one.battery_id for one in intake.taken} == {"shed-2"}
    for word in ("Unit 1 does not match", *words):
        assert word in sentence


async def test_a_device_without_sunspec_is_told_where_it_was_looked_for(tmp_path: Path) -> None:
    port, intake = free_port(), KeepingIntake()
    async with (
        serving(port, unit(1, [0] * 10)),
        reading(settings(port, ModbusBattery(BATTERY_ID)), intake) as source,
    ):
        await until(lambda: BATTERY_ID in source.standing.problems, what="the problem")
        assert "no SunSpec marker at 40000, 0, 50000" in source.standing.problems[BATTERY_ID][0]
    assert intake.taken == []


async def test_a_device_that_goes_away_is_told_and_read_again_when_it_comes_back() -> None:
    port, intake = free_port(), KeepingIntake()
    simulated = SimulatedDevice(port, {1: BATTERY_ID})
    battery = ModbusBattery(BATTERY_ID, clock_address=CLOCK)
    async with reading(settings(port, battery), intake) as source:
        await until(lambda: "" in source.standing.problems, what="the loss")
        assert "can not be reached" in source.standing.problems[""][0]
        await simulated.start()
        simulated.show(sample())
        await until(lambda: bool(intake.taken) and source.standing.is_connected, what="a sample")
        await simulated.stop()
        await until(lambda: not source.standing.is_connected, what="the second loss")
        again = SimulatedDevice(port, {1: BATTERY_ID})
        again.show(sample(NOW + timedelta(minutes=5)))
        await again.start()
        await until(lambda: len(intake.taken) == 2, what="a sample after the loss")
        assert source.standing.problems == {}
        await again.stop()


async def test_samples_that_could_not_be_stored_are_read_again(device: tuple[SimulatedDevice, int]) -> None:
    simulated, port = device
    simulated.show(sample())
    intake = KeepingIntake()
    intake.failures = 2
    async with reading(settings(port, ModbusBattery(BATTERY_ID)), intake):
        await until(lambda: bool(intake.taken), what="a sample")
    assert intake.failures == 0


def test_a_map_file_that_is_not_there_is_one_line_that_names_it(tmp_path: Path) -> None:
    battery = ModbusBattery(BATTERY_ID, map=str(tmp_path / "none.yaml"))
    with pytest.raises(SettingsWrong, match=r"none\.yaml"):
        ModbusSource(settings(1, battery), KeepingIntake(), clocks())
