"""Searches and their offers as they are remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bap.store import searches
from bap.store.records import UNDELIVERED, Failure
from node.database import Database
from tests.bap.examples import FOUND, NOW, OFFER, SEARCH


async def test_the_newest_searches_come_first_each_with_the_number_of_its_answers(database: Database) -> None:
    for number in range(3):
        later = replace(SEARCH, search_id=f"search-{number}", created_at=NOW + timedelta(seconds=number))
        await database.write(lambda tx, later=later: searches.add(tx, later))
    await database.write(lambda tx: searches.add_answer(tx, "search-1", "bpp.test", 7, NOW))
    latest = await database.read(lambda tx: searches.latest(tx, 2))
    assert [(one.search_id, one.answers) for one in latest] == [("search-2", 0), ("search-1", 1)]


async def test_an_unknown_search_or_offer_is_nothing(database: Database) -> None:
    assert await database.read(lambda tx: searches.load(tx, "nowhere")) is None
    assert await database.read(lambda tx: searches.offer_of(tx, "nowhere", "nothing")) is None


async def test_an_offer_is_found_in_its_own_search_only(database: Database) -> None:
    await database.write(lambda tx: searches.put_offers(tx, [FOUND], 7, NOW, limit=10))
    assert await database.read(lambda tx: searches.offer_of(tx, SEARCH.search_id, FOUND.offer_id)) == FOUND
    assert await database.read(lambda tx: searches.offer_of(tx, "another", FOUND.offer_id)) is None


async def test_offers_without_room_are_counted(database: Database) -> None:
    more = [replace(FOUND, offer_id=f"o{n}", offer=replace(OFFER, item_id=f"battery-{n}")) for n in range(4)]
    assert await database.write(lambda tx: searches.put_offers(tx, more, 7, NOW, limit=3)) == 1
    assert await database.write(lambda tx: searches.put_offers(tx, [], 7, NOW, limit=3)) == 0


async def test_a_search_that_could_not_be_delivered_says_so(database: Database) -> None:
    await database.write(lambda tx: searches.add(tx, SEARCH))
    failure = Failure("search", UNDELIVERED, "search could not be delivered: the gateway is down")
    await database.write(lambda tx: searches.fail(tx, SEARCH.search_id, failure))
    search = await database.read(lambda tx: searches.load(tx, SEARCH.search_id))
    assert search is not None
    assert search.error == failure
