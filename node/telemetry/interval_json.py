"""Interval JSON, as OpenADR 3 reports and Beckn's time series write it, read as samples.

A resource has intervals, an interval has a period and payloads, a payload has a type and values (OpenADR 3.1, the
objects report and interval). What is read of it:

    {"resources": [{"resourceName": "blr-batt-001",
                    "intervalPeriod": {"start": "2026-11-20T10:00:00Z", "duration": "PT5M"},
                    "intervals": [{"id": 0, "payloads": [{"type": "STORAGE_CHARGE_LEVEL", "values": [55.2]}]}]}],
     "payloadDescriptors": [{"payloadType": "DEMAND", "units": "KW"}]}

- ``resourceName`` is the battery. A series of one resource may stand without ``resources`` around it.
- An interval makes one sample, of its end: that is when registers and states of charge were read. Without a period of
  its own it is the ``id``-th period after the start of the resource's. A duration that is missing is zero.
- Types: STORAGE_CHARGE_LEVEL (percent), DEMAND (power, positive while charging), and the two registers
  ENERGY_IN_REGISTER and ENERGY_OUT_REGISTER, which OpenADR lets parties agree on. USAGE is the energy of an interval
  and no register: it is refused with that reason, because adding it up twice would book it twice.
- Units come from ``payloadDescriptors``, of the series or of the report; without one they are PERCENT, KW and KWH.
- A ``readingType`` of ESTIMATED or such makes the sample suspect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from energy.metering import Sample
from energy.offers import Quality
from node.telemetry.intake import Refusal, Rejection
from node.telemetry.readings import Field, FieldRule, ReadingUnusable, Values, sample_of
from protocol.moments import parse_duration, parse_timestamp

SOURCE = "intervals"
_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "STORAGE_CHARGE_LEVEL": Field.SOC_PERCENT,
        "DEMAND": Field.POWER_W,
        "ENERGY_IN_REGISTER": Field.ENERGY_IN_WH,
        "ENERGY_OUT_REGISTER": Field.ENERGY_OUT_WH,
        "TEMPERATURE": Field.TEMPERATURE_C,
    }
)
_DEFAULT_UNITS: Mapping[Field, str] = MappingProxyType(
    {
        Field.SOC_PERCENT: "PERCENT",
        Field.POWER_W: "KW",
        Field.ENERGY_IN_WH: "KWH",
        Field.ENERGY_OUT_WH: "KWH",
        Field.TEMPERATURE_C: "CELSIUS",
    }
)
_UNITS: Mapping[str, tuple[str, frozenset[Field]]] = MappingProxyType(
    {
        "PERCENT": ("%", frozenset({Field.SOC_PERCENT})),
        "W": ("W", frozenset({Field.POWER_W})),
        "KW": ("kW", frozenset({Field.POWER_W})),
        "WH": ("Wh", frozenset({Field.ENERGY_IN_WH, Field.ENERGY_OUT_WH})),
        "KWH": ("kWh", frozenset({Field.ENERGY_IN_WH, Field.ENERGY_OUT_WH})),
        "CELSIUS": ("C", frozenset({Field.TEMPERATURE_C})),
    }
)
_MEASURED = frozenset({"", "DIRECT_READ", "SUMMED", "MEAN"})


@dataclass(frozen=True, slots=True)
class Series:
    """What an interval JSON held: samples in order, the place of the interval of each, and what was no sample."""

    samples: tuple[Sample, ...]
    places: tuple[int, ...]
    rejected: tuple[Rejection, ...]


def is_interval_json(content: Mapping[str, Any]) -> bool:
    """Whether the body is interval JSON rather than samples of our own form."""
    return "resources" in content or "intervals" in content


def read_intervals(content: Mapping[str, Any]) -> Series:
    """The samples of a report or series; rejections count intervals from zero, over all resources."""
    samples: list[Sample] = []
    places: list[int] = []
    rejected: list[Rejection] = []
    for index, (resource, interval) in enumerate(_intervals(content)):
        try:
            samples.append(_sample(content, resource, interval))
            places.append(index)
        except ValueError as error:
            rejected.append(Rejection(index, Refusal.UNREADABLE, f"{error}."))
    return Series(tuple(samples), tuple(places), tuple(rejected))


def _intervals(content: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], object]]:
    resources = content.get("resources", [content])
    for resource in resources if isinstance(resources, list) else [resources]:
        found = resource.get("intervals") if isinstance(resource, dict) else None
        if not isinstance(found, list):
            yield {}, None
            continue
        for interval in found:
            yield resource, interval


def _sample(content: Mapping[str, Any], resource: Mapping[str, Any], interval: object) -> Sample:
    battery_id = resource.get("resourceName")
    if not isinstance(interval, dict) or not isinstance(battery_id, str):
        raise ReadingUnusable("a series needs resourceName, the battery, and a list of intervals")
    payloads = interval.get("payloads")
    if not isinstance(payloads, list) or not payloads:
        raise ReadingUnusable("an interval needs a list of payloads")
    descriptors = [*_list(resource, "payloadDescriptors"), *_list(content, "payloadDescriptors")]
    values: dict[Field, Any] = {}
    quality = Quality.FRESH
    for payload in payloads:
        field, value, is_measured = _payload(payload, descriptors)
        values[field] = value
        quality = quality if is_measured else Quality.SUSPECT
    at = _end(resource, interval, content)
    return sample_of(battery_id, _known(values), at, SOURCE, quality)


def _payload(payload: object, descriptors: Sequence[Mapping[str, Any]]) -> tuple[Field, object, bool]:
    kind = payload.get("type") if isinstance(payload, dict) else None
    if kind == "USAGE":
        raise ReadingUnusable("USAGE is the energy of an interval; send the meter's ENERGY_IN_REGISTER instead")
    field = _FIELDS.get(str(kind))
    values = payload.get("values") if isinstance(payload, dict) else None
    if field is None or not isinstance(values, list) or len(values) != 1:
        raise ReadingUnusable(f"a payload needs one of the types {', '.join(_FIELDS)} and one value")
    descriptor = next((one for one in descriptors if one.get("payloadType") == kind), {})
    unit = str(descriptor.get("units") or _DEFAULT_UNITS[field]).upper()
    ours, fields = _UNITS.get(unit, ("", frozenset()))
    if field not in fields:
        raise ReadingUnusable(f"{kind} in {unit[:20]} is not known here")
    value = FieldRule(field, ours).read(values[0])
    return field, value, str(descriptor.get("readingType", "")).upper() in _MEASURED


def _end(resource: Mapping[str, Any], interval: Mapping[str, Any], content: Mapping[str, Any]) -> datetime:
    own = interval.get("intervalPeriod")
    if isinstance(own, dict):
        start, length = _period(own)
        return start + length
    shared = resource.get("intervalPeriod") or content.get("intervalPeriod")
    number = interval.get("id")
    if not isinstance(shared, dict) or type(number) is not int or not 0 <= number < 10**6:
        raise ReadingUnusable("an interval needs an intervalPeriod, or an id in the resource's")
    start, length = _period(shared)
    return start + (number + 1) * length


def _period(period: Mapping[str, Any]) -> tuple[datetime, timedelta]:
    length = period.get("duration")
    try:
        start = parse_timestamp(str(period.get("start")))
        return start, timedelta(0) if length is None else parse_duration(str(length))
    except ValueError:
        raise ReadingUnusable("an intervalPeriod needs a start and a duration such as PT5M") from None


def _list(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = content.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _known(values: Mapping[Field, Any]) -> Values:
    return {field: value for field, value in values.items() if value is not None}
