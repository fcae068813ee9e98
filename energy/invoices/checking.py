"""Checking an invoice document that may come from anybody: what in it does not add up, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from energy.invoices.model import Kind
from energy.quantities import Money, QuantityError, decimal_of, minor_digits, total
from energy.tariffs import QUANTITY_DIGITS, TAX_TITLES

_SHOWN_CHARS = 40
_PAYS_PRODUCER = tuple(kind.value for kind in Kind if kind.pays_producer)
_QUANTITY_STEP = Fraction(1, 10**QUANTITY_DIGITS)


def check(document: Mapping[str, Any]) -> list[str]:
    """What does not add up in an invoice document, one sentence each; empty when all of it does.

    Each line: quantity × rate (percent of the quantity where the unit is "%") is the amount, within half a minor unit
    and what the rounding of the shown quantity can make. Each tax: its quantity is the taxable sum. Lines add up to
    the taxable amount, the tax amount and the total; the meter's losses are what went in less what came out. A note
    has no meter.
    """
    try:
        return [*_check_amounts(document), *_check_meter(document)]
    except (KeyError, TypeError, AttributeError, QuantityError) as error:
        return [f"the document can not be read as an invoice: {type(error).__name__}: {error}"]


def pays_producer(document: Mapping[str, Any]) -> bool:
    """Whether its amounts go from the operator to the producer, against those of the contract's quote."""
    return document["document"] in _PAYS_PRODUCER


def _check_amounts(document: Mapping[str, Any]) -> list[str]:
    currency = document["currency"]
    lines = document["lines"]
    taxed = [line for line in lines if line["title"] in TAX_TITLES]
    sums = {
        "tax_amount": _sum(taxed, currency),
        "taxable_amount": _sum([line for line in lines if line["title"] not in TAX_TITLES], currency),
        "total": _sum(lines, currency),
    }
    wrong = [
        f"{name} is {document[name]} but its lines add up to {amount.text}"
        for name, amount in sums.items()
        if Money.parse(document[name], currency) != amount
    ]
    for line in lines:
        wrong += _check_line(line, currency)
    for line in taxed:
        wrong += _check_tax(line, sums["taxable_amount"])
    return wrong


def _check_tax(line: Mapping[str, Any], taxable: Money) -> list[str]:
    if line["rate"] is None or line["quantity"] is None or line["unit"] != "%":
        return [f"{_title(line)} does not say how many percent of what it is"]
    if decimal_of(line["quantity"]) != taxable.decimal:
        return [f"{_title(line)} is on {line['quantity']}, the taxable sum is {taxable.text}"]
    return []


def _check_line(line: Mapping[str, Any], currency: str) -> list[str]:
    amount = Money.parse(line["amount"], currency)
    if line["quantity"] is None or line["rate"] is None:
        return []
    quantity, rate = Fraction(decimal_of(line["quantity"])), Fraction(decimal_of(line["rate"]))
    is_percentage = line["unit"] == "%"
    product = quantity * rate / 100 if is_percentage else quantity * rate
    tolerance = Fraction(1, 2 * 10 ** minor_digits(currency))
    if not is_percentage:
        tolerance += abs(rate) * _QUANTITY_STEP / 2
    if abs(product - Fraction(amount.decimal)) <= tolerance:
        return []
    unit = str(line["unit"])[:_SHOWN_CHARS]
    return [f"{_title(line)}: {line['quantity']} {unit} at {line['rate']} is not {line['amount']}"]


def _check_meter(document: Mapping[str, Any]) -> list[str]:
    meter = document["meter"]
    if meter is None:
        return []
    taken, returned, losses = meter["energy_in_wh"], meter["energy_out_wh"], meter["losses_wh"]
    if taken - returned == losses:
        return []
    return [f"the meter took in {taken} Wh and gave back {returned} Wh, that is no loss of {losses} Wh"]


def _title(line: Mapping[str, Any]) -> str:
    return str(line["title"])[:_SHOWN_CHARS]


def _sum(lines: Sequence[Mapping[str, Any]], currency: str) -> Money:
    return total([Money.parse(line["amount"], currency) for line in lines], currency)
