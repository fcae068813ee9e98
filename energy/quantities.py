"""Watt-hours, watts and money as integers, and their decimal texts on the wire. No float ever.

Energy is an integer of watt-hours (``energy_wh``), power an integer of watts (``power_w``), money an integer
of minor units with its currency. Rates are `Decimal`. Rounding is half up and happens once, where a text or
a rate becomes an integer (ENERGY 2.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_ENERGY_UNITS = {"wh": 1, "kwh": 1_000, "mwh": 1_000_000}
_POWER_UNITS = {"w": 1, "kw": 1_000, "mw": 1_000_000}
_DECIMAL = re.compile(r"[+-]?([0-9]*[.])?[0-9]+")
_DIGITS_MAX = 24
_MINOR_DIGITS = {"INR": 2, "EUR": 2, "USD": 2, "GBP": 2, "JPY": 0, "KWD": 3}


class QuantityError(ValueError):
    """A text that is no quantity, or a unit that is not known here."""


def decimal_of(text: str) -> Decimal:
    """The exact value of a Beckn ``DecimalValue``.

    Raises:
        QuantityError: no decimal number, or more than 24 characters.
    """
    if len(text) > _DIGITS_MAX or _DECIMAL.fullmatch(text) is None:
        raise QuantityError(f"{text[:40]!r} is not a decimal number")
    try:
        return Decimal(text)
    except InvalidOperation as error:  # pragma: no cover - the pattern above excludes it
        raise QuantityError(f"{text[:40]!r} is not a decimal number") from error


def decimal_text(value: Decimal) -> str:
    """The shortest exact text without exponent: ``Decimal("300.00")`` → ``"300"``."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def round_half_up(value: Decimal | Fraction) -> int:
    """The nearest integer, halves away from zero."""
    numerator, denominator = value.as_integer_ratio()
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def _scaled(text: str, unit: str, units: dict[str, int], kind: str) -> int:
    factor = units.get(unit.strip().lower())
    if factor is None:
        raise QuantityError(f"{unit[:20]!r} is not a unit of {kind}; known: {', '.join(units)}")
    return round_half_up(decimal_of(text) * factor)


def energy_wh(text: str, unit: str) -> int:
    """``("300.0", "kWh")`` → 300000. Units Wh, kWh, MWh in any case."""
    return _scaled(text, unit, _ENERGY_UNITS, "energy")


def power_w(text: str, unit: str) -> int:
    """``("5", "kW")`` → 5000. Units W, kW, MW in any case."""
    return _scaled(text, unit, _POWER_UNITS, "power")


def kilo_text(value: int) -> str:
    """Watt-hours as kWh, or watts as kW: 300000 → ``"300"``, 250 → ``"0.25"``."""
    return decimal_text(Decimal(value) / 1000)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (paisa, cent) of an ISO 4217 currency. Only equal currencies add up."""

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """Major units, rounded half up to the minor unit: ``of(Decimal("4.755"), "INR")`` → 476."""
        return cls(round_half_up(amount.scaleb(minor_digits(currency))), currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """The exact amount of a wire text.

        Raises:
            QuantityError: no number, or more digits than the currency has.
        """
        value = decimal_of(text).scaleb(minor_digits(currency))
        if value != value.to_integral_value():
            raise QuantityError(f"{text} has more decimals than {currency} has")
        return cls(int(value), currency)

    @property
    def decimal(self) -> Decimal:
        """Major units, exact."""
        return Decimal(self.amount_minor).scaleb(-minor_digits(self.currency))

    @property
    def text(self) -> str:
        """Major units with all decimals of the currency: ``"4755.00"``."""
        return format(self.decimal, "f")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount_minor, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise QuantityError(f"{self.currency} and {other.currency} do not add up")


def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217).

    Raises:
        QuantityError: a currency that is not configured here.
    """
    try:
        return _MINOR_DIGITS[currency]
    except KeyError:
        raise QuantityError(f"{currency[:10]!r} is not a currency that is traded here") from None


def total(amounts: list[Money] | tuple[Money, ...], currency: str) -> Money:
    """The sum; zero of ``currency`` for an empty sequence."""
    result = Money(0, currency)
    for amount in amounts:
        result = result + amount
    return result
