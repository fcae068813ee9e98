"""``search``: who gets a catalog, and what is in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from energy.searches import Catalog, CatalogPage, SearchIntent
from tests.bpp.platform import LISTED, NAMED, OTHER_TRADE, Letter, Platform, order, running, use
from tests.energy.examples import BATTERY


def intent(energy_wh: int = 300_000, start_h: int = 2, **more: str) -> SearchIntent:
    wanted = use(energy_wh, start_h)
    return SearchIntent(energy_wh, wanted.charge, wanted.giveback, **more)  # type: ignore[arg-type]


def catalog(letter: Letter) -> Catalog:
    assert isinstance(letter.content, Catalog)
    return letter.content


async def test_a_search_is_answered_with_the_batteries_that_fit(platform: Platform) -> None:
    found = catalog(await platform.answer("search", intent()))
    assert found.provider == NAMED
    assert [offer.item_id for offer in found.offers] == [BATTERY.battery_id]
    assert found.expires_at is not None
    assert found.expires_at > platform.clock.now


async def test_what_is_booked_is_not_offered_again(platform: Platform) -> None:
    await platform.buy()
    elsewhere = {"transaction_id": OTHER_TRADE}
    assert await platform.deliver("search", intent(), **elsewhere) == []
    smaller = catalog(await platform.answer("search", intent(50_000), **elsewhere))
    assert smaller.offers[0].free_energy_wh < 110_000


async def test_a_broadcast_that_finds_nothing_here_stays_unanswered(platform: Platform) -> None:
    assert await platform.deliver("search", intent(10**9)) == []


async def test_a_search_that_names_us_gets_an_empty_catalog(platform: Platform) -> None:
    found = catalog(await platform.answer("search", intent(10**9, provider_id=NAMED.provider_id)))
    assert found.offers == ()


async def test_a_search_for_another_provider_stays_unanswered(platform: Platform) -> None:
    assert await platform.deliver("search", intent(provider_id="somebody-else")) == []


async def test_windows_that_can_not_be_booked_find_nothing(platform: Platform) -> None:
    assert await platform.deliver("search", intent(start_h=-2)) == []
    assert await platform.deliver("search", intent(start_h=24 * 400)) == []


async def test_a_battery_out_of_service_is_not_offered(platform: Platform) -> None:
    await platform.put_battery(replace(LISTED, in_service=False))
    assert await platform.deliver("search", intent()) == []


async def test_a_search_without_windows_is_answered_too(platform: Platform) -> None:
    found = catalog(await platform.answer("search", SearchIntent(300_000)))
    assert [offer.item_id for offer in found.offers] == [BATTERY.battery_id]
    assert (await platform.answer("select", order())).code is None


async def test_a_large_answer_comes_in_pages_under_the_searchs_message_id(tmp_path: Path) -> None:
    async with running(tmp_path, page_offers=2) as platform:
        for number in range(5):
            battery = replace(BATTERY, battery_id=f"battery-{number}")
            await platform.put_battery(replace(LISTED, battery=battery))
        letters = await platform.deliver("search", intent())
    catalogs = [catalog(letter) for letter in letters]
    assert len({letter.message_id for letter in letters}) == 1
    assert [found.page for found in catalogs] == [CatalogPage(number, 3, 5) for number in (1, 2, 3)]
    assert sorted(offer.item_id for found in catalogs for offer in found.offers) == [f"battery-{n}" for n in range(5)]


async def test_a_battery_is_in_its_operators_city_unless_it_says_another(platform: Platform) -> None:
    assert await platform.deliver("search", intent(city_code="std:044")) == []
    assert catalog(await platform.answer("search", intent(city_code="std:080"))).offers
    await platform.put_battery(replace(LISTED, city_code="std:044"))
    (offer,) = catalog(await platform.answer("search", intent(city_code="std:044"))).offers
    assert offer.city_code == "std:044"
