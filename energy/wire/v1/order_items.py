"""Items and fulfillments of an order: for each battery one item (with the amount as ``quantity.selected``) and one
fulfillment (how it is dispatched, with the two windows as stops, its state and its live values).

In an order of several batteries each item names its fulfillment. A price that is bargained for stands in
``items[].price`` (`energy.wire.v1.negotiations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from energy.offers import DispatchMode, Order, StorageUse
from energy.orders import PARTS_MAX
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.fulfillments import fulfillment_id, mode_of_id, paired
from energy.wire.v1.measures import SELECTED, energy_quantity, read_energy
from energy.wire.v1.negotiations import write_negotiation
from energy.wire.v1.progress import write_state
from energy.wire.v1.stops import END, START, Stops, check_windows, read_return_wh, retrieval_group, stop


def write_items(each: Sequence[Order]) -> list[dict[str, Any]]:
    """The item of each part of an order."""
    return [_item(order, number, is_only=len(each) == 1) for number, order in enumerate(each, 1)]


def write_fulfillments(action: str, each: Sequence[Order]) -> list[dict[str, Any]]:
    """The fulfillment of each part of an order."""
    return [_fulfillment(action, order, number) for number, order in enumerate(each, 1)]


def read_pairs(order: Node) -> list[tuple[Node, Node]]:
    """Each item of an order with its fulfillment.

    Raises:
        WireError: none or too many, a battery that stands there twice, or they do not fit together.
    """
    pairs = paired(_some(order.need("items")), _some(order.need("fulfillments")))
    first: dict[str, Node] = {}
    for item, _ in pairs:
        id_ = item.need("id")
        if first.setdefault(id_.text(), id_) is not id_:
            sentence = f"This battery stands at {first[id_.text()].path} already: order each once."
            raise WireError(id_.path, sentence, "another battery", id_.text())
    return pairs


def read_use(item: Node, fulfillment: Node, stops: Stops) -> StorageUse:
    """What one battery is used for.

    Raises:
        WireError: the amount or a window is absent.
    """
    energy_wh = read_energy(item.need("quantity", SELECTED), least_wh=1)
    if stops.charge is None or stops.giveback is None:
        raise WireError(
            f"{fulfillment.path}/stops",
            "Add a start stop with the charge window and an end stop with the return window, as time.range.",
            "stops of type start and end, each with time.range",
            "no such stops",
        )
    return StorageUse(energy_wh, stops.charge, stops.giveback, read_return_wh(fulfillment))


def read_mode(fulfillment: Node) -> DispatchMode:
    """By the type, or by an id of ours where a request only refers to the catalog's fulfillment."""
    by_id = mode_of_id(fulfillment.find_text("id"))
    if by_id is not None and fulfillment.find("type") is None:
        return by_id
    return fulfillment.need("type").choice(DispatchMode)


def _some(entries: Node) -> tuple[Node, ...]:
    found = entries.items()
    if not 0 < len(found) <= PARTS_MAX:
        sentence = f"An order has from 1 to {PARTS_MAX} of these."
        raise WireError(entries.path, sentence, f"1 to {PARTS_MAX} items", f"{len(found)} items")
    return found


def _item(order: Order, number: int, *, is_only: bool) -> dict[str, Any]:
    named = {} if order.item_name is None else {"descriptor": {"name": order.item_name}}
    dispatched = {} if is_only else {"fulfillment_ids": [fulfillment_id(order.mode, number)]}
    return (
        {"id": order.item_id}
        | named
        | {"quantity": energy_quantity(SELECTED, order.use.energy_wh)}
        | dispatched
        | (if_given(partial(write_negotiation, order.quote), order.negotiation) or {})
    )


def _fulfillment(action: str, order: Order, number: int) -> dict[str, Any]:
    use = order.use
    check_windows(use.charge, use.giveback)
    producer, battery = order.producer_meter_address, order.battery_meter_address
    tracked = {"tracking": True} if action.startswith("on_") else {}
    members = (
        {"id": fulfillment_id(order.mode, number), "type": order.mode.value}
        | tracked
        | {"stops": stop(START, use.charge, if_given(_at, producer)) + stop(END, use.giveback, if_given(_at, battery))}
        | write_state(order)
    )
    if use.return_wh is not None:
        members["tags"] = [*members.get("tags", []), retrieval_group(use.return_wh)]
    return members


def _at(meter_address: str) -> dict[str, Any]:
    return {"address": meter_address}
