"""``track``: where live values can be read, at a URL that only the contract's sides know, for some hours."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from bpp.actions.lookups import ORDER_ID_PATH, content_of, order_of_sender
from bpp.contracts import going_on
from bpp.desk import Desk
from bpp.tracking import made
from energy.offers import Tracking, TrackRequest
from node.inbox import Decision, Received
from protocol.lifecycle import Stage, after


async def handle(desk: Desk, received: Received) -> Decision:
    """Tell the URL. We do not call back at ``callback_url``: ``on_status`` tells what is new."""
    order_id = content_of(received, TrackRequest).order_id
    moment = desk.moment()

    def decide(tx: Connection) -> None:
        contract = going_on(order_of_sender(tx, received, order_id, ORDER_ID_PATH))
        after(contract.stage, "track")
        assert contract.track_token is not None  # Every confirmed contract has one.
        until = moment.wire + timedelta(hours=desk.terms.track_link_hours)
        url = desk.url("track", made(contract.contract_id, until, contract.track_token))
        tracking = Tracking(contract.order_id, url, contract.stage is Stage.ACTIVE)
        desk.answer(tx, received, tracking, moment)

    return decide
