"""``update``: another amount or other windows at the rates that were agreed, who pays, or that it was paid.

The amount and the charge window stand once charging begins, the return window once the return begins. What is asked
for is quoted and booked in place of what was, in one decision, or nothing changes. A payment that is reported is kept
as said, and stays unpaid until the money is found; that alone may be told of an order that is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.lookups import ITEM_PATH, battery_of_contract, check_capacity, content_of, order_of_sender, peer_of
from bpp.contracts import Contract, PaymentReport, going_on
from bpp.desk import Desk
from bpp.quotes import quote_for, use_problems
from bpp.store import fleet, trade
from bpp.taxes import paid_by
from energy.battery import profile
from energy.offers import ContractState, Payment, StorageUse, UpdateRequest
from energy.quantities import kilo_text
from energy.wire.v1.fulfillments import fulfillment_id
from energy.wire.v1.updates import UPDATE_TARGETS
from node.clocks import Moment
from node.ids import new_uuid
from node.inbox import Decision, Received
from protocol.errors import (
    FULFILLMENT_NOT_FOUND,
    INVALID_REQUEST,
    INVALID_UPDATE_TARGET,
    ITEM_NOT_FOUND,
    PAYMENT_NOT_SUPPORTED,
    QUANTITY_UNAVAILABLE,
    UPDATE_BEYOND_TARGET,
    UPDATE_NOT_POSSIBLE,
    TradeRefused,
)
from protocol.lifecycle import Stage, after

_TARGET_PATH = "/message/update_target"
_ORDER_ID_PATH = "/message/order/id"
_FULFILLMENT_PATH = "/message/order/fulfillments/0"
_PATHS = {
    "energy_wh": "/message/order/items/0/quantity",
    "charge": f"{_FULFILLMENT_PATH}/stops",
    "giveback": f"{_FULFILLMENT_PATH}/stops",
}


async def handle(desk: Desk, received: Received) -> Decision:
    """Make the change, or none of it."""
    request = content_of(received, UpdateRequest)
    moment, quote_id = desk.moment(), new_uuid()

    def decide(tx: Connection) -> None:
        parts = order_of_sender(tx, received, request.order_id, _ORDER_ID_PATH)
        after(going_on(parts).stage, "update")
        _check_target(request, received)
        changing = _changing(parts, request)
        _check_stage(going_on(parts) if changing is None else parts[changing], request)
        for index, part in enumerate(parts):
            contract = replace(part, peer=replace(part.peer, bap_uri=peer_of(received).bap_uri))
            contract = replace(contract, updated_at=moment.trade)
            if index == changing:
                contract = _with_use(tx, desk, contract, request, moment, quote_id)
            if request.billing is not None:
                contract = paid_by(contract, request.billing, desk.settings)
            if request.payment is not None:
                contract = replace(contract, payment_report=_reported(part, request.payment, moment))
            trade.save(tx, contract)
            parts[index] = contract
        untold = dict.fromkeys(part.contract_id for part in parts)
        desk.answer(tx, received, desk.order_of_parts(tx, parts, untold), moment)

    return decide


def _changing(parts: Sequence[Contract], request: UpdateRequest) -> int | None:
    """Which part of the order another amount or window is for, from 0; None: neither changes.

    Raises:
        TradeRefused: 30004 a battery that is not of this order, 30008 no such fulfillment, 30000 none or two are named.
    """
    if request.item_id not in {None, *(part.battery_id for part in parts)}:
        sentence = "A contract stays with its battery: cancel it and select another."
        raise TradeRefused(ITEM_NOT_FOUND, sentence, ITEM_PATH)
    if not request.targets & {"items", "fulfillments"}:
        return None
    if len(parts) == 1:
        return 0
    by_item = {part.battery_id: index for index, part in enumerate(parts)}
    by_fulfillment = {fulfillment_id(part.mode, part.part_no): index for index, part in enumerate(parts)}
    if request.fulfillment_id not in {None, *by_fulfillment}:
        raise TradeRefused(
            FULFILLMENT_NOT_FOUND, f"Name one of {', '.join(by_fulfillment)}.", f"{_FULFILLMENT_PATH}/id"
        )
    named = {by_item.get(request.item_id or ""), by_fulfillment.get(request.fulfillment_id or "")} - {None}
    if len(named) != 1:
        sentence = "Name the one battery of this order that changes: its item by id, or its fulfillment by id."
        raise TradeRefused(INVALID_REQUEST, sentence, "/message/order")
    return named.pop()


def _check_stage(known: Contract, request: UpdateRequest) -> None:
    """Refuse to change what is over.

    Raises:
        TradeRefused: 50002.
    """
    if known.stage is not Stage.ACTIVE and request.targets != {"payments"}:
        sentence = f"The order is {known.stage}; of it, only payments can be updated."
        raise TradeRefused(UPDATE_NOT_POSSIBLE, sentence, _ORDER_ID_PATH)


def _check_target(request: UpdateRequest, received: Received) -> None:
    """Refuse a target that an order does not have, or that is not the message's.

    Raises:
        TradeRefused: 30012 no such target, 30013 more than it names, 30000 less.
    """
    targets, order = request.targets, received.verified.message.get("order", {})
    if not targets <= set(UPDATE_TARGETS):
        sentence = f"What can be updated is {', '.join(UPDATE_TARGETS)}; name one, or several by commas."
        raise TradeRefused(INVALID_UPDATE_TARGET, sentence, _TARGET_PATH)
    beyond = sorted(set(UPDATE_TARGETS) & order.keys() - targets)
    if beyond:
        sentence = f"The order says {', '.join(beyond)}, which update_target does not name."
        raise TradeRefused(UPDATE_BEYOND_TARGET, sentence, f"/message/order/{beyond[0]}")
    for target, given, missing in (
        ("items", request.energy_wh, "how much energy to store instead, as items[0].quantity.selected"),
        ("fulfillments", request.charge or request.giveback or request.return_wh, "another window or amount"),
        ("billing", request.billing, "who pays"),
        ("payments", request.payment, "how it was paid"),
    ):
        if target in targets and given is None:
            raise TradeRefused(INVALID_REQUEST, f"Say {missing}.", f"/message/order/{target}")


def _with_use(
    tx: Connection, desk: Desk, known: Contract, request: UpdateRequest, moment: Moment, quote_id: str
) -> Contract:
    """The contract for the use that is asked for, quoted and booked."""
    use = request.applied_to(known.use)
    _check_in_time(known.use, use, moment)
    _check_use(known, use, moment)
    contract = replace(
        known,
        state=ContractState.UPDATED,
        state_at=moment.trade,
        use=use,
        quote=quote_for(known.listed, use, quote_id, desk.terms.quote_ttl_s, known.discount),
    )
    check_capacity(tx, battery_of_contract(tx, desk, known), contract.booking, moment)
    fleet.commit(tx, contract.battery_id, contract.booking)
    return contract


def _check_in_time(known: StorageUse, wanted: StorageUse, moment: Moment) -> None:
    """Refuse to change what has begun.

    Raises:
        TradeRefused: 50002.
    """
    storing, returning = (wanted.energy_wh, wanted.charge), (wanted.giveback, wanted.return_wh)
    if moment.trade >= known.charge.start and storing != (known.energy_wh, known.charge):
        sentence = "Charging has begun, so amount and charge window stay as they are."
        raise TradeRefused(UPDATE_NOT_POSSIBLE, sentence, _ORDER_ID_PATH)
    if moment.trade >= known.giveback.start and returning != (known.giveback, known.return_wh):
        raise TradeRefused(UPDATE_NOT_POSSIBLE, "The return has begun, so it stays as it is.", _ORDER_ID_PATH)


def _check_use(known: Contract, use: StorageUse, moment: Moment) -> None:
    """Refuse a use that can not be quoted; that charging lies in the past is no mistake once it has begun.

    Raises:
        TradeRefused: 30000 for windows, 40002 for too little energy, or more asked back than there will be.
    """
    now = min(moment.trade, known.use.charge.start)
    for problem in use_problems(use, now, known.listed):
        code = QUANTITY_UNAVAILABLE if problem.path == "energy_wh" else INVALID_REQUEST
        raise TradeRefused(code, problem.sentence, _PATHS[problem.path])
    if use.giveback.start < moment.trade:
        sentence = "The return would begin in the past: name a later time."
        raise TradeRefused(INVALID_REQUEST, sentence, _PATHS["giveback"])
    most_wh = profile(known.listed.battery, replace(use, return_wh=None)).giveback_wh
    if use.return_wh is not None and use.return_wh > most_wh:
        sentence = f"{kilo_text(use.return_wh)} kWh are asked back, and {kilo_text(most_wh)} kWh come back by then."
        raise TradeRefused(QUANTITY_UNAVAILABLE, sentence, f"{_FULFILLMENT_PATH}/tags")


def _reported(known: Contract, payment: Payment, moment: Moment) -> PaymentReport:
    """What the sender says was paid.

    Raises:
        TradeRefused: 30000 no reference or not paid, 40004 another currency.
    """
    path = "/message/order/payments/0"
    if not payment.paid or payment.reference is None:
        sentence = "Say that it was paid (status PAID) and under which reference (params.transaction_id)."
        raise TradeRefused(INVALID_REQUEST, sentence, path)
    currency = known.quote.total.currency
    if payment.amount.currency != currency:
        raise TradeRefused(PAYMENT_NOT_SUPPORTED, f"This is paid in {currency}.", f"{path}/params/currency")
    return PaymentReport(payment.reference, payment.amount, moment.trade)
