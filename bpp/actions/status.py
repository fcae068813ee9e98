"""``status``: how the contract stands, with its live state."""

from __future__ import annotations

from sqlalchemy import Connection

from bpp.actions.lookups import ORDER_ID_PATH, content_of, order_of_sender
from bpp.contracts import going_on
from bpp.desk import Desk
from bpp.store import trade
from energy.offers import StatusRequest
from node.inbox import Decision, Received
from protocol.lifecycle import after


async def handle(desk: Desk, received: Received) -> Decision:
    """Tell the contract as it is; the samples are read before the decision."""
    order_id = content_of(received, StatusRequest).order_id
    moment = desk.moment()
    seen = await desk.database.read(lambda tx: trade.seen_parts(tx, order_id))
    lives = {part.contract_id: await desk.live(part, moment) for part in seen}

    def decide(tx: Connection) -> None:
        parts = order_of_sender(tx, received, order_id, ORDER_ID_PATH)
        after(going_on(parts).stage, "status")
        desk.answer(tx, received, desk.order_of_parts(tx, parts, lives), moment)

    return decide
