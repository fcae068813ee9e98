"""Energy and money on the wire: Beckn's ItemQuantity in kWh and Beckn's Price.

Energy is written and read in kWh alone; other units and spellings are a tolerance (ENERGY 1.2, S2). No quantity
of energy is negative. A price has its currency beside it, and the currency is nothing but ISO 4217 (S1).
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from energy.quantities import Money, energy_wh, minor_digits
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.texts import kilo_text, money_text, number_text

ENERGY_UNIT = "kWh"
SELECTED = "selected"


def energy_quantity(kind: str, energy: int) -> dict[str, Any]:
    """One member of an ItemQuantity: ``("selected", 300000)`` → ``{"selected": {"measure": …}}``.

    Raises:
        ValueError: the energy is negative, or nothing is selected.
    """
    if energy < (1 if kind == SELECTED else 0):
        raise ValueError(f"{energy} Wh is no {kind} quantity of energy")
    return {kind: {"measure": {"value": kilo_text(energy), "unit": ENERGY_UNIT}}}


def read_energy(quantity: Node, *, least_wh: int = 0) -> int:
    """The watt-hours of one member of an ItemQuantity (``quantity/selected``).

    Raises:
        WireError: no measure in kWh, or less than ``least_wh``.
    """
    measure = quantity.need("measure")
    unit = measure.need("unit")
    if unit.text() != ENERGY_UNIT:
        raise WireError(unit.path, "Write energy in kWh.", ENERGY_UNIT, unit.text())
    return read_kilo(measure.need("value"), least=least_wh)


def read_signed_kilo(value: Node) -> int:
    """Watt-hours of a text in kWh, watts in kW, metres in km."""
    return value.parsed(partial(energy_wh, unit=ENERGY_UNIT), "a decimal number as text")


def read_kilo(value: Node, *, least: int = 0) -> int:
    """The same, where less than ``least`` is refused."""
    amount = read_signed_kilo(value)
    if amount < least:
        raise WireError(
            value.path, f"This must be at least {kilo_text(least)}.", f"{kilo_text(least)} or more", value.text()
        )
    return amount


def read_share(value: Node) -> Decimal:
    """A fraction of one from a text in percent."""
    return value.decimal().scaleb(-2)


def price_of_money(amount: Money) -> dict[str, str]:
    """An amount as a Price."""
    return {"currency": amount.currency, "value": money_text(amount)}


def price_of_rate(rate: Decimal, currency: str) -> dict[str, str]:
    """A price for one unit, which may have more decimals than the currency has."""
    return {"currency": currency, "value": number_text(rate)}


def read_money(price: Node) -> Money:
    """A Price as an exact amount.

    Raises:
        WireError: no known currency, no number, or more decimals than the currency has.
    """
    currency = read_currency(price)
    return price.need("value").parsed(partial(Money.parse, currency=currency), f"an amount in {currency}")


def read_currency(price: Node) -> str:
    """The currency beside a value, when it is one that is traded here."""
    currency = price.need("currency")
    currency.parsed(minor_digits, "a currency such as INR")
    return currency.text()


def same_currency(price: Node, currency: str, first: str) -> None:
    """Refuse a Price in a second currency; ``first`` is the path of the price that named ``currency``.

    Raises:
        WireError: they differ; the error names both paths.
    """
    other = price.need("currency")
    if other.text() != currency:
        raise WireError(
            other.path,
            f"This currency differs from the one at {first}; a quote has one currency.",
            currency,
            other.text(),
        )
