"""Known deviations of the network, each turned into the strict form by one small rule before a message is read.

The numbers are ENERGY 1.2's. A rule takes the parts of a private copy of the ``message``, mends them in place and
says whether it did; it leaves alone what it does not understand, and the reader then refuses it. Rules run in the
order of `RULES`: amounts are put in their place before their units are spelled. They touch trade content only;
no rule makes up a price, a total, a currency or a consent. Totals of either sign need no rule (S3): the sign says
who pays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from energy.offers import StorageUse
from energy.quantities import QuantityError, decimal_of, energy_wh
from energy.tariffs import LineTitle, RateUnit
from energy.wire.v1.measures import ENERGY_UNIT, SELECTED, energy_quantity
from energy.wire.v1.orders import NEEDS
from energy.wire.v1.progress import PROGRESS, TELEMETRY, TRANSFERRED
from energy.wire.v1.stops import END, START
from energy.wire.v1.tags import tag_group
from energy.wire.v1.tariff_tags import GROUP as TARIFF
from energy.wire.v1.texts import kilo_text, number_text, range_of

_Json = dict[str, Any]
_RATE_CURRENCY = re.compile(r"([A-Z]{3})\s*/\s*([kM]?)Wh", re.IGNORECASE)
_PER_KWH = {"": 3, "k": 0, "m": -3}
_PROSE = re.compile(r"(\d+(?:\.\d+)?) out of \d+(?:\.\d+)?\s*kwh", re.IGNORECASE)
_TARGET = re.compile(r"(?:order\.)?([a-z_]+)")
_TITLES = frozenset(LineTitle)


@dataclass(frozen=True, slots=True)
class Parts:
    """A message, and the objects of it that rules look at, collected once."""

    action: str
    message: _Json
    providers: list[_Json]
    items: list[_Json]
    fulfillments: list[_Json]
    quotes: list[_Json]
    priced: list[_Json]
    """The items, and the items of the quotes' lines."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One deviation: its name, and what mends it (True when it changed something)."""

    name: str
    mend: Callable[[Parts], bool]


def straightened(
    action: str, message: Mapping[str, Any], known_use: StorageUse | None
) -> tuple[_Json, tuple[str, ...]]:
    """A mended copy of the message, and the names of the rules that it took."""
    copy = _copied(dict(message))
    parts = _parts(action, copy)
    used = [rule.name for rule in RULES if rule.mend(parts)]
    if known_use is not None and action in NEEDS:
        used += _from_known_use(parts, known_use)
    return copy, tuple(used)


def _provider_locations(parts: Parts) -> bool:
    return _some(_rename(provider, "location", "locations") for provider in parts.providers)


def _provider_images(parts: Parts) -> bool:
    owners = [provider for provider in parts.providers if "images" in provider]
    for provider in owners:
        descriptor = provider.setdefault("descriptor", {})
        if isinstance(descriptor, dict):
            descriptor.setdefault("images", provider.pop("images"))
    return bool(owners)


def _item_references(parts: Parts) -> bool:
    members = (("locations", "location_ids"), ("fulfillments", "fulfillment_ids"))
    return _some(_rename(item, old, new) for item in parts.items for old, new in members)


def _stop_quantities(parts: Parts) -> bool:
    """An amount at a stop becomes the item's, unless that has one. Two different amounts become none."""
    stops = [stop for fulfillment in parts.fulfillments for stop in _below(fulfillment, "stops") if "quantity" in stop]
    amounts = [_measure(stop["quantity"], "required", SELECTED) for stop in stops]
    if not amounts or amounts[0] is None or any(amount != amounts[0] for amount in amounts):
        return False
    for stop in stops:
        del stop["quantity"]
    for item in parts.items if parts.action != "on_search" else ():
        quantity = item.setdefault("quantity", {})
        if isinstance(quantity, dict):
            quantity.setdefault(SELECTED, {"measure": amounts[0]})
    return True


def _wanted_quantity(parts: Parts) -> bool:
    """What a search or an update wants is its selected quantity, however it is called, and has a measure."""
    return parts.action in ("search", "update") and _some(_select(item) for item in parts.items)


def _update_target(parts: Parts) -> bool:
    """A path such as ``order.items[0].quantity`` names its first object; one item is of the ``items``."""
    message = parts.message
    if parts.action != "update":
        return False
    renamed = _rename(message, "updated_target", "update_target")
    target = message.get("update_target")
    path = _TARGET.match(target) if isinstance(target, str) and "," not in target else None
    if path is None:
        return renamed
    message["update_target"] = "items" if path[1] == "item" else path[1]
    return renamed or message["update_target"] != target


def _cancel_order(parts: Parts) -> bool:
    message, order = parts.message, parts.message.get("order")
    if parts.action != "cancel" or "order_id" in message or not isinstance(order, dict):
        return False
    del message["order"]
    members = (("id", "order_id"), ("cancellation_reason_id",) * 2, ("descriptor",) * 2)
    message.update({new: order[old] for old, new in members if old in order})
    return True


def _support_reference(parts: Parts) -> bool:
    return _some(_rename(support, "order_id", "ref_id") for support in _below(parts.message, "support"))


def _form_response(parts: Parts) -> bool:
    """A submission is the form's; one whose status is not true is no consent and is dropped."""
    forms = [xinput for order in _below(parts.message, "order") for xinput in _below(order, "xinput")]
    answered = [xinput for xinput in forms if "form_response" in xinput]
    for xinput in answered:
        response, form = xinput.pop("form_response"), xinput.setdefault("form", {})
        given = isinstance(response, dict) and response.get("status") is True and "submission_id" in response
        if given and isinstance(form, dict):
            form.setdefault("submission_id", response["submission_id"])
    return bool(answered)


def _rate_currency(parts: Parts) -> bool:
    """``INR / kWh`` as an item's currency: the currency, and in a catalog a tariff with the one rate per kWh stored."""
    return _some(_split_currency(item, parts.action) for item in parts.priced)


def _unit_spelling(parts: Parts) -> bool:
    quantities = [quantity for item in parts.priced for quantity in _below(item, "quantity")]
    members = [member for quantity in quantities for member in quantity.values()]
    return _some(_spell_unit(measure) for member in members for measure in _below(member, "measure"))


def _progress_prose(parts: Parts) -> bool:
    return _some(_tell_progress(fulfillment) for fulfillment in parts.fulfillments)


def _line_titles(parts: Parts) -> bool:
    """A line that measures energy and has no title is the storage charge; penalties and taxes are known by name."""
    return _some(_entitle(line) for quote in parts.quotes for line in _below(quote, "breakup"))


def _quote_terms(parts: Parts) -> bool:
    """A quote without an id has the id "", one without a lifetime has none left: PT0S."""
    missing = [(quote, name) for quote in parts.quotes for name in ("id", "ttl") if name not in quote]
    for quote, name in missing:
        quote[name] = "" if name == "id" else "PT0S"
    return bool(missing)


RULES: tuple[Rule, ...] = (
    Rule("D4-provider-locations", _provider_locations),
    Rule("D5-provider-images", _provider_images),
    Rule("D6-item-references", _item_references),
    Rule("D10-cancel-order", _cancel_order),
    Rule("D11-support-reference", _support_reference),
    Rule("D13-form-response", _form_response),
    Rule("D9-update-target", _update_target),
    Rule("D8-wanted-quantity", _wanted_quantity),
    Rule("D7-stop-quantity", _stop_quantities),
    Rule("S11-line-titles", _line_titles),
    Rule("S1-rate-as-currency", _rate_currency),
    Rule("S2-unit-spelling", _unit_spelling),
    Rule("S9-progress-prose", _progress_prose),
    Rule("quote-without-id-or-ttl", _quote_terms),
)


def _from_known_use(parts: Parts, use: StorageUse) -> list[str]:
    """Fill in what the transaction has already said, where the order says nothing (S8, S12)."""
    used = []
    for item in parts.items:
        quantity = item.setdefault("quantity", {})
        if isinstance(quantity, dict) and SELECTED not in quantity:
            quantity |= energy_quantity(SELECTED, use.energy_wh)
            used.append("S8-known-amount")
    if _some(_set_windows(fulfillment, use) for fulfillment in parts.fulfillments):
        used.append("S12-known-windows")
    return used


def _set_windows(fulfillment: _Json, use: StorageUse) -> bool:
    stops = [stop for stop in _below(fulfillment, "stops") if stop]
    if any("time" in stop for stop in stops):
        return False
    for kind, window in ((START, use.charge), (END, use.giveback)):
        same = [stop for stop in stops if stop.get("type") == kind]
        if not same:
            same = [{"type": kind}]
            stops += same
        same[0]["time"] = range_of(window)
    fulfillment["stops"] = stops
    return True


def _select(item: _Json) -> bool:
    quantity = item.get("quantity")
    measure = _measure(quantity, SELECTED, "required", "available")
    if measure is None or any("measure" in selected for selected in _below(quantity, SELECTED)):
        return False
    item["quantity"] = {SELECTED: {"measure": measure}}
    return True


def _measure(quantity: object, *kinds: str) -> _Json | None:
    """The measure of the first of these members, whether it is wrapped or stands there bare."""
    members = [quantity[kind] for kind in kinds if kind in quantity] if isinstance(quantity, dict) else []
    first = members[0] if members else None
    inner = first.get("measure", first) if isinstance(first, dict) else None
    return inner if isinstance(inner, dict) and "value" in inner else None


def _split_currency(item: _Json, action: str) -> bool:
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
    if action == "on_search" and not _has_group(item, TARIFF):
        item["tags"] = [*_listed(item.get("tags")), _one_rate_tariff(price)]
    return True


def _one_rate_tariff(price: _Json) -> _Json:
    tags = (
        ("tariff-id", ""),
        ("currency", price["currency"]),
        ("rate-unit", RateUnit.KWH_STORED.value),
        ("rate-price", price["value"]),
        ("tax-code", ""),
    )
    return tag_group(TARIFF, tags)


def _spell_unit(measure: _Json) -> bool:
    value, unit = measure.get("value"), measure.get("unit")
    if not isinstance(value, str) or not isinstance(unit, str) or unit == ENERGY_UNIT:
        return False
    try:
        measure |= {"value": kilo_text(energy_wh(value, unit)), "unit": ENERGY_UNIT}
    except QuantityError:
        return False
    return True


def _tell_progress(fulfillment: _Json) -> bool:
    names = [state.get("name") for node in _below(fulfillment, "state") for state in _below(node, "descriptor")]
    match = _PROSE.search(names[0]) if names and isinstance(names[0], str) else None
    if match is None or _has_group(fulfillment, TELEMETRY) or _has_group(fulfillment, PROGRESS):
        return False
    fulfillment["tags"] = [*_listed(fulfillment.get("tags")), tag_group(PROGRESS, [(TRANSFERRED, match[1])])]
    return True


def _entitle(line: _Json) -> bool:
    title = line.get("title")
    if not isinstance(title, str | None) or title in _TITLES:
        return False
    known = _known_title(line, title)
    if known is None:
        return False
    line["title"] = known.value
    return True


def _known_title(line: _Json, title: str | None) -> LineTitle | None:
    if title is None:
        measured = [_measure(item.get("quantity"), SELECTED) for item in _below(line, "item")]
        return LineTitle.THROUGHPUT if measured and _is_energy(measured[0]) else None
    if "penalty" in title.lower():
        return LineTitle.IMBALANCE_PENALTY
    return LineTitle(title.upper()) if title.upper() in _TITLES else None


def _is_energy(measure: _Json | None) -> bool:
    unit = None if measure is None else measure.get("unit")
    return isinstance(unit, str) and unit.strip().lower() == ENERGY_UNIT.lower()


def _parts(action: str, message: _Json) -> Parts:
    sellers = [provider for catalog in _below(message, "catalog") for provider in _below(catalog, "providers")]
    owners = _below(message, "order") + _below(message, "intent")
    quotes = [quote for owner in owners for quote in _below(owner, "quote")]
    items = [item for owner in sellers + owners for name in ("items", "item") for item in _below(owner, name)]
    return Parts(
        action=action,
        message=message,
        providers=sellers + [provider for owner in owners for provider in _below(owner, "provider")],
        items=items,
        fulfillments=[
            fulfillment
            for owner in sellers + owners
            for name in ("fulfillments", "fulfillment")
            for fulfillment in _below(owner, name)
        ],
        quotes=quotes,
        priced=items + [item for quote in quotes for line in _below(quote, "breakup") for item in _below(line, "item")],
    )


def _below(owner: object, name: str) -> list[_Json]:
    """The objects of a member, whether it is one object or an array of them."""
    value = owner.get(name) if isinstance(owner, dict) else None
    if isinstance(value, dict):
        return [value]
    return [node for node in value if isinstance(node, dict)] if isinstance(value, list) else []


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _has_group(owner: _Json, code: str) -> bool:
    codes = [descriptor.get("code") for tags in _below(owner, "tags") for descriptor in _below(tags, "descriptor")]
    return code in codes


def _rename(owner: _Json, old: str, new: str) -> bool:
    if old not in owner or new in owner:
        return False
    owner[new] = owner.pop(old)
    return True


def _some(results: Iterable[bool]) -> bool:
    """Whether one is true, after all of them have been worked out."""
    return True in list(results)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
