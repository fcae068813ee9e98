"""``search``: answered with a catalog when there is something to offer, or when it asks for us by name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from bpp.actions.lookups import content_of
from bpp.capacity import Booking
from bpp.catalog import ListedBattery, offers_for
from bpp.desk import Desk
from bpp.quotes import use_problems
from bpp.store import fleet
from energy.offers import Catalog, Offer, SearchIntent
from energy.wire.v1.writer import write
from node.clocks import Moment
from node.inbox import Decision, Received

_Fleet = list[tuple[ListedBattery, list[Booking]]]


async def handle(desk: Desk, received: Received) -> Decision:
    """Find offers, outside of the transaction: a search decides nothing."""
    intent = content_of(received, SearchIntent)
    moment = desk.moment()
    window = None if intent.use is None else intent.use.booked
    known = await desk.database.read(lambda tx: fleet.on_offer(tx, desk.cancellation, moment, window))
    # The whole fleet's capacity and prices: work for another thread, so that messages do not wait for it.
    message = await asyncio.to_thread(_message, desk, intent, known, moment)

    def decide(tx: Connection) -> None:
        if message is not None:
            desk.answer_with(tx, received, message, moment)

    return decide


def _message(desk: Desk, intent: SearchIntent, known: _Fleet, moment: Moment) -> Mapping[str, Any] | None:
    """The catalog's message; None when a broadcast found nothing here, which is left to others to answer."""
    offers = _offers(desk, intent, known, moment)
    if not offers and intent.provider_id != desk.provider.provider_id:
        return None
    expires_at = moment.wire + timedelta(seconds=desk.terms.catalog_ttl_s)
    return write("on_search", Catalog(desk.provider, offers, expires_at))


def _offers(desk: Desk, intent: SearchIntent, known: _Fleet, moment: Moment) -> tuple[Offer, ...]:
    if intent.use is not None:
        use = intent.use
        known = [(listed, booked) for listed, booked in known if not use_problems(use, moment.trade, listed)]
    return offers_for(intent, desk.provider, known, desk.terms.profile_step_s, desk.terms.offers_max)
