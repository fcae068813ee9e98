"""Amounts of energy and prices: D7, D8, S1, S2, and the bare amounts of S15."""

from __future__ import annotations

import re

from energy.quantities import QuantityError, decimal_of, energy_wh
from energy.wire.v1.measures import ENERGY_UNIT, SELECTED
from energy.wire.v1.tags import tag_group
from energy.wire.v1.tariff_tags import GROUP as TARIFF
from energy.wire.v1.tariff_tags import PRICE_UNIT
from energy.wire.v1.texts import kilo_text, number_text
from energy.wire.v1.tolerances.rules import Json, Parts, Rule, below, has_group, listed, some

_RATE_CURRENCY = re.compile(r"([A-Z]{3})\s*/\s*([kM]?)Wh", re.IGNORECASE)
_PER_KWH = {"": 3, "k": 0, "m": -3}
_KINDS = (SELECTED, "required", "available", "allocated", "maximum", "minimum")


def _bare_amounts(parts: Parts) -> bool:
    """S15. A number alone is in kWh, the network's only unit."""
    return some(_wrap(item.get("quantity")) for item in parts.priced)


def _wrap(quantity: object) -> bool:
    if not isinstance(quantity, dict):
        return False
    bare = [kind for kind in _KINDS if isinstance(quantity.get(kind), str)]
    for kind in bare:
        quantity[kind] = {"measure": {"value": quantity[kind], "unit": ENERGY_UNIT}}
    return bool(bare)


def _wanted_quantity(parts: Parts) -> bool:
    """D8. What a search or an update wants is its selected quantity, however it is called, and has a measure."""
    return parts.action in ("search", "update") and some(_select(item) for item in parts.items)


def _select(item: Json) -> bool:
    quantity = item.get("quantity")
    measure = measure_of(quantity, SELECTED, "required", "available")
    if measure is None or any("measure" in selected for selected in below(quantity, SELECTED)):
        return False
    item["quantity"] = {SELECTED: {"measure": measure}}
    return True


def _stop_quantities(parts: Parts) -> bool:
    """D7. An amount at a stop becomes the item's, unless that has one. Two different amounts become none."""
    stops = [stop for fulfillment in parts.fulfillments for stop in below(fulfillment, "stops") if "quantity" in stop]
    amounts = [measure_of(stop["quantity"], "required", SELECTED) for stop in stops]
    if not amounts or amounts[0] is None or any(amount != amounts[0] for amount in amounts):
        return False
    for stop in stops:
        del stop["quantity"]
    for item in parts.items if parts.action != "on_search" else ():
        quantity = item.setdefault("quantity", {})
        if isinstance(quantity, dict):
            quantity.setdefault(SELECTED, {"measure": amounts[0]})
    return True


def _rate_currency(parts: Parts) -> bool:
    """S1. ``INR / kWh`` is a currency and the unit that it pays for; in a catalog that unit is kept as a tag.

    It makes no tariff: which energy a rate counts, who pays and which taxes come on top nobody has said.
    """
    return some(_split_currency(item, parts.action) for item in parts.priced)


def _split_currency(item: Json, action: str) -> bool:
    price = item.get("price")
    currency = price.get("currency") if isinstance(price, dict) else None
    match = _RATE_CURRENCY.fullmatch(currency) if isinstance(currency, str) else None
    if match is None or not isinstance(price, dict):
        return False
    try:
        per_kwh = number_text(decimal_of(str(price.get("value"))).scaleb(_PER_KWH[match[2].lower()]))
    except QuantityError:
        return False
    price |= {"currency": match[1].upper(), "value": per_kwh}
    if action == "on_search" and not has_group(item, TARIFF):
        item["tags"] = [*listed(item.get("tags")), tag_group(PRICE_UNIT, [("unit", ENERGY_UNIT)])]
    return True


def _unit_spelling(parts: Parts) -> bool:
    """S2."""
    quantities = [quantity for item in parts.priced for quantity in below(item, "quantity")]
    members = [member for quantity in quantities for member in quantity.values()]
    return some(_spell_unit(measure) for member in members for measure in below(member, "measure"))


def _spell_unit(measure: Json) -> bool:
    value, unit = measure.get("value"), measure.get("unit")
    if not isinstance(value, str) or not isinstance(unit, str) or unit == ENERGY_UNIT:
        return False
    try:
        measure |= {"value": kilo_text(energy_wh(value, unit)), "unit": ENERGY_UNIT}
    except QuantityError:
        return False
    return True


def measure_of(quantity: object, *kinds: str) -> Json | None:
    """The measure of the first of these members, whether it is wrapped or stands there bare."""
    members = [quantity[kind] for kind in kinds if kind in quantity] if isinstance(quantity, dict) else []
    first = members[0] if members else None
    inner = first.get("measure", first) if isinstance(first, dict) else None
    return inner if isinstance(inner, dict) and "value" in inner else None


RULES: tuple[Rule, ...] = (
    Rule("S15-bare-amount", '`quantity.available: "500"`', "a measure in kWh", _bare_amounts),
    Rule(
        "D8-wanted-quantity",
        "`quantity.available{value, unit}` or `required` as what is wanted",
        "`quantity.selected.measure`",
        _wanted_quantity,
    ),
    Rule(
        "D7-stop-quantity",
        "`stops[].quantity`",
        "the item's `quantity.selected`; two different amounts: none",
        _stop_quantities,
    ),
    Rule(
        "S1-rate-as-currency",
        '`currency: "INR / kWh"`',
        "the currency, and a price for one kWh without any other terms",
        _rate_currency,
    ),
    Rule("S2-unit-spelling", "`kWH`, `kwh`, `MWh`, `Wh`", "kWh", _unit_spelling),
)
