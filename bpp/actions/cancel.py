"""``cancel``: a contract ends before its time, for what was used and a fee; or it is asked what that would cost."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.lookups import ORDER_ID_PATH, content_of, order_of_sender, peer_of
from bpp.billing import Bill, settled_quote
from bpp.cancelling import Ids, cancelled_bill, counted_until_now, end
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.store import trade
from energy.cancellations import REASONS, Side, reasons_of
from energy.offers import Cancellation, CancelRequest
from node.clocks import Moment
from node.inbox import Decision, Received
from protocol.errors import CANCELLATION_NOT_POSSIBLE, INVALID_CANCELLATION_REASON, TradeRefused
from protocol.lifecycle import after

_REASON_PATH = "/message/cancellation_reason_id"


async def handle(desk: Desk, received: Received) -> Decision:
    """End the contract and bill it, or tell the bill; what the meter counted is read before the decision."""
    request = content_of(received, CancelRequest)
    moment, ids = desk.moment(), Ids.fresh()
    seen = await desk.database.read(lambda tx: trade.find(tx, request.order_id))
    counted = () if seen is None else await counted_until_now(desk, seen, moment)

    def decide(tx: Connection) -> None:
        known = order_of_sender(tx, received, request.order_id, ORDER_ID_PATH)
        after(known.stage, "cancel")
        _check(known, request, moment)
        bill = cancelled_bill(known, known.listed.cancellation.fee_percent, moment.trade, counted)
        if request.soft:
            desk.answer(tx, received, replace(desk.order(tx, known), quote=settled_quote(bill, ids.quote_id)), moment)
        else:
            contract = end(tx, desk, _by_sender(bill, received), _cancellation(request, moment), moment, ids)
            desk.answer(tx, received, desk.order(tx, contract), moment)

    return decide


def _check(known: Contract, request: CancelRequest, moment: Moment) -> None:
    """Refuse what may not be cancelled, or not for this reason.

    Raises:
        TradeRefused: 30011 a reason that a producer does not have, 50001 the return is over.
    """
    reason = REASONS.get(request.reason_id)
    if reason is None or Side.CONSUMER not in reason.sides:
        reasons = ", ".join(f"{each.reason_id} ({each.text})" for each in reasons_of(Side.CONSUMER))
        raise TradeRefused(INVALID_CANCELLATION_REASON, f"Name a reason: {reasons}.", _REASON_PATH)
    if known.use.giveback.end <= moment.trade:
        sentence = "The return window is over: the contract is about to be settled."
        raise TradeRefused(CANCELLATION_NOT_POSSIBLE, sentence, ORDER_ID_PATH)


def _by_sender(bill: Bill, received: Received) -> Bill:
    """The bill of the contract with the address that its platform has now."""
    known = bill.contract
    return replace(bill, contract=replace(known, peer=replace(known.peer, bap_uri=peer_of(received).bap_uri)))


def _cancellation(request: CancelRequest, moment: Moment) -> Cancellation:
    reason = request.reason or REASONS[request.reason_id].text
    return Cancellation(by_consumer=True, reason_id=request.reason_id, reason=reason, time=moment.trade)
