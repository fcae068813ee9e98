"""``search``: what a producer looks for, as Beckn's Intent (ENERGY 1.5)."""

from __future__ import annotations

from typing import Any

from energy.offers import DispatchMode, Place, SearchIntent
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import SELECTED, energy_quantity, read_energy, read_kilo, read_share
from energy.wire.v1.stops import END, START, check_windows, read_stops, stop
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.texts import gps_text, kilo_text, number_text, percent_text, place_of

ITEM_CODE = "energy-storage"
_ITEM_CODES = frozenset({ITEM_CODE, "energy"})
_REQUIREMENTS = "storage-requirements"
_MIN_POWER = "min-power-kw"
_MAX_PRICE = "max-price"
_MIN_EFFICIENCY = "min-round-trip-efficiency-percent"


def write_search(intent: SearchIntent) -> dict[str, Any]:
    """The message of a ``search``.

    Raises:
        ValueError: a radius without a point, or windows that are no storage use.
    """
    item: dict[str, Any] = {"descriptor": {"code": ITEM_CODE}, "quantity": energy_quantity(SELECTED, intent.energy_wh)}
    if intent.item_id is not None:
        item = {"id": intent.item_id} | item
    wire: dict[str, Any] = {"item": item}
    if intent.provider_id is not None:
        wire["provider"] = {"id": intent.provider_id}
    if fulfillment := _fulfillment(intent):
        wire["fulfillment"] = fulfillment
    if tags := _requirements(intent):
        wire["tags"] = tags
    return {"intent": wire}


def read_search(message: Node) -> SearchIntent:
    """The search that a message asks for; all but the amount of energy may be absent."""
    wire = message.need("intent")
    item = wire.need("item")
    check_item_code(item)
    stops = read_stops(wire.find("fulfillment"))
    near, radius_m = _where(stops.location)
    mode = wire.find("fulfillment", "type")
    tags = find_tags(wire, _REQUIREMENTS)
    power, price, efficiency = (tags.find(code) if tags else None for code in (_MIN_POWER, _MAX_PRICE, _MIN_EFFICIENCY))
    return SearchIntent(
        energy_wh=read_energy(item.need("quantity", SELECTED), least_wh=1),
        charge=stops.charge,
        giveback=stops.giveback,
        near=near,
        radius_m=radius_m,
        mode=if_given(lambda node: node.choice(DispatchMode), mode),
        min_power_w=if_given(read_kilo, power),
        max_price=if_given(Node.decimal, price),
        min_efficiency=if_given(read_share, efficiency),
        provider_id=wire.find_text("provider", "id"),
        item_id=item.find_text("id"),
        meter_address=stops.producer_meter,
    )


def check_item_code(item: Node) -> None:
    """Refuse an item that is not storage: its code is ours, or DENT's ``energy``.

    Raises:
        WireError: another code.
    """
    code = item.find("descriptor", "code")
    if code is not None and code.text() not in _ITEM_CODES:
        raise WireError(code.path, f"Only items with the code {ITEM_CODE} are traded here.", ITEM_CODE, code.text())


def _fulfillment(intent: SearchIntent) -> dict[str, Any]:
    check_windows(intent.charge, intent.giveback)
    stops = stop(START, intent.charge, _location(intent)) + stop(END, intent.giveback, None)
    members: dict[str, Any] = {}
    if intent.mode is not None:
        members["type"] = intent.mode.value
    if stops:
        members["stops"] = stops
    return members


def _location(intent: SearchIntent) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if intent.meter_address is not None:
        location["address"] = intent.meter_address
    if intent.near is None:
        if intent.radius_m is not None:
            raise ValueError("a radius needs the point it is around")
    elif intent.radius_m is None:
        location["gps"] = gps_text(intent.near)
    else:
        radius = {"type": "CONSTANT", "value": kilo_text(intent.radius_m), "unit": "km"}
        location["circle"] = {"gps": gps_text(intent.near), "radius": radius}
    return location


def _requirements(intent: SearchIntent) -> list[dict[str, Any]]:
    power, price, efficiency = intent.min_power_w, intent.max_price, intent.min_efficiency
    if power is None and price is None and efficiency is None:
        return []
    tags = (
        (_MIN_POWER, if_given(kilo_text, power)),
        (_MAX_PRICE, if_given(number_text, price)),
        (_MIN_EFFICIENCY, if_given(percent_text, efficiency)),
    )
    return [tag_group(_REQUIREMENTS, tags, display=False)]


def _where(location: Node | None) -> tuple[Place | None, int | None]:
    """The point and the radius in metres."""
    if location is None:
        return None, None
    gps = location.find("circle", "gps") or location.find("gps")
    radius = location.find("circle", "radius")
    return (
        if_given(lambda node: node.parsed(place_of, "'latitude,longitude' in degrees"), gps),
        if_given(_radius_m, radius),
    )


def _radius_m(radius: Node) -> int:
    unit = radius.need("unit")
    if unit.text() != "km":
        raise WireError(unit.path, "Write the radius in km.", "km", unit.text())
    return read_kilo(radius.need("value"))
