"""``cancel``: a contract ends before its time, for what was used and a fee; or it is asked what that would cost."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bpp.actions.lookups import ORDER_ID_PATH, content_of, order_of_sender, peer_of
from bpp.billing import Bill, settled_quote
from bpp.cancelling import Ids, cancelled_bill, counted_until_now, end, still_to_end
from bpp.contracts import going_on
from bpp.desk import Desk
from bpp.store import trade
from energy.cancellations import REASONS, Side, reasons_of
from energy.offers import Cancellation, CancelRequest
from energy.orders import PARTS_MAX
from node.clocks import Moment
from node.inbox import Decision, Received
from protocol.errors import CANCELLATION_NOT_POSSIBLE, INVALID_CANCELLATION_REASON, TradeRefused
from protocol.lifecycle import after

_REASON_PATH = "/message/cancellation_reason_id"


async def handle(desk: Desk, received: Received) -> Decision:
    """End the contract and bill it, or tell the bill; what the meter counted is read before the decision."""
    request = content_of(received, CancelRequest)
    moment, ids = desk.moment(), [Ids.fresh() for _ in range(PARTS_MAX)]
    seen = await desk.database.read(lambda tx: trade.seen_parts(tx, request.order_id))
    counted = {part.contract_id: await counted_until_now(desk, part, moment) for part in seen}

    def decide(tx: Connection) -> None:
        parts = order_of_sender(tx, received, request.order_id, ORDER_ID_PATH)
        after(going_on(parts).stage, "cancel")
        _check_reason(request)
        ending = {part.contract_id for part in still_to_end(parts, moment.trade)}
        if not ending:
            sentence = "The return window is over: the contract is about to be settled."
            raise TradeRefused(CANCELLATION_NOT_POSSIBLE, sentence, ORDER_ID_PATH)
        for index, part in enumerate(parts):
            if part.contract_id not in ending:
                continue
            fee_percent = part.listed.cancellation.fee_percent
            bill = cancelled_bill(part, fee_percent, moment.trade, counted[part.contract_id])
            if request.soft:
                parts[index] = replace(part, quote=settled_quote(bill, ids[index].quote_id))
            else:
                cancellation = _cancellation(request, moment)
                parts[index] = end(tx, desk, _by_sender(bill, received), cancellation, moment, ids[index])
        desk.answer(tx, received, desk.order_of_parts(tx, parts, dict.fromkeys(counted)), moment)

    return decide


def _check_reason(request: CancelRequest) -> None:
    """Refuse a reason that a producer does not have.

    Raises:
        TradeRefused: 30011.
    """
    reason = REASONS.get(request.reason_id)
    if reason is None or Side.CONSUMER not in reason.sides:
        reasons = ", ".join(f"{each.reason_id} ({each.text})" for each in reasons_of(Side.CONSUMER))
        raise TradeRefused(INVALID_CANCELLATION_REASON, f"Name a reason: {reasons}.", _REASON_PATH)


def _by_sender(bill: Bill, received: Received) -> Bill:
    """The bill of the contract with the address that its platform has now."""
    known = bill.contract
    return replace(bill, contract=replace(known, peer=replace(known.peer, bap_uri=peer_of(received).bap_uri)))


def _cancellation(request: CancelRequest, moment: Moment) -> Cancellation:
    reason = request.reason or REASONS[request.reason_id].text
    return Cancellation(by_consumer=True, reason_id=request.reason_id, reason=reason, time=moment.trade)
