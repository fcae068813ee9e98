"""``init``: the terms of the contract, and the form by which a person agrees to them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.lookups import order_content, peer_of
from bpp.contracts import Consent, Contract
from bpp.desk import Desk
from bpp.store import trade
from bpp.taxes import paid_by
from energy.offers import ContractState, Order, PaymentType
from node.ids import new_token
from node.inbox import Decision, Received
from protocol.errors import INVALID_REQUEST, PAYMENT_NOT_SUPPORTED, QUOTE_UNAVAILABLE, TradeRefused
from protocol.lifecycle import Stage, after


async def handle(desk: Desk, received: Received) -> Decision:
    """Keep who pays, and answer with quote, payment terms and form."""
    order = await order_content(desk, received)
    moment, asked = desk.moment(), Consent(form_token=new_token(), once=new_token())
    peer = peer_of(received)

    def decide(tx: Connection) -> None:
        known = trade.of_transaction(tx, peer.bap_id, peer.transaction_id)
        stage = after(Stage.NEW if known is None else known.stage, "init")
        assert known is not None  # The table has no init for a new transaction.
        check_selection(known, order)
        if known.quote_until < moment.wire:
            raise TradeRefused(QUOTE_UNAVAILABLE, "The quote's time is over: select again.", "/message/order/quote")
        if order.billing is None:
            raise TradeRefused(INVALID_REQUEST, "Say in billing who pays.", "/message/order/billing")
        check_payment(order)
        contract = replace(
            paid_by(known, order.billing, desk.settings),
            peer=peer,
            stage=stage,
            state=ContractState.INITIATED,
            state_at=moment.trade,
            # Agreed to once for a selection: asking for the terms again changes nothing about that.
            consent=known.consent or asked,
            producer_meter_address=order.producer_meter_address or known.producer_meter_address,
        )
        trade.save(tx, contract)
        desk.answer(tx, received, desk.order(tx, contract), moment)

    return decide


def check_selection(known: Contract, order: Order) -> None:
    """Refuse an order for something else than what was quoted.

    Raises:
        TradeRefused: 40003.
    """
    if (order.item_id, order.use, order.mode) != (known.battery_id, known.use, known.mode):
        sentence = "The quote is for another battery, amount, window or way of dispatch: select again."
        raise TradeRefused(QUOTE_UNAVAILABLE, sentence, "/message/order")


def check_payment(order: Order) -> None:
    """Refuse every payment but the one after fulfillment.

    Raises:
        TradeRefused: 40004.
    """
    offered = PaymentType.POST_FULFILLMENT
    if order.payment is not None and order.payment.payment_type is not offered:
        sentence = f"Payment is {offered} here: the invoice comes when the energy has been returned."
        raise TradeRefused(PAYMENT_NOT_SUPPORTED, sentence, "/message/order/payments/0/type")
