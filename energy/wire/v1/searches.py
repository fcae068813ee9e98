"""``search``: what a producer looks for, as Beckn's Intent (ENERGY 1.5).

What core has a member for stands there: provider, item, place, windows, way of dispatch, free text
(``intent.descriptor.name``) and the least rating (``item.rating`` with the comparison that core's Rating allows:
``"gte 4"``). The other filters and the order of the answer are the tag group ``storage-requirements``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from energy.offers import DispatchMode
from energy.quantities import decimal_of
from energy.searches import SearchIntent, SortBy
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import SELECTED, energy_quantity, read_energy, read_kilo, read_share
from energy.wire.v1.places import read_where, write_where
from energy.wire.v1.stops import END, START, check_windows, read_stops, stop
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.texts import kilo_text, number_text, percent_text

ITEM_CODE = "energy-storage"
_ITEM_CODES = frozenset({ITEM_CODE, "energy"})
_REQUIREMENTS = "storage-requirements"
_MIN_POWER = "min-power-kw"
_MAX_PRICE = "max-price"
_MIN_EFFICIENCY = "min-round-trip-efficiency-percent"
_SORT = "sort-by"
_AT_LEAST = "gte "


def write_search(intent: SearchIntent) -> dict[str, Any]:
    """The message of a ``search``.

    Raises:
        ValueError: a radius without a point, an area that encloses nothing, or windows that are no storage use.
    """
    wire: dict[str, Any] = {"item": _item(intent)}
    if intent.text is not None:
        wire = {"descriptor": {"name": intent.text}} | wire
    if provider := _provider(intent):
        wire["provider"] = provider
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
    where = read_where(stops.location)
    mode = wire.find("fulfillment", "type")
    tags = find_tags(wire, _REQUIREMENTS)
    power, price, efficiency, sort = (
        tags.find(code) if tags else None for code in (_MIN_POWER, _MAX_PRICE, _MIN_EFFICIENCY, _SORT)
    )
    return SearchIntent(
        energy_wh=read_energy(item.need("quantity", SELECTED), least_wh=1),
        charge=stops.charge,
        giveback=stops.giveback,
        near=where.near,
        radius_m=where.radius_m,
        mode=if_given(lambda node: node.choice(DispatchMode), mode),
        min_power_w=if_given(read_kilo, power),
        max_price=if_given(Node.decimal, price),
        min_efficiency=if_given(read_share, efficiency),
        provider_id=wire.find_text("provider", "id"),
        item_id=item.find_text("id"),
        meter_address=stops.producer_meter,
        polygon=where.polygon,
        city_code=where.city_code,
        provider_name=wire.find_text("provider", "descriptor", "name"),
        item_name=item.find_text("descriptor", "name"),
        text=wire.find_text("descriptor", "name"),
        min_rating=if_given(lambda node: node.parsed(_rating_of, "a number, or gte and a number"), item.find("rating")),
        sort=if_given(lambda node: node.choice(SortBy), sort),
    )


def check_item_code(item: Node) -> None:
    """Refuse an item that is not storage: its code is ours, or DENT's ``energy``.

    Raises:
        WireError: another code.
    """
    code = item.find("descriptor", "code")
    if code is not None and code.text() not in _ITEM_CODES:
        raise WireError(code.path, f"Only items with the code {ITEM_CODE} are traded here.", ITEM_CODE, code.text())


def _item(intent: SearchIntent) -> dict[str, Any]:
    named = {} if intent.item_name is None else {"name": intent.item_name}
    item: dict[str, Any] = {
        "descriptor": {"code": ITEM_CODE} | named,
        "quantity": energy_quantity(SELECTED, intent.energy_wh),
    }
    if intent.item_id is not None:
        item = {"id": intent.item_id} | item
    if intent.min_rating is not None:
        item["rating"] = f"{_AT_LEAST}{number_text(intent.min_rating)}"
    return item


def _provider(intent: SearchIntent) -> dict[str, Any]:
    provider: dict[str, Any] = {}
    if intent.provider_id is not None:
        provider["id"] = intent.provider_id
    if intent.provider_name is not None:
        provider["descriptor"] = {"name": intent.provider_name}
    return provider


def _fulfillment(intent: SearchIntent) -> dict[str, Any]:
    check_windows(intent.charge, intent.giveback)
    stops = stop(START, intent.charge, write_where(intent)) + stop(END, intent.giveback, None)
    members: dict[str, Any] = {}
    if intent.mode is not None:
        members["type"] = intent.mode.value
    if stops:
        members["stops"] = stops
    return members


def _requirements(intent: SearchIntent) -> list[dict[str, Any]]:
    tags = (
        (_MIN_POWER, if_given(kilo_text, intent.min_power_w)),
        (_MAX_PRICE, if_given(number_text, intent.max_price)),
        (_MIN_EFFICIENCY, if_given(percent_text, intent.min_efficiency)),
        (_SORT, if_given(str, intent.sort)),
    )
    return [tag_group(_REQUIREMENTS, tags, display=False)] if any(value is not None for _, value in tags) else []


def _rating_of(text: str) -> Decimal:
    """A bare number means at least that too: nobody looks for batteries that are rated exactly 4."""
    return decimal_of(text.removeprefix(_AT_LEAST).strip())
