"""SunSpec over Modbus, without a connection: where models are, and what their points say about a battery.

A device begins with the marker "SunS" at one of `BASES`; then models follow, each with its id, its length and its
points, until the id 0xFFFF. A point is a number × 10 to the power of its scale factor, another point. The values
0x8000 (signed), 0xFFFF and so on (unsigned) mean "not implemented". Sources: SunSpec information model
specification; models 802, 713, 701 and 201-204 (offsets count from the model's id).

What is read of which model, the first that has it:

- state of charge: 713, 802;
- power: 701 (positive is generation, so discharge), a meter 201-204 (positive is import), 802 (DC, as 701);
- registers: a meter of its own unit, where one is named; else 701 (absorbed is in, injected is out), else a meter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from node.telemetry.readings import Field, Values
from node.telemetry.registers import number, width

MARKER = (0x5375, 0x6E53)
BASES = (40_000, 0, 50_000)
END = 0xFFFF
MODELS_MAX = 100
HEADER = 2
_NO_SCALE = 0x8000
_METERS = (201, 202, 203, 204)
_METER_POINTS = {"W": (18, "int16", 22), "TotWhExp": (38, "uint32", 54), "TotWhImp": (46, "uint32", 54)}
_NOT_IMPLEMENTED: Mapping[str, Decimal] = MappingProxyType(
    {
        "int16": Decimal(-(2**15)),
        "uint16": Decimal(2**16 - 1),
        "uint32": Decimal(2**32 - 1),
        "uint64": Decimal(2**64 - 1),
    }
)
POINTS: Mapping[int, Mapping[str, tuple[int, str, int]]] = MappingProxyType(
    {
        701: {"W": (10, "int16", 116), "TotWhInj": (19, "uint64", 120), "TotWhAbs": (23, "uint64", 120)},
        713: {"SoC": (4, "uint16", 8)},
        802: {"SoC": (11, "uint16", 56), "W": (47, "int16", 63)},
        **dict.fromkeys(_METERS, _METER_POINTS),
    }
)
"""Model → point → (offset, type, offset of its scale factor)."""


class NotSunSpec(ValueError):
    """The device has no SunSpec models, or none that tell of a battery; the sentence says what was looked for."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a device has: its id, where its id stands, and how many registers follow the header."""

    model_id: int
    address: int
    length: int

    @property
    def span(self) -> tuple[int, int]:
        """Where it is, header and all, as (address, count)."""
        return self.address, self.length + HEADER


def next_model(address: int, header: Sequence[int]) -> Model | None:
    """The model whose header was read at the address; None at the end."""
    return None if header[0] == END else Model(header[0], address, header[1])


def usable(models: Sequence[Model]) -> tuple[Model, ...]:
    """The models that are read here.

    Raises:
        NotSunSpec: none of them tells a state of charge, a power or a register.
    """
    found = tuple(model for model in models if model.model_id in POINTS)
    if not found:
        known = ", ".join(str(model.model_id) for model in models) or "none"
        raise NotSunSpec(f"it has the SunSpec models {known}, and none of {', '.join(map(str, POINTS))}")
    return found


def points_of(model_id: int, registers: Sequence[int]) -> dict[str, Decimal]:
    """The implemented points of a model, scaled; ``registers`` begin with its id."""
    values = {}
    for name, (offset, kind, scale_offset) in POINTS[model_id].items():
        end = offset + width(kind)
        if max(end - 1, scale_offset) >= len(registers):
            continue
        value, scale = number(registers[offset:end], kind), registers[scale_offset]
        if value is None or value == _NOT_IMPLEMENTED[kind] or scale == _NO_SCALE:
            continue
        values[name] = value.scaleb(scale - 2**16 if scale >= 2**15 else scale)
    return values


def values_of(
    battery: Mapping[int, Mapping[str, Decimal]],
    meter: Mapping[int, Mapping[str, Decimal]],
    *,
    import_is_charging: bool,
) -> Values:
    """What the points of a battery's models and of its own meter (or none) say; unknown ones are missing."""
    registers = _of_meter(meter, import_is_charging) or _of_inverter(battery) or _of_meter(battery, import_is_charging)
    values: dict[Field, Decimal] = dict(registers)
    for model_id in (713, 802):
        if "SoC" in battery.get(model_id, {}):
            values[Field.SOC_PERCENT] = battery[model_id]["SoC"]
            break
    power_w = _power_w(battery, meter, import_is_charging)
    return values if power_w is None else values | {Field.POWER_W: power_w}


def _of_inverter(models: Mapping[int, Mapping[str, Decimal]]) -> dict[Field, Decimal]:
    points = models.get(701, {})
    if "TotWhAbs" not in points or "TotWhInj" not in points:
        return {}
    return {Field.ENERGY_IN_WH: points["TotWhAbs"], Field.ENERGY_OUT_WH: points["TotWhInj"]}


def _of_meter(models: Mapping[int, Mapping[str, Decimal]], import_is_charging: bool) -> dict[Field, Decimal]:
    points = _meter_points(models)
    if "TotWhImp" not in points or "TotWhExp" not in points:
        return {}
    taken, given = points["TotWhImp"], points["TotWhExp"]
    if not import_is_charging:
        taken, given = given, taken
    return {Field.ENERGY_IN_WH: taken, Field.ENERGY_OUT_WH: given}


def _power_w(
    battery: Mapping[int, Mapping[str, Decimal]], meter: Mapping[int, Mapping[str, Decimal]], import_is_charging: bool
) -> Decimal | None:
    if "W" in battery.get(701, {}):
        return -battery[701]["W"]
    for models in (meter, battery):
        points = _meter_points(models)
        if "W" in points:
            return points["W"] if import_is_charging else -points["W"]
    return -battery[802]["W"] if "W" in battery.get(802, {}) else None


def _meter_points(models: Mapping[int, Mapping[str, Decimal]]) -> Mapping[str, Decimal]:
    return next((models[model_id] for model_id in _METERS if model_id in models), {})
