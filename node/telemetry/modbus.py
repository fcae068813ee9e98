"""Modbus TCP in: one connection to a device, kept open, on which everything is read one after the other.

Many devices serve a single master, so there is never a second connection, and never two requests at once. Nothing is
written but set-points, to devices that the settings call writable (`node.telemetry.control`), on the same connection
between two readings. A device that does not answer is told once and tried again with a growing pause; one battery whose
registers are not as its map says does not hold up the others on the same connection.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from energy.metering import Sample
from node.clocks import Clocks
from node.telemetry import sunspec
from node.telemetry.control import CONTROL_MODELS, ControlLost, ControlRefused, writes
from node.telemetry.intake import Intake, Standing
from node.telemetry.readings import Field, Values, sample_of
from node.telemetry.register_maps import MapMismatch, RegisterMap, load_map
from node.telemetry.registers import READ_AT_ONCE, number
from node.telemetry.settings import SUNSPEC, ModbusBattery, ModbusSettings
from node.telemetry.sunspec import Model, NotSunSpec
from protocol.retry import RetrySchedule

logger = logging.getLogger(__name__)

WRITE_PATIENCE = 2
"""A set-point waits for its turn as long as so many requests may take."""
STOP_AGAIN_S = 0.2
RETRY = RetrySchedule(first_delay_s=0.5, max_delay_s=60.0)
_Read = Callable[..., Awaitable[ModbusPDU]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = (2, "uint32")


class DeviceGone(Exception):
    """No answer came: the connection is of no use any more."""


class RegistersRefused(ValueError):
    """The device answered that it has no such registers."""


class ModbusSource:
    """Reads one device between `start` and `stop`.

    Raises:
        SettingsWrong: a register map can not be read.
    """

    def __init__(self, settings: ModbusSettings, intake: Intake, clocks: Clocks, retry: RetrySchedule = RETRY) -> None:
        self._settings = settings
        self._intake = intake
        self._clocks = clocks
        self._retry = retry
        self._source = f"modbus:{settings.name}"[:64]
        self._maps = {one.map: load_map(Path(one.map)) for one in settings.batteries if one.map != SUNSPEC}
        self._models: dict[tuple[int, int | None], tuple[Model, ...]] = {}
        self._controls: dict[tuple[int, int | None], Model] = {}
        self._task: asyncio.Task[None] | None = None
        self._by_id = {one.battery_id: one for one in settings.batteries}
        self._orders: dict[str, _Order] = {}
        self._ordered = asyncio.Event()
        self.writable = tuple(one.battery_id for one in settings.batteries if one.writable)
        self.standing = Standing(settings.name, "modbus", f"{settings.host}:{settings.port}")

    async def start(self) -> None:
        """Begin to connect."""
        # Whether a device can be reached is told here, once; pymodbus would tell it at every attempt.
        logging.getLogger("pymodbus.logging").setLevel(logging.ERROR)
        self._task = asyncio.create_task(self._run())

    async def set_power(self, battery_id: str, power_w: int | None, revert_after_s: int) -> None:
        """Write a set-point between two readings (`node.telemetry.control.Control`)."""
        if battery_id not in self.writable:
            raise ControlRefused(f"{battery_id} is not writable: set writable = true for it, if it may be told")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        known = self._orders.get(battery_id)
        if known is not None and not known.done.done():
            known.done.set_result(None)  # A newer one takes its place.
        self._orders[battery_id] = _Order(power_w, revert_after_s, done)
        self._ordered.set()
        try:
            await asyncio.wait_for(done, self._settings.timeout_s * WRITE_PATIENCE)
        except TimeoutError:
            self._orders.pop(battery_id, None)
            raise ControlLost(f"the device {self._settings.name} can not be reached") from None

    async def stop(self) -> None:
        """Close the connection."""
        # A cancellation can be lost while it connects: pymodbus takes it for a failed attempt. So it is said again.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_AGAIN_S)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._read_while_connected()
            except DeviceGone as error:
                failures = 1 if self.standing.is_connected else failures + 1
                self._note_loss(f"The device can not be reached: {error}.")
            except Exception as error:
                failures = 1 if self.standing.is_connected else failures + 1
                logger.exception("samples of the device %s could not be stored", self._settings.name)
                self._note_loss(f"What was read could not be stored: {type(error).__name__}.")
            await asyncio.sleep(self._retry.delay_s(failures, random.random()))

    def _note_loss(self, sentence: str) -> None:
        if self.standing.is_connected or self.standing.since is None:
            logger.warning("modbus source %s: %s", self._settings.name, sentence)
        self.standing.lost(sentence, self._clocks.wire())

    async def _read_while_connected(self) -> None:
        settings = self._settings
        # Retrying and reconnecting is done here, where it is also told.
        client = AsyncModbusTcpClient(
            settings.host, port=settings.port, timeout=settings.timeout_s, retries=0, reconnect_delay=0
        )
        try:
            if not await client.connect():
                raise DeviceGone("it accepts no connection")
            # What answers now may be another device than before.
            self._models.clear()
            self._controls.clear()
            while True:
                began = asyncio.get_running_loop().time()
                await self._read_all(client)
                while (left_s := began + settings.every_s - asyncio.get_running_loop().time()) > 0:
                    await self._write_orders(client)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._ordered.wait(), left_s)
                await self._write_orders(client)
        finally:
            client.close()

    async def _write_orders(self, client: AsyncModbusTcpClient) -> None:
        """Write the set-points that were ordered."""
        self._ordered.clear()
        while self._orders:
            battery_id, order = self._orders.popitem()
            try:
                await self._write_order(_Reader(client, self._by_id[battery_id].unit_id), battery_id, order)
            except (ControlRefused, NotSunSpec, RegistersRefused) as error:
                order.fail(ControlRefused(str(error)))
            except DeviceGone as error:
                order.fail(ControlLost(str(error)))
                raise
            else:
                if not order.done.done():
                    order.done.set_result(None)

    async def _write_order(self, reader: _Reader, battery_id: str, order: _Order) -> None:
        key = reader.unit_id, self._by_id[battery_id].base_address
        if key not in self._controls:
            self._controls[key] = _control_of(await _discover(reader, key[1]))
        model = self._controls[key]
        registers = await reader.holding(*model.span)
        if registers[0] != model.model_id:
            del self._controls[key]
            raise NotSunSpec(f"the model {model.model_id} is gone from {model.address}")
        for each in writes(model.model_id, model.address, registers, order.power_w, order.revert_after_s):
            await reader.write(each.address, each.values)

    async def _read_all(self, client: AsyncModbusTcpClient) -> None:
        """Every battery once."""
        samples: list[Sample] = []
        for battery in self._settings.batteries:
            try:
                samples.append(await self._sample(client, battery))
            except (MapMismatch, NotSunSpec, RegistersRefused) as error:
                self._wrong(battery, f"{error}: check its unit id and its register map")
            else:
                self.standing.right(battery.battery_id)
        self.standing.connected(self._clocks.wire())
        if not samples:
            return
        receipt = await self._intake.take(samples)
        self.standing.delivered(self._clocks.wire())
        for one in receipt.rejected:
            self.standing.wrong(samples[one.index].battery_id, one.sentence, self._clocks.wire())

    def _wrong(self, battery: ModbusBattery, sentence: str) -> None:
        if battery.battery_id not in self.standing.problems:
            logger.warning("modbus source %s, %s: %s", self._settings.name, battery.battery_id, sentence)
        where = f"Unit {battery.unit_id} does not match {battery.map}: {sentence}."
        self.standing.wrong(battery.battery_id, where, self._clocks.wire())

    async def _sample(self, client: AsyncModbusTcpClient, battery: ModbusBattery) -> Sample:
        reader = _Reader(client, battery.unit_id)
        if battery.map == SUNSPEC:
            values = dict(await self._sunspec_values(client, battery))
        else:
            values = dict(await _mapped_values(reader, self._maps[battery.map]))
        if not values:
            raise RegistersRefused("the device tells neither a state of charge nor a power nor a register")
        if battery.clock_address is not None:
            seconds = number(await reader.holding(battery.clock_address, _CLOCK[0]), _CLOCK[1])
            values[Field.MEASURED_AT] = _EPOCH + timedelta(seconds=int(seconds or 0))
        return sample_of(battery.battery_id, values, self._clocks.trade(), self._source)

    async def _sunspec_values(self, client: AsyncModbusTcpClient, battery: ModbusBattery) -> Values:
        points = await self._points(_Reader(client, battery.unit_id), battery.base_address)
        of_meter: dict[int, dict[str, Decimal]] = {}
        if battery.meter_unit_id is not None:
            of_meter = await self._points(_Reader(client, battery.meter_unit_id), None)
        return sunspec.values_of(points, of_meter, import_is_charging=battery.meter_import_is_charging)

    async def _points(self, reader: _Reader, base: int | None) -> dict[int, dict[str, Decimal]]:
        key = reader.unit_id, base
        if key not in self._models:
            self._models[key] = sunspec.usable(await _discover(reader, base))
        found = {}
        for model in self._models[key]:
            registers = await reader.holding(*model.span)
            if registers[0] != model.model_id:
                del self._models[key]
                raise NotSunSpec(f"the model {model.model_id} is gone from {model.address}")
            found[model.model_id] = sunspec.points_of(model.model_id, registers)
        return found


@dataclass(slots=True)
class _Order:
    """A set-point that waits for its turn on the connection."""

    power_w: int | None
    revert_after_s: int
    done: asyncio.Future[None]

    def fail(self, error: Exception) -> None:
        """It could not be written; who gave it is told, if they still wait."""
        if not self.done.done():
            self.done.set_exception(error)


def _control_of(models: list[Model]) -> Model:
    """The model by which a device is told what to do.

    Raises:
        NotSunSpec: it has none.
    """
    by_id = {model.model_id: model for model in models}
    for model_id in CONTROL_MODELS:
        if model_id in by_id:
            return by_id[model_id]
    wanted = " nor ".join(map(str, CONTROL_MODELS))
    raise NotSunSpec(f"it has neither the SunSpec model {wanted}, so it can not be told what to do")


async def _discover(reader: _Reader, base: int | None) -> list[Model]:
    """The models of a device, wherever they begin."""
    bases = sunspec.BASES if base is None else (base,)
    for start in bases:
        if await reader.has(start, sunspec.MARKER):
            return await _models_from(reader, start + len(sunspec.MARKER))
    raise NotSunSpec(f"there is no SunSpec marker at {', '.join(map(str, bases))}")


async def _models_from(reader: _Reader, address: int) -> list[Model]:
    models: list[Model] = []
    while len(models) < sunspec.MODELS_MAX:
        model = sunspec.next_model(address, await reader.holding(address, sunspec.HEADER))
        if model is None:
            return models
        models.append(model)
        address += sunspec.HEADER + model.length
    raise NotSunSpec(f"its SunSpec models do not end after {sunspec.MODELS_MAX}")


async def _mapped_values(reader: _Reader, register_map: RegisterMap) -> Values:
    held: dict[int, int] = {}
    for address, count in register_map.reads:
        read = reader.input if register_map.is_input else reader.holding
        held |= dict(enumerate(await read(address, count), start=address))
    return register_map.values(held)


class _Reader:
    """Reads the registers of one unit; raises `DeviceGone` and `RegistersRefused`."""

    def __init__(self, client: AsyncModbusTcpClient, unit_id: int) -> None:
        self._client = client
        self.unit_id = unit_id

    async def holding(self, address: int, count: int) -> list[int]:
        """Holding registers, in as many reads as it takes."""
        return await self._read(self._client.read_holding_registers, address, count)

    async def input(self, address: int, count: int) -> list[int]:
        """Input registers."""
        return await self._read(self._client.read_input_registers, address, count)

    async def write(self, address: int, values: Sequence[int]) -> None:
        """Write holding registers in one request."""
        try:
            answer = await self._client.write_registers(address, list(values), device_id=self.unit_id)
        except ModbusException as error:
            raise DeviceGone(str(error)) from None
        if isinstance(answer, ExceptionResponse):
            raise RegistersRefused(
                f"the device refuses to have {len(values)} registers from {address} written "
                f"(exception {answer.exception_code})"
            )

    async def has(self, address: int, expected: tuple[int, ...]) -> bool:
        """Whether these registers are there."""
        try:
            return tuple(await self.holding(address, len(expected))) == expected
        except RegistersRefused:
            return False

    async def _read(self, read: _Read, address: int, count: int) -> list[int]:
        registers: list[int] = []
        while len(registers) < count:
            start, wanted = address + len(registers), min(READ_AT_ONCE, count - len(registers))
            try:
                answer = await read(start, count=wanted, device_id=self.unit_id)
            except ModbusException as error:
                raise DeviceGone(str(error)) from None
            if isinstance(answer, ExceptionResponse):
                raise RegistersRefused(
                    f"the device refuses {wanted} registers from {start} (exception {answer.exception_code})"
                )
            if len(answer.registers) != wanted:
                raise RegistersRefused(f"the device gave {len(answer.registers)} registers from {start}, not {wanted}")
            registers += answer.registers
        return registers
