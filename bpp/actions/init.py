"""``init``: the terms of the contract, and the form by which a person agrees to them."""

from __future__ import annotations

from collections.abc import Sequence
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

_TERMS = {
    PaymentType.PRE_ORDER: "the quoted total has to be deposited before confirm, under the payment's id",
    PaymentType.ON_FULFILLMENT: "the invoice comes when the energy has been returned, and is due then",
    PaymentType.POST_FULFILLMENT: "the invoice comes when the energy has been returned",
}


async def handle(desk: Desk, received: Received) -> Decision:
    """Keep who pays, and answer with quote, payment terms and form."""
    order = await order_content(desk, received)
    moment, asked = desk.moment(), Consent(form_token=new_token(), once=new_token())
    peer = peer_of(received)

    def decide(tx: Connection) -> None:
        known = trade.parts_of_transaction(tx, peer.bap_id, peer.transaction_id)
        stage = after(known[0].stage if known else Stage.NEW, "init")
        selected = selection_of(known, order)
        if known[0].quote_until < moment.wire:
            raise TradeRefused(QUOTE_UNAVAILABLE, "The quote's time is over: select again.", "/message/order/quote")
        if order.billing is None:
            raise TradeRefused(INVALID_REQUEST, "Say in billing who pays.", "/message/order/billing")
        check_payment(order, desk.settings.payments.payment_type)
        parts = []
        for part, wanted in selected:
            contract = replace(
                paid_by(part, order.billing, desk.settings),
                peer=peer,
                stage=stage,
                state=ContractState.INITIATED,
                state_at=moment.trade,
                producer_meter_address=wanted.producer_meter_address or part.producer_meter_address,
            )
            parts.append(contract)
        # Agreed to once for a selection: asking for the terms again changes nothing about that.
        parts[0] = replace(parts[0], consent=known[0].consent or asked)
        for part in parts:
            trade.save(tx, part)
        desk.answer(tx, received, desk.order_of_parts(tx, parts, {}), moment)

    return decide


def selection_of(known: Sequence[Contract], order: Order) -> list[tuple[Contract, Order]]:
    """Each contract of a selection with what the order says of its battery.

    Raises:
        TradeRefused: 40003, the order is for something else than what was quoted.
    """
    wanted = {part.item_id: part for part in order.each}
    quoted = {part.battery_id: (part.battery_id, part.use, part.mode) for part in known}
    if {item_id: (item_id, part.use, part.mode) for item_id, part in wanted.items()} != quoted:
        sentence = "The quote is for another battery, amount, window or way of dispatch: select again."
        raise TradeRefused(QUOTE_UNAVAILABLE, sentence, "/message/order")
    return [(part, wanted[part.battery_id]) for part in known]


def check_payment(order: Order, offered: PaymentType) -> None:
    """Refuse every payment term but the operator's.

    Raises:
        TradeRefused: 40004.
    """
    if order.payment is not None and order.payment.payment_type is not offered:
        sentence = f"Payment is {offered} here: {_TERMS[offered]}."
        raise TradeRefused(PAYMENT_NOT_SUPPORTED, sentence, "/message/order/payments/0/type")
