"""``select``: a quote with its breakup, and capacity that is kept free while it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection

from bpp.actions.lookups import AMOUNT_PATH, at_price_of_now, battery_of, check_capacity, order_content, peer_of
from bpp.bargaining import Bargain, Policy, bargain
from bpp.catalog import ListedBattery, use_lines
from bpp.contracts import Contract
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


async def handle(desk: Desk, received: Received) -> Decision:
    """Quote the use and hold its capacity; a new selection takes the place of the earlier one.

    A price that the order offers is answered by the operator's terms (`bpp.bargaining`).
    """
    order = await order_content(desk, received)
    moment, contract_id, quote_id = desk.moment(), new_uuid(), new_uuid()
    peer = peer_of(received)

    def decide(tx: Connection) -> None:
        known = trade.of_transaction(tx, peer.bap_id, peer.transaction_id)
        stage = after(Stage.NEW if known is None else known.stage, "select")
        listed = at_price_of_now(tx, battery_of(tx, desk, order), order.use, moment, known)
        check_use(order.use, listed, moment)
        bargained = _bargain(desk, known, listed, order)
        discount = None if bargained is None else bargained.discount
        contract = Contract(
            contract_id=contract_id if known is None else known.contract_id,
            peer=peer,
            stage=stage,
            state=ContractState.QUOTED,
            state_at=moment.trade,
            # What it is rated is no part of the agreement.
            listed=replace(listed, rating=None),
            use=order.use,
            mode=order.mode,
            quote=quote_for(listed, order.use, quote_id, desk.terms.quote_ttl_s, discount),
            quote_until=moment.wire + timedelta(seconds=desk.terms.quote_ttl_s),
            producer_meter_address=order.producer_meter_address,
            bargain=bargained,
        )
        check_capacity(tx, listed, contract.booking, moment)
        fleet.release_expired(tx, moment.wire)
        held_until = moment.wire + timedelta(seconds=desk.terms.hold_s)
        fleet.hold(tx, contract.battery_id, contract.booking, held_until)
        trade.save(tx, contract)
        desk.answer(tx, received, desk.order(tx, contract), moment)

    return decide


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
