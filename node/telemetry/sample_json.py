"""A sample as JSON, as ``POST /api/v1/telemetry``, MQTT's own layout and an agent write it.

Registers are integers of Wh, power an integer of W (positive while charging), the state of charge a percentage as text
or number. ``null`` or absence is "not known"; what is no member of a sample is an error, so that a typing mistake never
looks like an unknown value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from energy.metering import Sample
from energy.offers import Quality
from energy.quantities import decimal_text
from protocol.moments import parse_timestamp, timestamp_text

REGISTER_WH_MAX = 10**15
POWER_W_MAX = 10**12
SEQUENCE_MAX = 2**62
TEXT_LENGTH_MAX = 255
SOURCE_LENGTH_MAX = 64
PUSH = "push"
_PERCENT_MAX = 100_000
_CELSIUS_MAX = 10_000
_PERCENT_DIGITS = 4
_CELSIUS_DIGITS = 3
MEMBERS = (
    "battery_id",
    "measured_at",
    "soc_percent",
    "power_w",
    "energy_in_wh",
    "energy_out_wh",
    "temperature_c",
    "sequence",
    "source",
    "quality",
)


class SampleUnreadable(ValueError):
    """What was sent is no sample; a sentence names the member and says what to write."""


def read_sample(item: object, source: str = PUSH) -> Sample:
    """The sample of a JSON object; ``source`` is its source when it names none.

    Raises:
        SampleUnreadable: see the class.
    """
    if not isinstance(item, dict):
        raise SampleUnreadable("A sample is a JSON object.")
    unknown = sorted(set(item).difference(MEMBERS))
    if unknown:
        raise SampleUnreadable(f"{unknown[0][:64]} is no member of a sample.")
    return Sample(
        battery_id=_text(item, "battery_id", TEXT_LENGTH_MAX),
        measured_at=_measured_at(item.get("measured_at")),
        soc=_soc(item),
        power_w=_integer(item, "power_w", -POWER_W_MAX, POWER_W_MAX),
        energy_in_wh=_integer(item, "energy_in_wh", 0, REGISTER_WH_MAX),
        energy_out_wh=_integer(item, "energy_out_wh", 0, REGISTER_WH_MAX),
        quality=_quality(item.get("quality")),
        source=source if item.get("source") is None else _text(item, "source", SOURCE_LENGTH_MAX),
        sequence=_integer(item, "sequence", 0, SEQUENCE_MAX) or 0,
        temperature_c=_decimal(item, "temperature_c", _CELSIUS_MAX, _CELSIUS_DIGITS),
    )


def write_sample(sample: Sample) -> dict[str, Any]:
    """The JSON object of a sample; `read_sample`'s inverse."""
    return {
        "battery_id": sample.battery_id,
        "measured_at": timestamp_text(sample.measured_at),
        "soc_percent": None if sample.soc is None else decimal_text(sample.soc.scaleb(2)),
        "power_w": sample.power_w,
        "energy_in_wh": sample.energy_in_wh,
        "energy_out_wh": sample.energy_out_wh,
        "temperature_c": None if sample.temperature_c is None else decimal_text(sample.temperature_c),
        "sequence": sample.sequence,
        "source": sample.source,
        "quality": sample.quality.value,
    }


def _text(item: Mapping[str, Any], name: str, most: int) -> str:
    value = item.get(name)
    if isinstance(value, str) and 0 < len(value) <= most:
        return value
    raise SampleUnreadable(f"{name} must be a text of 1 to {most} characters.")


def _integer(item: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = item.get(name)
    if value is None or (type(value) is int and least <= value <= most):
        return value
    raise SampleUnreadable(f"{name} must be a whole number from {least} to {most}.")


def _measured_at(value: object) -> datetime:
    try:
        return parse_timestamp(str(value))
    except ValueError:
        raise SampleUnreadable("measured_at must be a time such as 2026-11-20T10:00:00Z.") from None


def _soc(item: Mapping[str, Any]) -> Decimal | None:
    percent = _decimal(item, "soc_percent", _PERCENT_MAX, _PERCENT_DIGITS)
    return None if percent is None else percent.scaleb(-2)


def _decimal(item: Mapping[str, Any], name: str, most: int, digits: int) -> Decimal | None:
    value = item.get(name)
    if value is None:
        return None
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > most:
        raise SampleUnreadable(f"{name} must be a number, from -{most} to {most}.")
    return round(number, digits)


def _quality(value: object) -> Quality:
    try:
        return Quality.FRESH if value is None else Quality(str(value))
    except ValueError:
        raise SampleUnreadable(f"quality must be one of: {', '.join(Quality)}.") from None
