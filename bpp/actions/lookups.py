"""What a request names and must exist: our orders, our batteries, their free capacity.

All but the reading of the message are called in a decision, and take their locks in the order contract, then battery
(`node.database.lock`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection

from bpp.capacity import Booking, refusals
from bpp.catalog import ListedBattery
from bpp.contracts import Contract, Peer
from bpp.desk import Desk
from bpp.planner import place
from bpp.store import books, fleet, spoken, trade
from energy.limits import limits_of
from energy.messages import Message
from energy.offers import Order, StorageUse
from energy.wire.v1.errors import WireError
from energy.wire.v1.tolerances import NOTHING_KNOWN, TOLERANT
from energy.wire.v1.tolerances.rules import Known, Reading
from node.clocks import Moment
from node.inbox import Received
from node.reading import message_of
from protocol.context import Context
from protocol.errors import (
    FULFILLMENT_NOT_FOUND,
    INVALID_REQUEST,
    ITEM_NOT_FOUND,
    ORDER_NOT_FOUND,
    PROVIDER_NOT_FOUND,
    QUANTITY_UNAVAILABLE,
    TradeRefused,
)
from schemas.loader import storage

M = TypeVar("M", bound=Message)

ORDER_ID_PATH = "/message/order_id"
PROVIDER_PATH = "/message/order/provider/id"
ITEM_PATH = "/message/order/items/0/id"
AMOUNT_PATH = "/message/order/items/0/quantity/selected/measure/value"
NO_USUAL_WINDOWS = "This transaction has named no windows, and this operator has no usual ones (windowless)."
MODE_PATH = "/message/order/fulfillments/0/type"


def content_of(received: Received, kind: type[M], reading: Reading = TOLERANT) -> M:
    """What a message says that needs nothing of its transaction; it was readable when it was accepted.

    Raises:
        TypeError: the action carries something else.
    """
    return _of_kind(received, kind, message_of(received.verified, reading))


async def order_content(desk: Desk, received: Received) -> Order:
    """The order of a message, with what its transaction has said before where it leaves that out.

    That is the contract's use, once there is one; before it, what the search said, and the operator's windows for those
    who never name any (ENERGY 1.2, S8 and S12).

    Raises:
        TradeRefused: 30000, it leaves out what nobody has said.
    """
    verified = received.verified
    known = NOTHING_KNOWN
    if not storage(verified.action).is_valid(verified.content):
        known = await desk.database.read(lambda tx: _known(tx, desk, verified.context))
    try:
        return _of_kind(received, Order, message_of(verified, desk.reading, known))
    except WireError as error:
        windowless = known.charge is None and error.path.endswith("/stops")
        sentence = f"{error.sentence} {NO_USUAL_WINDOWS}" if windowless else error.sentence
        raise TradeRefused(INVALID_REQUEST, sentence, error.path) from None


def _known(tx: Connection, desk: Desk, context: Context) -> Known:
    contract = trade.seen_of_transaction(tx, context.bap_id, context.transaction_id)
    if contract is not None:
        return Known.of(contract.use, contract.mode)
    known, windowless = spoken.recall(tx, context.bap_id, context.transaction_id), desk.settings.windowless
    if windowless is None or known.charge is not None or known.giveback is not None:
        return known
    charge, giveback = windowless.windows(desk.moment().trade)
    return replace(known, charge=charge, giveback=giveback)


def _of_kind(received: Received, kind: type[M], content: Message) -> M:
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


def order_of_sender(tx: Connection, received: Received, order_id: str, path: str) -> list[Contract]:
    """The contracts of the confirmed order that the sender's message names at ``path``.

    Raises:
        TradeRefused: 30010, no such order, or another BAP's, which is none of the sender's business.
    """
    parts = trade.parts_of_order(tx, received.verified.context.bap_id, order_id)
    if not parts:
        raise TradeRefused(ORDER_NOT_FOUND, f"There is no order {order_id[:64]} of yours here.", path)
    return parts


@contextmanager
def of_part(number: int) -> Iterator[None]:
    """A refusal within is about the ``number``-th part of the order, and its path says so."""
    try:
        yield
    except TradeRefused as refusal:
        place = number - 1
        path = refusal.diagnosis.path.replace("/items/0", f"/items/{place}")
        path = path.replace("/fulfillments/0", f"/fulfillments/{place}")
        raise TradeRefused(refusal.trade_code, refusal.sentence, path) from None


def batteries_of(tx: Connection, desk: Desk, order: Order) -> list[ListedBattery]:
    """The batteries that the order names, all their rows locked in the order of their ids.

    Raises:
        TradeRefused: 30001, 30004 or 30008, the provider, a battery or the way of dispatch is not offered; 30000, they
            are dispatched in two ways, or paid in two currencies.
    """
    if order.provider.provider_id != desk.provider.provider_id:
        sentence = f"Provider {order.provider.provider_id[:64]} is not here; we are {desk.provider.provider_id}."
        raise TradeRefused(PROVIDER_NOT_FOUND, sentence, PROVIDER_PATH)
    known = fleet.locked_batteries(tx, [part.item_id for part in order.each], desk.cancellation)
    found: list[ListedBattery] = []
    for number, part in enumerate(order.each, 1):
        with of_part(number):
            found.append(_offered(known.get(part.item_id), part))
            _check_alike(order, found[0], part, found[-1])
    return found


def _check_alike(first: Order, first_listed: ListedBattery, part: Order, listed: ListedBattery) -> None:
    """Refuse what can not be agreed to by one form and paid as one sum.

    Raises:
        TradeRefused: 30000.
    """
    if part.mode is not first.mode:
        sentence = "All batteries of an order are dispatched in one way: order this one by itself."
        raise TradeRefused(INVALID_REQUEST, sentence, MODE_PATH)
    currency = first_listed.tariff.currency
    if listed.tariff.currency != currency:
        sentence = f"The first battery of this order is paid in {currency}: order this one by itself."
        raise TradeRefused(INVALID_REQUEST, sentence, ITEM_PATH)


def _offered(listed: ListedBattery | None, order: Order) -> ListedBattery:
    """The battery, if it is offered as the order wants it.

    Raises:
        TradeRefused: 30004 or 30008.
    """
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


def at_price_of_now(
    tx: Connection, listed: ListedBattery, use: StorageUse, moment: Moment, known: Contract | None
) -> ListedBattery:
    """The battery at the price that its occupancy by all others makes for the use: from now on that price is fixed."""
    if not listed.tariff.occupancy:
        return listed
    book = books.book_of(tx, listed.battery, moment, use.booked)
    return listed.at_price_of(book if known is None else book.without(known.contract_id), use)


def placed(tx: Connection, listed: ListedBattery, contract: Contract, moment: Moment) -> Contract:
    """The contract with its plan for the battery as it is booked now (`bpp.planner`); ``listed``'s row is locked."""
    book = books.book_of(tx, listed.battery, moment, contract.use.booked).without(contract.contract_id)
    return replace(contract, placement=place(listed.battery, book, contract.use))


def check_capacity(tx: Connection, listed: ListedBattery, wanted: Booking, moment: Moment) -> None:
    """Refuse a booking that does not fit beside the others; ``listed``'s row is locked.

    Raises:
        TradeRefused: 40002, with every limit that it breaks.
    """
    book = books.book_of(tx, listed.battery, moment, wanted.booked)
    reasons = refusals(limits_of(listed.battery), book, wanted)
    if reasons:
        raise TradeRefused(QUANTITY_UNAVAILABLE, f"This does not fit: {'; '.join(reasons)}.", AMOUNT_PATH)
