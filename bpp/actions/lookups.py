"""What a request names and must exist: our orders, our batteries, their free capacity.

All are called in a decision, and take their locks in the order contract, then battery (`node.database.lock`).
"""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Connection

from bpp.capacity import Booking, refusals
from bpp.catalog import ListedBattery
from bpp.contracts import Contract, Peer
from bpp.desk import Desk
from bpp.store import fleet, trade
from energy.offers import Message, Order
from energy.wire.v1.reader import read
from node.clocks import Moment
from node.inbox import Received
from protocol.errors import (
    FULFILLMENT_NOT_FOUND,
    ITEM_NOT_FOUND,
    ORDER_NOT_FOUND,
    PROVIDER_NOT_FOUND,
    QUANTITY_UNAVAILABLE,
    TradeRefused,
)

M = TypeVar("M", bound=Message)

ORDER_ID_PATH = "/message/order_id"
PROVIDER_PATH = "/message/order/provider/id"
ITEM_PATH = "/message/order/items/0/id"
AMOUNT_PATH = "/message/order/items/0/quantity/selected/measure/value"
MODE_PATH = "/message/order/fulfillments/0/type"


def content_of(received: Received, kind: type[M]) -> M:
    """What the message says; it was readable when it was accepted.

    Raises:
        TypeError: the action carries something else.
    """
    content = read(received.verified.action, received.verified.message)
    if not isinstance(content, kind):
        raise TypeError(f"{received.verified.action} carries {type(content).__name__}, not {kind.__name__}")
    return content


def peer_of(received: Received) -> Peer:
    """Who sent the message, as a contract keeps it."""
    context = received.verified.context
    return Peer(
        bap_id=context.bap_id,
        bap_uri=context.bap_uri,
        transaction_id=context.transaction_id,
        domain=context.domain,
        city_code=context.city_code,
        country_code=context.country_code,
    )


def order_of_sender(tx: Connection, received: Received, order_id: str, path: str) -> Contract:
    """The confirmed contract that the sender's message names at ``path``.

    Raises:
        TradeRefused: 30010, no such order, or another BAP's, which is none of the sender's business.
    """
    contract = trade.of_order(tx, received.verified.context.bap_id, order_id)
    if contract is None:
        raise TradeRefused(ORDER_NOT_FOUND, f"There is no order {order_id[:64]} of yours here.", path)
    return contract


def battery_of(tx: Connection, desk: Desk, order: Order) -> ListedBattery:
    """The battery that the order names, its row locked.

    Raises:
        TradeRefused: 30001, 30004 or 30008, the provider, the battery or the way of dispatch is not offered.
    """
    if order.provider.provider_id != desk.provider.provider_id:
        sentence = f"Provider {order.provider.provider_id[:64]} is not here; we are {desk.provider.provider_id}."
        raise TradeRefused(PROVIDER_NOT_FOUND, sentence, PROVIDER_PATH)
    listed = fleet.locked_battery(tx, order.item_id, desk.cancellation)
    if listed is None or not listed.in_service:
        raise TradeRefused(ITEM_NOT_FOUND, f"Battery {order.item_id[:64]} is not on offer: search again.", ITEM_PATH)
    if order.mode not in listed.modes:
        offered = " or ".join(listed.modes)
        raise TradeRefused(FULFILLMENT_NOT_FOUND, f"This battery is offered with {offered} only.", MODE_PATH)
    return listed


def battery_of_contract(tx: Connection, desk: Desk, contract: Contract) -> ListedBattery:
    """The contract's battery as it is now, its row locked.

    Raises:
        TradeRefused: 30004, the operator has taken it out of service.
    """
    listed = fleet.locked_battery(tx, contract.battery_id, desk.cancellation)
    if listed is None or not listed.in_service:
        raise TradeRefused(ITEM_NOT_FOUND, "The contract's battery is out of service.", ITEM_PATH)
    return listed


def check_capacity(tx: Connection, listed: ListedBattery, wanted: Booking, moment: Moment) -> None:
    """Refuse a booking that does not fit beside the others; ``listed``'s row is locked.

    Raises:
        TradeRefused: 40002, with every limit that it breaks.
    """
    booked = fleet.reservations(tx, moment, listed.battery.battery_id)
    reasons = refusals(listed.battery, [reservation.booking for reservation in booked], wanted)
    if reasons:
        raise TradeRefused(QUANTITY_UNAVAILABLE, f"This does not fit: {'; '.join(reasons)}.", AMOUNT_PATH)
