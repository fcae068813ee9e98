"""Whole objects in another place or under another name: D4, D5, D6, D9, D10, D11, and the older forms of S15."""

from __future__ import annotations

import re

from energy.quantities import QuantityError, decimal_of
from energy.wire.v1.stops import START
from energy.wire.v1.texts import number_text
from energy.wire.v1.tolerances.rules import Json, Parts, Rule, below, rename, some

_TARGET = re.compile(r"(?:order\.)?([a-z_]+)")
_THOUSANDTHS_OF_KM = {"km": 0, "m": -3}


def _provider_locations(parts: Parts) -> bool:
    """D4."""
    return some(rename(provider, "location", "locations") for provider in parts.providers)


def _provider_images(parts: Parts) -> bool:
    """D5."""
    owners = [provider for provider in parts.providers if "images" in provider]
    for provider in owners:
        descriptor = provider.setdefault("descriptor", {})
        if isinstance(descriptor, dict):
            descriptor.setdefault("images", provider.pop("images"))
    return bool(owners)


def _item_references(parts: Parts) -> bool:
    """D6."""
    members = (("locations", "location_ids"), ("fulfillments", "fulfillment_ids"))
    return some(rename(item, old, new) for item in parts.items for old, new in members)


def _update_target(parts: Parts) -> bool:
    """D9. A path such as ``order.items[0].quantity`` names its first object; one item is of the ``items``."""
    message = parts.message
    if parts.action != "update":
        return False
    renamed = rename(message, "updated_target", "update_target")
    target = message.get("update_target")
    path = _TARGET.match(target) if isinstance(target, str) and "," not in target else None
    if path is None:
        return renamed
    message["update_target"] = "items" if path[1] == "item" else path[1]
    return renamed or message["update_target"] != target


def _cancel_order(parts: Parts) -> bool:
    """D10."""
    message, order = parts.message, parts.message.get("order")
    if parts.action != "cancel" or "order_id" in message or not isinstance(order, dict):
        return False
    del message["order"]
    members = (("id", "order_id"), ("cancellation_reason_id",) * 2, ("descriptor",) * 2)
    message.update({new: order[old] for old, new in members if old in order})
    return True


def _support_reference(parts: Parts) -> bool:
    """D11."""
    return some(rename(support, "order_id", "ref_id") for support in below(parts.message, "support"))


def _order_providers(parts: Parts) -> bool:
    """S15. The plural as an object or an array of one; of two providers neither is chosen."""
    orders = [order for order in parts.orders if "provider" not in order and len(below(order, "providers")) == 1]
    for order in orders:
        order["provider"] = below(order, "providers")[0]
        del order["providers"]
    return bool(orders)


def _item_provider(parts: Parts) -> bool:
    """S15. A provider at the items is the order's, when all items say the same."""
    return some(_lift_provider(order) for order in parts.orders if "provider" not in order)


def _lift_provider(order: Json) -> bool:
    items = below(order, "items") + below(order, "item")
    said = [item["provider"] for item in items if "provider" in item]
    if not said or any(provider != said[0] for provider in said):
        return False
    if not isinstance(said[0], dict | str):
        return False
    order["provider"] = {"id": said[0]} if isinstance(said[0], str) else said[0]
    for item in items:
        item.pop("provider", None)
    return True


def _intent_location(parts: Parts) -> bool:
    """S15. Where a search looks is the place of its start stop; a radius makes it a circle."""
    return some(_place_intent(intent) for intent in below(parts.message, "intent") if "location" in intent)


def _place_intent(intent: Json) -> bool:
    location, fulfillment = intent["location"], intent.setdefault("fulfillment", {})
    stops = fulfillment.setdefault("stops", []) if isinstance(fulfillment, dict) else None
    if not isinstance(location, dict) or not isinstance(stops, list):
        return False
    starts = [stop for stop in stops if isinstance(stop, dict) and stop.get("type") == START]
    if not starts:
        starts = [{"type": START}]
        stops += starts
    starts[0].setdefault("location", _circled(location))
    del intent["location"]
    return True


def _circled(location: Json) -> Json:
    """A point with a radius beside it as a circle, in kilometres."""
    radius = location.get("radius")
    unit = radius.get("unit") if isinstance(radius, dict) else None
    places = _THOUSANDTHS_OF_KM.get(unit.strip().lower()) if isinstance(unit, str) else None
    if not isinstance(radius, dict) or places is None or "gps" not in location:
        return location
    try:
        value = number_text(decimal_of(str(radius.get("value"))).scaleb(places))
    except QuantityError:
        return location
    rest = {name: member for name, member in location.items() if name not in ("gps", "radius")}
    return rest | {
        "circle": {"gps": location["gps"], "radius": {"type": "CONSTANT", "value": value, "unit": "km"}},
    }


def _billing_members(parts: Parts) -> bool:
    """S15."""
    return some(_mend_billing(billing) for order in parts.orders for billing in below(order, "billing"))


def _mend_billing(billing: Json) -> bool:
    renamed, city = rename(billing, "number", "phone"), billing.get("city")
    if isinstance(city, str):
        billing["city"] = {"name": city}
    return renamed or isinstance(city, str)


WHOLE: tuple[Rule, ...] = (
    Rule(
        "D9-update-target",
        "`updated_target`, or a path such as `order.items[0]…`",
        "`update_target`: the object's name",
        _update_target,
    ),
    Rule(
        "D10-cancel-order",
        "`order{id, cancellation_reason_id, descriptor}` in `cancel`",
        "`order_id` and the members beside it",
        _cancel_order,
    ),
    Rule("D11-support-reference", "`support.order_id`", "`support.ref_id`", _support_reference),
    Rule("S15-order-providers", "`order.providers`", "`order.provider`, where there is one", _order_providers),
    Rule("S15-item-provider", "`items[].provider`", "`order.provider`, where all items say the same", _item_provider),
    Rule(
        "S15-intent-location",
        "`intent.location{gps, radius}`",
        "the place or circle of the start stop",
        _intent_location,
    ),
)
"""These change which objects a message has, so they come before its parts are collected."""

MEMBERS: tuple[Rule, ...] = (
    Rule("D4-provider-locations", "`provider.location`", "`provider.locations`", _provider_locations),
    Rule("D5-provider-images", "`provider.images`", "`provider.descriptor.images`", _provider_images),
    Rule(
        "D6-item-references",
        "`locations` and `fulfillments` of an item",
        "`location_ids`, `fulfillment_ids`",
        _item_references,
    ),
    Rule(
        "S15-billing-members",
        "`billing.number`, `billing.city` as text",
        "`billing.phone`, `billing.city.name`",
        _billing_members,
    ),
)
