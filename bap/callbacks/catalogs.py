"""``on_search``: the offers of one platform, kept as our own copy.

It counts when it answers a search of ours under that search's message id. A platform may answer in several messages,
in any order: what an offer's item said before is replaced, and where they are marked as pages
(`energy.searches.CatalogPage`) the search knows how many are missing. An error means that this platform has nothing to
offer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bap.store import searches
from bap.store.records import FoundOffer
from energy.searches import Catalog, CatalogPage, Offer
from energy.wire.v1.errors import WireError
from energy.wire.v1.tolerances import TOLERANT
from energy.wire.v1.tolerances.rules import Reading
from node.clocks import Now
from node.ids import new_uuid
from node.inbox import Decision, Received
from node.reading import message_of
from protocol.errors import ACTION_NOT_APPLICABLE, INVALID_REQUEST, ORDER_NOT_FOUND, TradeRefused
from protocol.verification import Verified

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catalogs:
    """The handler of ``on_search``; ``offers_max`` is how many offers one search keeps."""

    now: Now
    offers_max: int
    reading: Reading = TOLERANT

    async def handle(self, received: Received) -> Decision:
        """Read the catalog; the decision that comes back stores it.

        Raises:
            TradeRefused: it answers no search of ours.
        """
        verified = received.verified
        # A large catalog takes a second to read: other messages need not wait for it.
        catalog = await asyncio.to_thread(_catalog, verified, self.reading)
        found = [_found(offer, verified) for offer in (() if catalog is None else catalog.offers)]
        page = (None if catalog is None else catalog.page) or searches.ONLY_PAGE
        now = self.now()
        return lambda tx: self._store(tx, received, found, page, now)

    def _store(
        self, tx: Connection, received: Received, found: list[FoundOffer], page: CatalogPage, now: datetime
    ) -> None:
        context = received.verified.context
        search = searches.hold(tx, context.transaction_id)
        if search is None:
            raise TradeRefused(ORDER_NOT_FOUND, "the search is not known here")
        if context.message_id != search.message_id:
            raise TradeRefused(ACTION_NOT_APPLICABLE, "it answers no search of ours under this message_id")
        dropped = searches.put_offers(tx, found, received.inbox_id, now, self.offers_max)
        if dropped:
            logger.warning("%d offers found no room", dropped, extra={"transaction_id": search.search_id})
        searches.add_answer(tx, search.search_id, received.verified.sender_id, received.inbox_id, now, page)


def _catalog(verified: Verified, reading: Reading) -> Catalog | None:
    """What the platform offers; None when it says no."""
    if verified.error is not None:
        return None
    try:
        catalog = message_of(verified, reading)
    except WireError as error:
        raise TradeRefused(INVALID_REQUEST, error.sentence, error.path) from None
    assert isinstance(catalog, Catalog)
    return catalog


def _found(offer: Offer, verified: Verified) -> FoundOffer:
    context = verified.context
    return FoundOffer(
        offer_id=new_uuid(),
        search_id=context.transaction_id,
        bpp_id=verified.sender_id,
        bpp_uri=context.bpp_uri or "",
        offer=offer,
    )
