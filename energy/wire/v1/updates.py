"""``update``: what is to change in a running order, by ``update_target`` (Beckn core 1.1.1, /update).

The order of the message has the members that the target names and no others: another amount is the item's selected
quantity, other windows are the fulfillment's stops, with how much is asked back as tags beside them, ``billing`` is who
pays, and one payment with status PAID tells that it was paid and under which reference. In an order of several
batteries the ids of item and fulfillment say whose amount or windows: a message changes one at a time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from energy.offers import UpdateRequest
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.measures import SELECTED, energy_quantity, read_energy
from energy.wire.v1.orders import read_billing, write_billing
from energy.wire.v1.quotes import read_payment, write_payment
from energy.wire.v1.searches import ITEM_CODE, check_item_code
from energy.wire.v1.stops import END, START, check_windows, read_return_wh, read_stops, retrieval_group, stop

UPDATE_TARGETS = ("items", "fulfillments", "billing", "payments")


def write_update(request: UpdateRequest) -> dict[str, Any]:
    """The message of an ``update``.

    Raises:
        ValueError: a target that an order does not have, or one without what is to change in it.
    """
    members: dict[str, Any] = {"items": _item(request), "fulfillments": _fulfillment(request)}
    if request.billing is not None:
        members["billing"] = write_billing(request.billing)
    if request.payment is not None:
        members["payments"] = [write_payment(request.payment)]
    given = {name: value for name, value in members.items() if value}
    if given.keys() != request.targets or not given:
        raise ValueError(f"an update of {request.target!r} can not be asked for with {', '.join(given) or 'nothing'}")
    return {"update_target": request.target, "order": {"id": request.order_id} | given}


def read_update(message: Node) -> UpdateRequest:
    """What is to change in which order; whether the target names it is for the trade to say."""
    order = message.need("order")
    items, fulfillments, payments = (order.find(name) for name in ("items", "fulfillments", "payments"))
    item = None if items is None else items.only()
    fulfillment = None if fulfillments is None else fulfillments.only()
    stops = read_stops(fulfillment)
    if item is not None:
        check_item_code(item)
    return UpdateRequest(
        order_id=order.need("id").text(),
        target=message.need("update_target").text(),
        energy_wh=None if item is None else if_given(partial(read_energy, least_wh=1), item.find("quantity", SELECTED)),
        item_id=None if item is None else item.find_text("id"),
        charge=stops.charge,
        giveback=stops.giveback,
        return_wh=if_given(read_return_wh, fulfillment),
        fulfillment_id=None if fulfillment is None else fulfillment.find_text("id"),
        billing=if_given(read_billing, order.find("billing")),
        payment=None if payments is None else read_payment(payments.only()),
    )


def _item(request: UpdateRequest) -> list[dict[str, Any]]:
    if request.energy_wh is None:
        return []
    named = {} if request.item_id is None else {"id": request.item_id}
    return [named | {"descriptor": {"code": ITEM_CODE}, "quantity": energy_quantity(SELECTED, request.energy_wh)}]


def _fulfillment(request: UpdateRequest) -> list[dict[str, Any]]:
    check_windows(request.charge, request.giveback)
    members: dict[str, Any] = {}
    if stops := stop(START, request.charge, None) + stop(END, request.giveback, None):
        members["stops"] = stops
    if request.return_wh is not None:
        members["tags"] = [retrieval_group(request.return_wh)]
    named = {} if request.fulfillment_id is None else {"id": request.fulfillment_id}
    return [named | members] if members else []
