"""Interval JSON of OpenADR and Beckn's time series: an interval is a sample of its end."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from energy.metering import Sample
from energy.offers import Quality
from node.telemetry.interval_json import is_interval_json, read_intervals
from tests.node.telemetry.samples import NOW

PERIOD = {"start": "2026-11-20T10:00:00Z", "duration": "PT5M"}
PAYLOADS = [
    {"type": "STORAGE_CHARGE_LEVEL", "values": [55.25]},
    {"type": "DEMAND", "values": [1.5]},
    {"type": "ENERGY_IN_REGISTER", "values": [12.5]},
    {"type": "ENERGY_OUT_REGISTER", "values": [7]},
]


def report(*intervals: Any, **more: Any) -> dict[str, Any]:
    resource = {"resourceName": "shed-1", "intervalPeriod": PERIOD, "intervals": list(intervals)}
    return {"reportName": "telemetry", "resources": [resource], **more}


def one(content: dict[str, Any]) -> Sample:
    series = read_intervals(content)
    assert series.rejected == ()
    (sample,) = series.samples
    return sample


def test_an_interval_is_a_sample_of_its_end() -> None:
    sample = one(report({"id": 0, "payloads": PAYLOADS}))
    assert (sample.battery_id, sample.measured_at) == ("shed-1", NOW + timedelta(minutes=5))
    assert (sample.soc, sample.power_w) == (Decimal("0.5525"), 1_500)
    assert (sample.registers_wh, sample.quality) == ((12_500, 7_000), Quality.FRESH)


def test_intervals_count_periods_and_a_period_of_its_own_comes_first() -> None:
    own = {"start": "2026-11-20T12:00:00Z"}
    series = read_intervals(report({"id": 2, "payloads": PAYLOADS}, {"intervalPeriod": own, "payloads": PAYLOADS}))
    times = [sample.measured_at for sample in series.samples]
    assert times == [NOW + timedelta(minutes=15), NOW + timedelta(hours=2)]
    assert series.places == (0, 1)


def test_units_and_the_way_of_reading_come_from_the_descriptors() -> None:
    descriptors = [
        {"payloadType": "DEMAND", "units": "W", "readingType": "ESTIMATED"},
        {"payloadType": "ENERGY_IN_REGISTER", "units": "WH"},
    ]
    sample = one(report({"id": 0, "payloads": PAYLOADS[1:3]}, payloadDescriptors=descriptors))
    assert (sample.power_w, sample.energy_in_wh, sample.quality) == (2, 13, Quality.SUSPECT)


def test_a_series_of_one_battery_needs_no_resources_around_it() -> None:
    content = {"resourceName": "shed-1", "intervalPeriod": PERIOD, "intervals": [{"id": 0, "payloads": PAYLOADS}]}
    assert is_interval_json(content)
    assert one(content).battery_id == "shed-1"


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        ({"id": 0}, "payloads"),
        ("interval", "resourceName"),
        ({"id": 0, "payloads": [{"type": "USAGE", "values": [1]}]}, "ENERGY_IN_REGISTER instead"),
        ({"id": 0, "payloads": [{"type": "PRICE", "values": [1]}]}, "one of the types"),
        ({"id": 0, "payloads": [{"type": "DEMAND", "values": [1, 2]}]}, "one value"),
        ({"id": 0, "payloads": [{"type": "DEMAND", "values": ["much"]}]}, "no number"),
        ({"payloads": PAYLOADS}, "intervalPeriod"),
        ({"intervalPeriod": {"start": "soon"}, "payloads": PAYLOADS}, "PT5M"),
    ],
)
def test_an_interval_that_is_no_sample_is_told_by_its_place(interval: Any, word: str) -> None:
    series = read_intervals(report({"id": 0, "payloads": PAYLOADS}, interval))
    assert len(series.samples) == 1
    assert [rejection.index for rejection in series.rejected] == [1]
    assert word in series.rejected[0].sentence


def test_a_unit_of_something_else_is_told() -> None:
    series = read_intervals(
        report(
            {"id": 0, "payloads": PAYLOADS[:1]},
            payloadDescriptors=[{"payloadType": "STORAGE_CHARGE_LEVEL", "units": "KWH"}],
        )
    )
    assert "STORAGE_CHARGE_LEVEL in KWH" in series.rejected[0].sentence
