"""``rating``: from one to five, for an order, a battery or us."""

from __future__ import annotations

from sqlalchemy import Connection

from bpp.actions.lookups import content_of
from bpp.desk import Desk
from bpp.store import fleet, trade
from energy.offers import FeedbackForm, RatingRequest
from node.inbox import Decision, Received
from protocol.errors import INVALID_RATING, RATED_ENTITY_NOT_FOUND, TradeRefused
from protocol.lifecycle import after

ORDER, ITEM, PROVIDER = "Order", "Item", "Provider"
_VALUES = range(1, 6)
_ID_PATH = "/message/ratings/0/id"


async def handle(desk: Desk, received: Received) -> Decision:
    """Keep the rating. The rating of an order counts for its battery, and shows in the catalog."""
    request = content_of(received, RatingRequest)
    moment = desk.moment()
    bap_id = received.verified.context.bap_id

    def decide(tx: Connection) -> None:
        battery_id = _rated_battery(tx, desk, received, request)
        if request.value not in _VALUES:
            sentence = f"Rate with a whole number from {_VALUES.start} to {_VALUES.stop - 1}."
            raise TradeRefused(INVALID_RATING, sentence, "/message/ratings/0/value")
        fleet.rate(
            tx,
            bap_id=bap_id,
            category=request.category,
            rated_id=request.rated_id,
            battery_id=battery_id,
            value=int(request.value),
            at=moment.trade,
        )
        # We have no form for more words.
        desk.answer(tx, received, FeedbackForm(None), moment)

    return decide


def _rated_battery(tx: Connection, desk: Desk, received: Received, request: RatingRequest) -> str | None:
    """The battery that is rated, by itself or by an order; None for the provider.

    Raises:
        TradeRefused: 30014, there is no such thing of the sender's here.
    """
    bap_id, rated_id = received.verified.context.bap_id, request.rated_id
    if request.category == ORDER:
        contract = trade.of_order(tx, bap_id, rated_id)
        if contract is not None:
            after(contract.stage, "rating")
            return contract.battery_id
    if request.category == ITEM and fleet.battery(tx, rated_id, desk.cancellation) is not None:
        return rated_id
    if request.category == PROVIDER and rated_id == desk.provider.provider_id:
        return None
    sentence = f"There is no {request.category} {rated_id[:64]} to rate here; rate an order of yours, a battery or us."
    raise TradeRefused(RATED_ENTITY_NOT_FOUND, sentence, _ID_PATH)
