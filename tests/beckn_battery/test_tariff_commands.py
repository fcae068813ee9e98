from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from beckn_battery.cli import main
from bpp.fleet_json import write_tariff
from energy.calendars import When
from energy.tariffs import Discount, OccupancyStep, Rate, RateUnit, Tariff
from tests.energy.examples import TARIFF

WINDOWS = [
    *("--charge", "2026-11-01T00:00:00Z", "2026-11-01T04:00:00Z"),
    *("--giveback", "2026-11-05T20:00:00Z", "2026-11-06T00:00:00Z"),
]


def check(tmp_path: Path, tariff: Tariff | str, *options: str) -> Result:
    file = tmp_path / "tariff.json"
    file.write_text(tariff if isinstance(tariff, str) else json.dumps(write_tariff(tariff)))
    return CliRunner().invoke(main, ["tariff", "check", str(file), *options])


def test_the_worked_use_of_300_kwh_over_five_days_costs_5610_90_line_by_line(tmp_path: Path) -> None:
    result = check(tmp_path, TARIFF, *WINDOWS, "--energy-kwh", "300")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "line                       quantity  unit       rate  amount (INR)",
        "STORAGE_CAPACITY_CHARGE          50  kWh-month    90       4500.00",
        "STORAGE_THROUGHPUT_CHARGE       300  kWh        0.85        255.00",
        "CGST                           4755  %             9        427.95",
        "SGST                           4755  %             9        427.95",
        "total                                                      5610.90",
    ]


def test_every_term_of_a_tariff_shows_as_a_line_of_its_own(tmp_path: Path) -> None:
    peak = Rate(RateUnit.KWH_STORED, Decimal(1), When(from_minute=120, until_minute=180))
    tariff = replace(
        TARIFF,
        rates=(*TARIFF.rates, peak),
        discounts=(Discount("long", Decimal(10), min_days=5),),
        occupancy=(OccupancyStep(50, Decimal(20)),),
        minimum=Decimal(6000),
    )
    result = check(tmp_path, tariff, *WINDOWS, "--energy-kwh", "300", "--occupancy-percent", "60", "--json")
    lines = [(line["line"], line["quantity"], line["amount"]) for line in json.loads(result.output)["lines"]]
    # 4 500 + 255 + a quarter of 300 kWh × 1 = 4 830; 20 % more, 10 % less, and up to the minimum.
    assert lines[2:6] == [
        ("STORAGE_THROUGHPUT_CHARGE", "75", "75.00"),
        ("OCCUPANCY_ADJUSTMENT", "4830", "966.00"),
        ("DISCOUNT", "5796", "-579.60"),
        ("MINIMUM_CHARGE", "", "783.60"),
    ]
    assert json.loads(result.output)["total"] == "7080.00"


@pytest.mark.parametrize(
    ("tariff", "options", "sentence"),
    [
        ("{", WINDOWS, "is no JSON file"),
        ('{"tariff_id": "x"}', WINDOWS, "/currency: Write a text"),
        ("{}", WINDOWS, "is no tariff"),
        (None, [*WINDOWS, "--energy-kwh", "much"], "is not a decimal number"),
        (None, [*WINDOWS, "--energy-kwh", "0"], "store some energy"),
        (None, [*WINDOWS, "--efficiency-percent", "101"], "at most 100 percent"),
        (None, [*WINDOWS[:1], "soon", *WINDOWS[2:]], "'soon' is no time"),
        (None, [*WINDOWS[3:], *WINDOWS[:1], WINDOWS[5], WINDOWS[4]], "runs backwards"),
    ],
)
def test_what_can_not_be_checked_is_one_clear_line(
    tmp_path: Path, tariff: str | None, options: list[str], sentence: str
) -> None:
    result = check(tmp_path, TARIFF if tariff is None else tariff, *options)
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.splitlines()) == 1
