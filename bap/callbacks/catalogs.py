"""``on_search``: the offers of one platform, kept as our own copy.

It counts when it answers a search of ours under that search's message id; a platform may answer in several messages.
What an offer's item said before is replaced. An error means that this platform has nothing to offer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bap.store import searches
from bap.store.records import FoundOffer
from energy.offers import Catalog, Offer
from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read
from node.clocks import Now
from node.ids import new_uuid
from node.inbox import Decision, Received
from protocol.errors import ACTION_NOT_APPLICABLE, INVALID_REQUEST, ORDER_NOT_FOUND, TradeRefused
from protocol.verification import Verified

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catalogs:
    """The handler of ``on_search``; ``offers_max`` is how many offers one search keeps."""

    now: Now
    offers_max: int

    async def handle(self, received: Received) -> Decision:
        """Read the catalog; the decision that comes back stores it.

        Raises:
            TradeRefused: it answers no search of ours.
        """
        verified = received.verified
        # A large catalog takes a second to read: other messages need not wait for it.
        offered = await asyncio.to_thread(_offers, verified)
        found = [_found(offer, verified) for offer in offered]
        now = self.now()
        return lambda tx: self._store(tx, received, found, now)

    def _store(self, tx: Connection, received: Received, found: list[FoundOffer], now: datetime) -> None:
        context = received.verified.context
        search = searches.hold(tx, context.transaction_id)
        if search is None:
            raise TradeRefused(ORDER_NOT_FOUND, "the search is not known here")
        if context.message_id != search.message_id:
            raise TradeRefused(ACTION_NOT_APPLICABLE, "it answers no search of ours under this message_id")
        dropped = searches.put_offers(tx, found, received.inbox_id, now, self.offers_max)
        if dropped:
            logger.warning("%d offers found no room", dropped, extra={"transaction_id": search.search_id})
        searches.add_answer(tx, search.search_id, received.verified.sender_id, received.inbox_id, now)


def _offers(verified: Verified) -> tuple[Offer, ...]:
    if verified.error is not None:
        return ()
    try:
        catalog = read("on_search", verified.message)
    except WireError as error:
        raise TradeRefused(INVALID_REQUEST, error.sentence, error.path) from None
    assert isinstance(catalog, Catalog)
    return catalog.offers


def _found(offer: Offer, verified: Verified) -> FoundOffer:
    context = verified.context
    return FoundOffer(
        offer_id=new_uuid(),
        search_id=context.transaction_id,
        bpp_id=verified.sender_id,
        bpp_uri=context.bpp_uri or "",
        offer=offer,
    )
