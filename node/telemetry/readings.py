"""From what a device calls its values to ours: units, signs, scales, and the values that mean "not known".

A device tells some of the fields below in units of its own. A `FieldRule` says where a value is and how it becomes
one of ours: value × ``scale``, after its unit. What is not there, null, or no number is unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType

from energy.metering import Sample
from energy.offers import Quality
from energy.quantities import round_half_up
from protocol.moments import parse_timestamp

_UNKNOWN_TEXTS = frozenset({"", "unknown", "unavailable", "none", "null", "nan"})
_NUMBER_LENGTH_MAX = 40
_SOC_DIGITS = 6
_TEMPERATURE_DIGITS = 3
_MILLISECONDS_FROM = 10**11
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VALUE_MAX = 10**15


class Field(StrEnum):
    """What a device can tell. Power is positive while charging, or comes as two powers that are never negative."""

    SOC_PERCENT = "soc_percent"
    POWER_W = "power_w"
    CHARGE_W = "charge_w"
    DISCHARGE_W = "discharge_w"
    ENERGY_IN_WH = "energy_in_wh"
    ENERGY_OUT_WH = "energy_out_wh"
    TEMPERATURE_C = "temperature_c"
    MEASURED_AT = "measured_at"
    SEQUENCE = "sequence"


UNITS: Mapping[str, Decimal] = MappingProxyType(
    {
        "": Decimal(1),
        "%": Decimal(1),
        "share": Decimal(100),
        "W": Decimal(1),
        "kW": Decimal(1_000),
        "MW": Decimal(1_000_000),
        "Wh": Decimal(1),
        "kWh": Decimal(1_000),
        "MWh": Decimal(1_000_000),
        "C": Decimal(1),
    }
)

Values = Mapping[Field, Decimal | datetime]


class ReadingUnusable(ValueError):
    """A value that is neither a number nor a time nor unknown; the sentence says what it is."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one value becomes a field: × the unit × ``scale``; a negative scale turns the sign.

    Raises:
        ValueError: an unknown field or unit, or a scale that is no number.
    """

    field: Field
    unit: str = ""
    scale: Decimal = Decimal(1)

    @classmethod
    def of(cls, field: str, unit: str = "", scale: str = "1") -> FieldRule:
        """The rule that settings or a register map write in texts."""
        if field not in set(Field):
            raise ValueError(f"{field} is no field of a sample: {', '.join(Field)}")
        if unit not in UNITS:
            raise ValueError(f"{unit} is no unit known here: {', '.join(filter(None, UNITS))}")
        factor = number_of(scale)
        if factor is None or factor == 0:
            raise ValueError(f"scale {scale} must be a number that is not zero")
        return cls(Field(field), unit, factor)

    def read(self, value: object) -> Decimal | datetime | None:
        """The field's value; None: unknown.

        Raises:
            ReadingUnusable: see the class.
        """
        if self.field is Field.MEASURED_AT:
            return time_of(value)
        number = number_of(value)
        if number is None:
            return None
        ours = number * UNITS[self.unit] * self.scale
        if abs(ours) > VALUE_MAX:
            raise ReadingUnusable(f"{self.field} of {ours:.3e} is more than can be: check its unit and scale")
        return ours


def number_of(value: object) -> Decimal | None:
    """The number that a JSON value, a text or a register holds; None: unknown.

    Raises:
        ReadingUnusable: neither a number nor a word for "unknown".
    """
    if value is None:
        return None
    text = str(value).strip()
    if text.lower() in _UNKNOWN_TEXTS:
        return None
    try:
        number = Decimal(text) if len(text) <= _NUMBER_LENGTH_MAX and not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.adjusted() > _NUMBER_LENGTH_MAX:
        raise ReadingUnusable(f"{text[:40]!r} is no number")
    return number


def time_of(value: object) -> datetime | None:
    """The time that a text (RFC 3339) or a number (seconds or milliseconds since 1970) tells; None: unknown.

    Raises:
        ReadingUnusable: neither.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return parse_timestamp(value)
        except ValueError:
            pass
    number = number_of(value)
    if number is None:
        return None
    seconds = number / 1_000 if abs(number) >= _MILLISECONDS_FROM else number
    try:
        return _EPOCH + timedelta(microseconds=int(seconds.scaleb(6)))
    except OverflowError:
        raise ReadingUnusable(f"{value!r} is no time") from None


def sample_of(battery_id: str, values: Values, at: datetime, source: str, quality: Quality = Quality.FRESH) -> Sample:
    """The sample that the values make; ``at`` is the trade time of reading, for a device that tells no time."""
    told_at = values.get(Field.MEASURED_AT)
    sequence = _integer(values, Field.SEQUENCE)
    return Sample(
        battery_id=battery_id,
        measured_at=told_at if isinstance(told_at, datetime) else at,
        soc=_rounded(values, Field.SOC_PERCENT, _SOC_DIGITS, shift=-2),
        power_w=_power_w(values),
        energy_in_wh=_integer(values, Field.ENERGY_IN_WH),
        energy_out_wh=_integer(values, Field.ENERGY_OUT_WH),
        quality=quality,
        source=source,
        sequence=0 if sequence is None else max(0, sequence),
        temperature_c=_rounded(values, Field.TEMPERATURE_C, _TEMPERATURE_DIGITS),
    )


def _power_w(values: Values) -> int | None:
    power_w = _integer(values, Field.POWER_W)
    if power_w is not None:
        return power_w
    charge_w, discharge_w = _integer(values, Field.CHARGE_W), _integer(values, Field.DISCHARGE_W)
    if charge_w is None and discharge_w is None:
        return None
    return (charge_w or 0) - (discharge_w or 0)


def _integer(values: Values, field: Field) -> int | None:
    value = values.get(field)
    return round_half_up(value) if isinstance(value, Decimal) else None


def _rounded(values: Values, field: Field, digits: int, shift: int = 0) -> Decimal | None:
    value = values.get(field)
    return round(value.scaleb(shift), digits) if isinstance(value, Decimal) else None
