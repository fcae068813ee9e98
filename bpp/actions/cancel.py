"""``cancel``: a contract ends before charging begins, for a fee, and its capacity is free again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sqlalchemy import Connection

from bpp.actions.lookups import ORDER_ID_PATH, content_of, order_of_sender, peer_of
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.store import fleet, trade
from energy.offers import Cancellation, CancelRequest, ContractState, Quote
from energy.settlement import cancellation_fee
from energy.tariffs import lines_total
from node.clocks import Moment
from node.ids import new_uuid
from node.inbox import Decision, Received
from protocol.errors import CANCELLATION_NOT_POSSIBLE, INVALID_CANCELLATION_REASON, TradeRefused
from protocol.lifecycle import after

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "1": "Plans have changed",
        "2": "A better offer was found",
        "3": "The plant is out of service",
        "4": "Ordered by mistake",
        "5": "The grid is down",
    }
)
"""Why a contract may be cancelled, by the id on the wire (number 5 is DENT's, ENERGY 1.1)."""

_REASON_PATH = "/message/cancellation_reason_id"


async def handle(desk: Desk, received: Received) -> Decision:
    """Free the booking, and put the fee in the place of the quote."""
    request = content_of(received, CancelRequest)
    moment, quote_id = desk.moment(), new_uuid()

    def decide(tx: Connection) -> None:
        known = order_of_sender(tx, received, request.order_id, ORDER_ID_PATH)
        stage = after(known.stage, "cancel")
        if request.reason_id not in REASONS:
            reasons = ", ".join(f"{id_} ({text})" for id_, text in REASONS.items())
            raise TradeRefused(INVALID_CANCELLATION_REASON, f"Name a reason: {reasons}.", _REASON_PATH)
        if known.use.charge.start <= moment.trade:
            sentence = "Charging has begun: the contract runs until the energy has been returned."
            raise TradeRefused(CANCELLATION_NOT_POSSIBLE, sentence, ORDER_ID_PATH)
        contract = replace(
            known,
            peer=replace(known.peer, bap_uri=peer_of(received).bap_uri),
            stage=stage,
            state=ContractState.CANCELLED,
            state_at=moment.trade,
            quote=_fee(known, quote_id),
            cancellation=_cancellation(request, moment),
            updated_at=moment.trade,
        )
        fleet.release(tx, known.contract_id)
        trade.save(tx, contract)
        desk.answer(tx, received, desk.order(tx, contract), moment)

    return decide


def _fee(known: Contract, quote_id: str) -> Quote:
    tariff = known.listed.tariff
    lines = cancellation_fee(tariff, known.quote.lines, known.listed.cancellation.fee_percent)
    return Quote(quote_id, lines, lines_total(lines, tariff.currency), known.quote.ttl_s)


def _cancellation(request: CancelRequest, moment: Moment) -> Cancellation:
    reason = request.reason or REASONS[request.reason_id]
    return Cancellation(by_consumer=True, reason_id=request.reason_id, reason=reason, time=moment.trade)
