"""``select``: a quote with its breakup, and capacity that is kept free while it holds.

An order of several batteries is quoted and held as a whole: all batteries are locked, then each part is checked and
held beside those before it, and one that is refused undoes the others, since all of it is one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection

from bpp.actions.lookups import (
    AMOUNT_PATH,
    at_price_of_now,
    batteries_of,
    check_capacity,
    of_part,
    order_content,
    peer_of,
    placed,
)
from bpp.bargaining import Bargain, Policy, bargain
from bpp.catalog import ListedBattery, use_lines
from bpp.contracts import Contract, Peer
from bpp.desk import Desk
from bpp.quotes import UseProblem, quote_for, use_problems
from bpp.store import fleet, trade
from energy.offers import ContractState, Order, StorageUse
from node.clocks import Moment
from node.ids import new_uuid
from node.inbox import Decision, Received
from protocol.errors import INVALID_REQUEST, QUANTITY_UNAVAILABLE, TradeRefused
from protocol.lifecycle import Stage, after

OFFERED_CURRENCY_PATH = "/message/order/items/0/price/currency"
_PATHS = {
    "energy_wh": AMOUNT_PATH,
    "charge": "/message/order/fulfillments/0/stops/0/time/range",
    "giveback": "/message/order/fulfillments/0/stops/1/time/range",
}


@dataclass(frozen=True, slots=True)
class _Selection:
    """What a selection has for all its parts; ``ids`` are their contracts', those of an earlier selection first."""

    peer: Peer
    stage: Stage
    moment: Moment
    known: list[Contract]
    ids: list[str]
    quote_id: str
    part_count: int

    def earlier(self, number: int) -> Contract | None:
        """The ``number``-th part of the earlier selection."""
        return self.known[number - 1] if number <= len(self.known) else None


async def handle(desk: Desk, received: Received) -> Decision:
    """Quote the use and hold its capacity; a new selection takes the place of the earlier one.

    A price that the order offers is answered by the operator's terms (`bpp.bargaining`).
    """
    order = await order_content(desk, received)
    moment, quote_id = desk.moment(), new_uuid()
    fresh_ids, peer = [new_uuid() for _ in order.each], peer_of(received)

    def decide(tx: Connection) -> None:
        known = trade.parts_of_transaction(tx, peer.bap_id, peer.transaction_id)
        stage = after(known[0].stage if known else Stage.NEW, "select")
        listed = batteries_of(tx, desk, order)
        fleet.release_expired(tx, moment.wire)
        for part in known:
            fleet.release(tx, part.contract_id)
        ids = [part.contract_id for part in known] + fresh_ids[len(known) :]
        selection = _Selection(peer, stage, moment, known, ids, quote_id, len(order.each))
        parts = [
            _held(tx, desk, selection, number, wanted, battery)
            for number, (wanted, battery) in enumerate(zip(order.each, listed, strict=True), 1)
        ]
        trade.forget(tx, ids[len(parts) :])
        for part in parts:
            trade.save(tx, part)
        desk.answer(tx, received, desk.order_of_parts(tx, parts, {}), moment)

    return decide


def _held(
    tx: Connection, desk: Desk, selection: _Selection, number: int, order: Order, listed: ListedBattery
) -> Contract:
    """The ``number``-th part of the selection, quoted, with its capacity held.

    Raises:
        TradeRefused: 30000 or 40002, it can not be quoted, or there is no room for it.
    """
    with of_part(number):
        contract = placed(tx, listed, _quoted(tx, desk, selection, number, order, listed), selection.moment)
        check_capacity(tx, listed, contract.booking, selection.moment)
    held_until = selection.moment.wire + timedelta(seconds=desk.terms.hold_s)
    fleet.hold(tx, contract.battery_id, contract.booking, held_until)
    return contract


def _quoted(
    tx: Connection, desk: Desk, selection: _Selection, number: int, order: Order, listed: ListedBattery
) -> Contract:
    moment, earlier = selection.moment, selection.earlier(number)
    listed = at_price_of_now(tx, listed, order.use, moment, earlier)
    check_use(order.use, listed, moment)
    bargained = _bargain(desk, earlier, listed, order)
    discount = None if bargained is None else bargained.discount
    return Contract(
        contract_id=selection.ids[number - 1],
        order_id=selection.ids[0],
        part_no=number,
        part_count=selection.part_count,
        peer=selection.peer,
        stage=selection.stage,
        state=ContractState.QUOTED,
        state_at=moment.trade,
        # What it is rated is no part of the agreement.
        listed=replace(listed, rating=None),
        use=order.use,
        mode=order.mode,
        quote=quote_for(listed, order.use, selection.quote_id, desk.terms.quote_ttl_s, discount),
        quote_until=moment.wire + timedelta(seconds=desk.terms.quote_ttl_s),
        producer_meter_address=order.producer_meter_address,
        bargain=bargained,
    )


def _bargain(desk: Desk, known: Contract | None, listed: ListedBattery, order: Order) -> Bargain | None:
    """The answer to the price that the order offers; a selection without one asks for the list price again.

    Raises:
        TradeRefused: 30000, the offer is in another currency than the battery's tariff.
    """
    earlier, negotiation = None if known is None else known.bargain, order.negotiation
    if negotiation is None:
        return None if earlier is None else Bargain(Decimal(0), earlier.rounds_left)
    offered, currency = negotiation.offered, listed.tariff.currency
    if offered.currency != currency:
        sentence = f"This battery is paid in {currency}: offer a total in {currency}."
        raise TradeRefused(INVALID_REQUEST, sentence, OFFERED_CURRENCY_PATH)
    policy = Policy(desk.terms.price_floor_percent, desk.terms.bargaining_rounds)
    same_use = known is not None and (known.battery_id, known.use) == (order.item_id, order.use)
    return bargain(policy, listed.tariff, use_lines(listed, order.use), offered, earlier, same_use=same_use)


def check_use(use: StorageUse, listed: ListedBattery, moment: Moment) -> None:
    """Refuse a use that can not be quoted.

    Raises:
        TradeRefused: 30000 for windows that can not be booked, 40002 for too little energy.
    """
    for problem in use_problems(use, moment.trade, listed):
        raise _refusal(problem)


def _refusal(problem: UseProblem) -> TradeRefused:
    code = QUANTITY_UNAVAILABLE if problem.path == "energy_wh" else INVALID_REQUEST
    return TradeRefused(code, problem.sentence, _PATHS[problem.path])
