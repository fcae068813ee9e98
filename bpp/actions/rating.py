"""``rating``: from one to five, for an order, its battery, dispatch or support, or us; and a form for more words."""

from __future__ import annotations

from sqlalchemy import Connection

from bpp.actions.lookups import content_of
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.store import feedback, fleet, trade
from bpp.store.feedback import Feedback
from energy.offers import FeedbackForm, RatingRequest
from energy.wire.v1.fulfillments import fulfillment_id
from node.ids import new_token
from node.inbox import Decision, Received
from protocol.errors import (
    INVALID_RATING,
    RATED_ENTITY_NOT_FOUND,
    RATING_CATEGORY_NOT_SUPPORTED,
    TradeRefused,
)
from protocol.lifecycle import after

ORDER, ITEM, FULFILLMENT, PROVIDER, SUPPORT = "Order", "Item", "Fulfillment", "Provider", "Support"
SUPPORTED = (ORDER, ITEM, FULFILLMENT, PROVIDER, SUPPORT)
_VALUES = range(1, 6)
_ID_PATH = "/message/ratings/0/id"


async def handle(desk: Desk, received: Received) -> Decision:
    """Keep the rating. That of an order or its dispatch counts for its battery, and shows in the catalog."""
    request = content_of(received, RatingRequest)
    moment, token, once = desk.moment(), new_token(), new_token()
    bap_id = received.verified.context.bap_id

    def decide(tx: Connection) -> None:
        rated_id, battery_id = _rated(tx, desk, received, request)
        if request.value not in _VALUES:
            sentence = f"Rate with a whole number from {_VALUES.start} to {_VALUES.stop - 1}."
            raise TradeRefused(INVALID_RATING, sentence, "/message/ratings/0/value")
        fleet.rate(
            tx,
            bap_id=bap_id,
            category=request.category,
            rated_id=rated_id,
            battery_id=battery_id,
            value=int(request.value),
            at=moment.trade,
        )
        asked = feedback.ask(tx, bap_id, Feedback(token, once, request.category, rated_id))
        desk.answer(tx, received, FeedbackForm(desk.url("feedback", asked)), moment)

    return decide


def _rated(tx: Connection, desk: Desk, received: Received, request: RatingRequest) -> tuple[str, str | None]:
    """What is rated, by an id that is its own, and the battery that it counts for.

    Raises:
        TradeRefused: 50003, nothing of that kind can be rated; 30014, there is no such thing of the sender's here.
    """
    category, rated_id = request.category, request.rated_id
    if category not in SUPPORTED:
        sentence = f"Rate one of {', '.join(SUPPORTED)}."
        raise TradeRefused(RATING_CATEGORY_NOT_SUPPORTED, sentence, "/message/ratings/0/rating_category")
    if category in {ORDER, FULFILLMENT, SUPPORT}:
        contract = _order_of(tx, received, request)
        if contract is not None:
            after(contract.stage, "rating")
            return contract.contract_id, None if category == SUPPORT else contract.battery_id
    if category == ITEM and fleet.battery(tx, rated_id, desk.cancellation) is not None:
        return rated_id, rated_id
    if category == PROVIDER and rated_id == desk.provider.provider_id:
        return rated_id, None
    sentence = f"There is no {category} {rated_id[:64]} to rate here; rate an order of yours, a battery or us."
    raise TradeRefused(RATED_ENTITY_NOT_FOUND, sentence, _ID_PATH)


def _order_of(tx: Connection, received: Received, request: RatingRequest) -> Contract | None:
    """The order that is rated by its id, or by the id of its fulfillment in this transaction."""
    context = received.verified.context
    contract = trade.of_order(tx, context.bap_id, request.rated_id)
    if contract is not None or request.category != FULFILLMENT:
        return contract
    parts = trade.parts_of_transaction(tx, context.bap_id, context.transaction_id)
    rated = (part for part in parts if fulfillment_id(part.mode, part.part_no) == request.rated_id)
    return next((part for part in rated if part.is_order), None)
