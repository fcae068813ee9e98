"""``update``: another amount of energy, before charging begins, at the rates that were agreed."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.lookups import ITEM_PATH, battery_of_contract, check_capacity, content_of, order_of_sender, peer_of
from bpp.actions.select import check_use
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.quotes import quote_for
from bpp.store import fleet, trade
from energy.offers import ContractState, UpdateRequest
from node.clocks import Moment
from node.ids import new_uuid
from node.inbox import Decision, Received
from protocol.errors import (
    INVALID_REQUEST,
    INVALID_UPDATE_TARGET,
    ITEM_NOT_FOUND,
    UPDATE_NOT_POSSIBLE,
    TradeRefused,
)
from protocol.lifecycle import after

TARGET = "items"
_TARGET_PATH = "/message/update_target"
_ORDER_ID_PATH = "/message/order/id"


async def handle(desk: Desk, received: Received) -> Decision:
    """Quote and book the new amount in place of the old one, or change nothing."""
    request = content_of(received, UpdateRequest)
    moment, quote_id = desk.moment(), new_uuid()

    def decide(tx: Connection) -> None:
        known = order_of_sender(tx, received, request.order_id, _ORDER_ID_PATH)
        stage = after(known.stage, "update")
        energy_wh = _new_amount(known, request, moment)
        use = replace(known.use, energy_wh=energy_wh)
        check_use(use, known.listed, moment)
        contract = replace(
            known,
            peer=replace(known.peer, bap_uri=peer_of(received).bap_uri),
            stage=stage,
            state=ContractState.UPDATED,
            state_at=moment.trade,
            use=use,
            quote=quote_for(known.listed, use, quote_id, desk.terms.quote_ttl_s),
            updated_at=moment.trade,
        )
        check_capacity(tx, battery_of_contract(tx, desk, known), contract.booking, moment)
        fleet.commit(tx, contract.battery_id, contract.booking)
        trade.save(tx, contract)
        desk.answer(tx, received, desk.order(tx, contract), moment)

    return decide


def _new_amount(known: Contract, request: UpdateRequest, moment: Moment) -> int:
    """The amount asked for, in Wh, where it may still be changed.

    Raises:
        TradeRefused: 30012 another target, 30000 no amount, 30004 another battery, 50002 charging has begun.
    """
    if request.target != TARGET:
        sentence = f"Only {TARGET} can be updated: the amount of energy, before charging begins."
        raise TradeRefused(INVALID_UPDATE_TARGET, sentence, _TARGET_PATH)
    if request.item_id not in {None, known.battery_id}:
        raise TradeRefused(
            ITEM_NOT_FOUND, "A contract stays with its battery: cancel it and select another.", ITEM_PATH
        )
    if request.energy_wh is None:
        raise TradeRefused(INVALID_REQUEST, "Say how much energy to store instead.", "/message/order/items/0/quantity")
    if known.use.charge.start <= moment.trade:
        raise TradeRefused(UPDATE_NOT_POSSIBLE, "Charging has begun, so the amount stays as it is.", _ORDER_ID_PATH)
    return request.energy_wh
