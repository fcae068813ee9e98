"""Offers as they come in: whose they are, which replace which, and how many are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bap.app import VERSIONS
from bap.callbacks.catalogs import Catalogs
from bap.store import searches
from bap.store.records import FoundOffer
from energy.searches import Catalog, CatalogPage, Offer
from energy.wire.v1.writer import write
from node.database import Database
from node.ids import new_uuid
from node.inbox import Received
from node.migrations.run import NODE_VERSIONS
from protocol.errors import TradeRefused
from tests.bap.callbacks.mail import callback
from tests.bap.examples import BPP_ID, BPP_URI, NOW, OFFER, PROVIDER, SEARCH


@asynccontextmanager
async def fresh_market(folder: Path) -> AsyncIterator[Database]:
    """The same in a file of its own, for each example of a property."""
    opened = Database(f"sqlite:///{folder / new_uuid()}.sqlite", (NODE_VERSIONS, VERSIONS))
    await opened.start()
    try:
        await opened.write(lambda tx: searches.add(tx, SEARCH))
        yield opened
    finally:
        await opened.stop()


@pytest.fixture
async def market(database: Database) -> Database:
    """A database that knows one search."""
    await database.write(lambda tx: searches.add(tx, SEARCH))
    return database


def catalog(*offers: Offer, **more: Any) -> Received:
    return callback("on_search", Catalog(PROVIDER, offers), SEARCH.message_id, **more)


def page(number: int, pages: int, **more: Any) -> Received:
    offer = replace(OFFER, item_id=f"battery-{number}")
    mark = CatalogPage(number, pages, pages)
    return callback("on_search", Catalog(PROVIDER, (offer,), page=mark), SEARCH.message_id, **more)


async def missing(database: Database) -> int:
    search = await database.read(lambda tx: searches.load(tx, SEARCH.search_id))
    assert search is not None
    return search.pages_missing


async def take(database: Database, received: Received, offers_max: int = 100) -> None:
    await database.write(await Catalogs(lambda: NOW, offers_max).handle(received))


async def found(database: Database) -> list[FoundOffer]:
    return await database.read(lambda tx: searches.offers_of(tx, SEARCH.search_id))


async def answers(database: Database) -> int:
    search = await database.read(lambda tx: searches.load(tx, SEARCH.search_id))
    assert search is not None
    return search.answers


async def test_the_offers_of_an_answer_are_kept_with_where_they_came_from(market: Database) -> None:
    await take(market, catalog(OFFER))
    (only,) = await found(market)
    assert (only.bpp_id, only.bpp_uri, only.offer) == (BPP_ID, BPP_URI, OFFER)
    assert await answers(market) == 1


async def test_a_later_offer_of_the_same_battery_takes_the_place_and_id_of_the_earlier(market: Database) -> None:
    await take(market, catalog(OFFER))
    (earlier,) = await found(market)
    later = replace(OFFER, free_energy_wh=310_000)
    await take(market, catalog(later, replace(OFFER, item_id="battery-2")))
    by_item = {one.offer.item_id: one for one in await found(market)}
    assert (by_item["battery-1"].offer_id, by_item["battery-1"].offer) == (earlier.offer_id, later)
    assert set(by_item) == {"battery-1", "battery-2"}
    assert await answers(market) == 1


async def test_the_same_battery_offered_by_two_platforms_is_two_offers(market: Database) -> None:
    await take(market, catalog(OFFER))
    await take(market, catalog(OFFER, sender_id="other.test"))
    assert {one.bpp_id for one in await found(market)} == {BPP_ID, "other.test"}
    assert await answers(market) == 2


async def test_a_search_keeps_only_so_many_offers(market: Database) -> None:
    many = [replace(OFFER, item_id=f"battery-{number}") for number in range(5)]
    await take(market, catalog(*many), offers_max=3)
    assert len(await found(market)) == 3
    await take(market, catalog(replace(many[0], free_energy_wh=1_000)), offers_max=3)
    assert len(await found(market)) == 3


async def test_an_empty_catalog_is_an_answer(market: Database) -> None:
    await take(market, catalog())
    assert (await found(market), await answers(market)) == ([], 1)


async def test_a_platform_that_says_no_has_answered(market: Database) -> None:
    await take(market, callback("on_search", None, SEARCH.message_id, error={"code": "40000", "message": "no"}))
    assert (await found(market), await answers(market)) == ([], 1)


async def test_offers_for_an_unknown_search_are_ignored(market: Database) -> None:
    with pytest.raises(TradeRefused, match="not known here"):
        await take(market, catalog(OFFER, transaction_id="another"))
    assert await found(market) == []


async def test_offers_under_another_message_id_than_the_searchs_are_ignored(market: Database) -> None:
    stray = callback("on_search", Catalog(PROVIDER, (OFFER,)), "another")
    with pytest.raises(TradeRefused, match="message_id"):
        await take(market, stray)
    assert await found(market) == []


async def test_a_catalog_that_can_not_be_read_is_ignored(market: Database) -> None:
    message = write("on_search", Catalog(PROVIDER, (OFFER,)))
    del message["catalog"]["providers"][0]["items"][0]["location_ids"]
    with pytest.raises(TradeRefused, match="location_ids"):
        await take(market, callback("on_search", message, SEARCH.message_id))
    assert await answers(market) == 0


@given(st.permutations(range(1, 5)), st.lists(st.integers(1, 4), max_size=4))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_make_one_answer_in_any_order_and_however_often_they_come(
    tmp_path: Path, order: list[int], again: list[int]
) -> None:
    async with fresh_market(tmp_path) as market:
        for count, number in enumerate([*order, *again], 1):
            await take(market, page(number, 4))
            assert await missing(market) == max(0, 4 - count)
        assert sorted(one.offer.item_id for one in await found(market)) == [f"battery-{n}" for n in range(1, 5)]
        assert await answers(market) == 1


async def test_pages_of_one_platform_are_not_missed_from_another(market: Database) -> None:
    await take(market, page(2, 3))
    await take(market, catalog(OFFER, sender_id="other.test"))
    assert (await missing(market), await answers(market)) == (2, 2)
