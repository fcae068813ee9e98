"""SunSpec's points stand where its own model files say, and become what a battery does."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from node.telemetry.readings import Field
from node.telemetry.sunspec import POINTS, Model, NotSunSpec, next_model, points_of, usable, values_of

sunspec2 = pytest.importorskip("sunspec2", reason="pysunspec2 has SunSpec's model files")
MODELS = Path(sunspec2.__file__).parent / "models" / "json"


@pytest.mark.parametrize("model_id", sorted(POINTS))
def test_points_and_their_scale_factors_stand_where_the_model_file_says(model_id: int) -> None:
    points = json.loads((MODELS / f"model_{model_id}.json").read_text())["group"]["points"]
    offsets, offset = {}, 0
    for point in points:
        offsets[point["name"]] = offset
        offset += point["size"]
    by_name: dict[str, dict[str, Any]] = {point["name"]: point for point in points}
    for name, (at, kind, scale_at) in POINTS[model_id].items():
        point = by_name[name]
        assert (at, scale_at) == (offsets[name], offsets[point["sf"]])
        assert kind == point["type"].replace("acc32", "uint32")


def model_of(model_id: int, length: int, **points: int) -> list[int]:
    """The registers of a model with these points, every scale factor zero unless it is named."""
    registers = [0] * (length + 2)
    registers[:2] = [model_id, length]
    for name, value in points.items():
        point, _, of = name.partition("__")
        offset, kind, scale_at = POINTS[model_id][point]
        if of == "scale":
            registers[scale_at] = value & 0xFFFF
            continue
        count = {"int16": 1, "uint16": 1, "uint32": 2, "uint64": 4}[kind]
        registers[offset : offset + count] = [value >> 16 * place & 0xFFFF for place in reversed(range(count))]
    return registers


def test_a_point_is_scaled_by_its_factor_and_signed() -> None:
    registers = model_of(701, 153, W=-1_234, W__scale=1, TotWhInj=5, TotWhAbs=2**40, TotWhAbs__scale=-1)
    points = points_of(701, registers)
    assert points == {"W": Decimal(-12_340), "TotWhInj": Decimal("0.5"), "TotWhAbs": Decimal(2**40) / 10}


@pytest.mark.parametrize(
    "changes", [{"SoC": 0xFFFF}, {"SoC": 55, "SoC__scale": 0x8000}], ids=["the value", "the scale factor"]
)
def test_what_is_not_implemented_is_missing(changes: dict[str, int]) -> None:
    assert points_of(713, model_of(713, 7, **changes)) == {}


def test_a_model_that_is_shorter_than_it_should_be_has_the_points_that_are_there() -> None:
    assert points_of(802, model_of(802, 62, SoC=50)[:20]) == {}


def test_generation_is_discharge_and_what_was_injected_came_out() -> None:
    battery = {
        701: {"W": Decimal(500), "TotWhInj": Decimal(7), "TotWhAbs": Decimal(12)},
        713: {"SoC": Decimal(55)},
        802: {"SoC": Decimal(1), "W": Decimal(1)},
    }
    assert values_of(battery, {}, import_is_charging=True) == {
        Field.POWER_W: -500,
        Field.ENERGY_IN_WH: 12,
        Field.ENERGY_OUT_WH: 7,
        Field.SOC_PERCENT: 55,
    }


@pytest.mark.parametrize(("import_is_charging", "registers"), [(True, (12, 7)), (False, (7, 12))])
def test_a_meter_of_its_own_counts_before_the_inverter(import_is_charging: bool, registers: tuple[int, int]) -> None:
    battery = {701: {"TotWhInj": Decimal(1), "TotWhAbs": Decimal(1)}, 802: {"SoC": Decimal(55)}}
    meter = {203: {"TotWhImp": Decimal(12), "TotWhExp": Decimal(7), "W": Decimal(300)}}
    values = values_of(battery, meter, import_is_charging=import_is_charging)
    assert (values[Field.ENERGY_IN_WH], values[Field.ENERGY_OUT_WH]) == registers
    assert values[Field.POWER_W] == (300 if import_is_charging else -300)
    assert values[Field.SOC_PERCENT] == 55


def test_models_are_followed_to_their_end_and_others_than_ours_are_passed_over() -> None:
    assert next_model(40_002, [1, 66]) == Model(1, 40_002, 66)
    assert next_model(40_070, [0xFFFF, 0]) is None
    assert usable([Model(1, 2, 66), Model(802, 70, 62)]) == (Model(802, 70, 62),)
    with pytest.raises(NotSunSpec, match="models 1, 120, and none of 701"):
        usable([Model(1, 2, 66), Model(120, 70, 26)])
