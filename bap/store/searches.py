"""Searches, who answered them, and the offers that came: functions of one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, func, insert, select, update

from bap.store.documents import decode, encode
from bap.store.records import Failure, FoundOffer, Search
from bap.store.tables import answer_pages, answers, news, offers, searches
from energy.searches import CatalogPage, Offer, SearchIntent
from node.clocks import milliseconds, moment_of
from node.database import lock, notify

ONLY_PAGE = CatalogPage(1, 1, 0)
"""What an answer counts as that does not say which page it is."""


def add(tx: Connection, search: Search) -> None:
    """Remember a search that is about to be sent."""
    tx.execute(
        insert(searches).values(
            search_id=search.search_id,
            message_id=search.message_id,
            created_at_ms=milliseconds(search.created_at),
            intent=encode(search.intent),
            account=search.account,
        )
    )


def load(tx: Connection, search_id: str) -> Search | None:
    """One search with the number of its answers."""
    row = tx.execute(_SEARCHES.where(searches.c.search_id == search_id)).first()
    return None if row is None else _search(row)


def account_of(tx: Connection, search_id: str) -> str | None:
    """Whose search it is; None: there is none."""
    account: str | None = tx.scalar(select(searches.c.account).where(searches.c.search_id == search_id))
    return account


def latest(tx: Connection, limit: int, account: str | None = None) -> list[Search]:
    """The newest searches (of this account), newest first."""
    asked = _SEARCHES if account is None else _SEARCHES.where(searches.c.account == account)
    rows = tx.execute(asked.order_by(searches.c.created_at_ms.desc(), searches.c.search_id).limit(limit))
    return [_search(row) for row in rows]


def hold(tx: Connection, search_id: str) -> Search | None:
    """The same as `load`, and nobody else changes the search or its offers until the transaction ends."""
    lock(tx, searches, [search_id])
    return load(tx, search_id)


def fail(tx: Connection, search_id: str, failure: Failure) -> None:
    """The search could not be delivered."""
    tx.execute(update(searches).where(searches.c.search_id == search_id).values(error=encode(failure)))
    notify(tx, news(search_id))


def add_answer(
    tx: Connection, search_id: str, bpp_id: str, inbox_id: int, now: datetime, page: CatalogPage = ONLY_PAGE
) -> None:
    """A platform has answered with this page; one that came before changes nothing here. Pages come in any order."""
    row = {"search_id": search_id, "bpp_id": bpp_id, "inbox_id": inbox_id}
    whose = (answers.c.search_id == search_id, answers.c.bpp_id == bpp_id)
    announced = tx.scalar(select(answers.c.pages).where(*whose))
    if announced is None:
        tx.execute(insert(answers).values(row | {"received_at_ms": milliseconds(now), "pages": page.pages}))
    elif announced < page.pages:
        tx.execute(update(answers).where(*whose).values(pages=page.pages))
    same = (answer_pages.c.search_id == search_id, answer_pages.c.bpp_id == bpp_id, answer_pages.c.page == page.number)
    if tx.execute(select(answer_pages.c.page).where(*same)).first() is None:
        tx.execute(insert(answer_pages).values(row | {"page": page.number}))
    notify(tx, news(search_id))


def put_offers(tx: Connection, found: Sequence[FoundOffer], inbox_id: int, now: datetime, limit: int) -> int:
    """Store the offers of one answer; a later offer of the same item takes the earlier one's place and keeps its id.

    The search keeps at most ``limit`` offers; the result is how many found no room.
    """
    known = _known_ids(tx, found)
    room = limit - _count(tx, found)
    dropped = 0
    for offer in found:
        values = {"inbox_id": inbox_id, "received_at_ms": milliseconds(now), "offer": encode(offer.offer)}
        offer_id = known.get((offer.offer.provider.provider_id, offer.offer.item_id))
        if offer_id is not None:
            tx.execute(update(offers).where(offers.c.offer_id == offer_id).values(bpp_uri=offer.bpp_uri, **values))
        elif room > 0:
            tx.execute(insert(offers).values(**_key(offer), **values))
            room -= 1
        else:
            dropped += 1
    return dropped


def offers_of(tx: Connection, search_id: str) -> list[FoundOffer]:
    """Every offer of a search, in the order of their ids."""
    rows = tx.execute(select(offers).where(offers.c.search_id == search_id).order_by(offers.c.offer_id))
    return [_offer(row) for row in rows]


def offer_of(tx: Connection, search_id: str, offer_id: str) -> FoundOffer | None:
    """One offer of a search."""
    where = (offers.c.search_id == search_id, offers.c.offer_id == offer_id)
    row = tx.execute(select(offers).where(*where)).first()
    return None if row is None else _offer(row)


_ANSWERS = select(func.count()).where(answers.c.search_id == searches.c.search_id).scalar_subquery()
_ANNOUNCED = select(func.sum(answers.c.pages)).where(answers.c.search_id == searches.c.search_id).scalar_subquery()
_CAME = select(func.count()).where(answer_pages.c.search_id == searches.c.search_id).scalar_subquery()
_MISSING = func.coalesce(_ANNOUNCED, 0) - _CAME
_SEARCHES = select(searches, _ANSWERS.label("answers"), _MISSING.label("pages_missing"))


def _search(row: Row[tuple[object, ...]]) -> Search:
    return Search(
        search_id=row.search_id,
        message_id=row.message_id,
        created_at=moment_of(row.created_at_ms),
        intent=decode(SearchIntent, row.intent),
        error=None if row.error is None else decode(Failure, row.error),
        answers=row.answers,
        pages_missing=int(row.pages_missing),
        account=row.account,
    )


def _offer(row: Row[tuple[object, ...]]) -> FoundOffer:
    return FoundOffer(row.offer_id, row.search_id, row.bpp_id, row.bpp_uri, decode(Offer, row.offer))


def _key(found: FoundOffer) -> Mapping[str, str]:
    return {
        "offer_id": found.offer_id,
        "search_id": found.search_id,
        "bpp_id": found.bpp_id,
        "bpp_uri": found.bpp_uri,
        "provider_id": found.offer.provider.provider_id,
        "item_id": found.offer.item_id,
    }


def _known_ids(tx: Connection, found: Sequence[FoundOffer]) -> dict[tuple[str, str], str]:
    if not found:
        return {}
    columns = (offers.c.provider_id, offers.c.item_id, offers.c.offer_id)
    where = (offers.c.search_id == found[0].search_id, offers.c.bpp_id == found[0].bpp_id)
    rows = tx.execute(select(*columns).where(*where))
    return {(provider_id, item_id): offer_id for provider_id, item_id, offer_id in rows}


def _count(tx: Connection, found: Sequence[FoundOffer]) -> int:
    if not found:
        return 0
    counted = select(func.count()).select_from(offers).where(offers.c.search_id == found[0].search_id)
    return tx.execute(counted).scalar_one()
