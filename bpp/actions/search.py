"""``search``: answered with a catalog when there is something to offer, or when it asks for us by name.

A large answer goes out in pages of ``terms.page_offers`` offers, each a message of its own that says which it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from bpp.actions.lookups import content_of
from bpp.capacity import Book
from bpp.catalog import ListedBattery, offers_for, pages_of
from bpp.desk import Desk
from bpp.quotes import use_problems, window_problems
from bpp.store import books, spoken
from energy.searches import Catalog, Offer, SearchIntent
from energy.wire.v1.writer import write
from node.clocks import Moment
from node.inbox import Decision, Received
from schemas.loader import storage

_Fleet = list[tuple[ListedBattery, Book]]


async def handle(desk: Desk, received: Received) -> Decision:
    """Find offers, outside of the transaction: a search decides nothing."""
    intent = content_of(received, SearchIntent, desk.reading)
    moment = desk.moment()
    known = await _found(desk, intent, moment)
    named = desk.provider.provider_id == intent.provider_id or received.verified.context.bpp_id is not None
    # Profiles and the message's text take their time: work for another thread, so that messages do not wait for it.
    messages = await asyncio.to_thread(_messages, desk, intent, known, moment, named)

    verified, context = received.verified, received.verified.context
    # Who writes the strict form names the whole use in every order again.
    terse = intent.use is None or not storage(verified.action).is_valid(verified.content)

    def decide(tx: Connection) -> None:
        if messages and terse:
            spoken.remember(tx, context.bap_id, context.transaction_id, intent, moment.wire)
        for message in messages:
            desk.answer_with(tx, received, message, moment)

    return decide


async def _found(desk: Desk, intent: SearchIntent, moment: Moment) -> _Fleet:
    """The batteries that serve the search, and their books."""
    if intent.use is not None and window_problems(intent.use, moment.trade):
        return []
    found = await desk.finder.find(intent, moment, desk.terms.offers_max, desk.settings.city_code)
    ids, window = [each.battery_id for each in found], None if intent.use is None else intent.use.booked
    return await desk.database.read(lambda tx: books.with_books(tx, desk.cancellation, ids, moment, window))


def _messages(desk: Desk, intent: SearchIntent, known: _Fleet, moment: Moment, named: bool) -> list[Mapping[str, Any]]:
    """The catalog, page by page; nothing when a broadcast finds nothing here, which is left to others to answer."""
    offers = _offers(desk, intent, known, moment)
    if not offers and not named:
        return []
    expires_at = moment.wire + timedelta(seconds=desk.terms.catalog_ttl_s)
    return [
        write("on_search", Catalog(desk.provider, part, expires_at, page))
        for part, page in pages_of(offers, desk.terms.page_offers)
    ]


def _offers(desk: Desk, intent: SearchIntent, known: _Fleet, moment: Moment) -> tuple[Offer, ...]:
    if intent.use is not None:
        use = intent.use
        known = [(listed, booked) for listed, booked in known if not use_problems(use, moment.trade, listed)]
    terms, home_city = desk.terms, desk.settings.city_code
    return offers_for(intent, desk.provider, known, terms.profile_step_s, terms.offers_max, home_city)
