"""The finder against the catalog: what search answers is what a look at the whole fleet would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from bpp.app import BPP_VERSIONS
from bpp.capacity import Booking
from bpp.catalog import ListedBattery, offers_for
from bpp.finder import Finder
from bpp.store import books, fleet, sites
from energy.battery import profile
from energy.offers import DispatchMode, Place, Provider, StorageUse
from energy.searches import SearchIntent, SortBy
from energy.sites import Curtailment, Site
from energy.tariffs import OccupancyStep
from node.clocks import Clocks, Moment
from node.database import Database
from node.settings import TradeTimeSettings
from tests.bpp.platform import LISTED, TERMS, WIRE
from tests.energy.examples import BATTERY, NOVEMBER, TARIFF, batteries, hours, tariffs

T = TypeVar("T")
PROVIDER = Provider("operator", "Storage of Bengaluru")
MOMENT = Moment(wire=WIRE, trade=NOVEMBER)
HEBBAL = BATTERY.place
HOME = "std:080"
USES = [
    StorageUse(energy_wh, hours(start, start + 4), hours(start + 8, start + 12))
    for energy_wh in (5_000, 40_000, 150_000)
    for start in (24, 26, 30)
]


def finder_of(database: Database) -> Finder:
    clocks = Clocks(TradeTimeSettings(epoch=NOVEMBER, started=WIRE, speed=1), lambda: WIRE)
    return Finder(database, PROVIDER, TERMS, clocks)


def near(number: int) -> Place:
    """Places in rows of a town, a kilometre apart; every fifth one stands where another one does."""
    return Place(HEBBAL.latitude + Decimal("0.01") * (number % 5), HEBBAL.longitude + Decimal("0.01") * (number % 3))


@st.composite
def listings(draw: st.DrawFn) -> ListedBattery:
    drawn = draw(st.just(BATTERY) | batteries())
    tariff = draw(st.just(TARIFF) | tariffs())
    steps = (OccupancyStep(20, Decimal("12.5")), OccupancyStep(50, Decimal(-10)), OccupancyStep(80, Decimal(40)))
    if draw(st.booleans()):
        tariff = replace(tariff, occupancy=steps, change_percent=None)
    return ListedBattery(
        battery=replace(
            drawn, site_id=draw(st.none() | st.just("hill")), name=draw(st.sampled_from(["Hebbal", "Lake"]))
        ),
        tariff=tariff,
        modes=draw(st.sampled_from([(DispatchMode.AUTOMATIC,), tuple(DispatchMode)])),
        cancellation=TERMS,
        min_energy_wh=draw(st.sampled_from([0, 10_000])),
        in_service=draw(st.sampled_from([True, True, True, False])),
        city_code=draw(st.sampled_from([None, "std:044"])),
    )


@st.composite
def intents(draw: st.DrawFn) -> SearchIntent:
    use = draw(st.sampled_from(USES))
    named = draw(st.booleans())
    return SearchIntent(
        energy_wh=use.energy_wh,
        charge=use.charge if named else None,
        giveback=use.giveback if named else None,
        near=draw(st.none() | st.just(HEBBAL)),
        radius_m=draw(st.none() | st.sampled_from([500, 2_500, 50_000])),
        mode=draw(st.none() | st.sampled_from(DispatchMode)),
        min_power_w=draw(st.none() | st.sampled_from([20_000, 90_000])),
        max_price=draw(st.none() | st.sampled_from([Decimal(5), Decimal(40)])),
        min_efficiency=draw(st.none() | st.sampled_from([Decimal("0.6"), Decimal("0.88")])),
        city_code=draw(st.none() | st.sampled_from([HOME, "std:044"])),
        item_id=draw(st.none() | st.none() | st.just("battery-1")),
        item_name=draw(st.none() | st.just("hebbal")),
        text=draw(st.none() | st.just("lfp bengaluru")),
        polygon=draw(st.sampled_from([(), (near(0), near(1), near(4))])),
        sort=draw(st.none() | st.sampled_from(SortBy)),
    )


def run(folder: Path, scenario: Callable[[Database], T]) -> T:
    """What an asynchronous scenario makes of a fresh database."""

    async def within() -> T:
        database = Database(f"sqlite:///{folder / 'fleet.sqlite'}", [BPP_VERSIONS])
        await database.start()
        try:
            return await scenario(database)  # type: ignore[misc,no-any-return]
        finally:
            await database.stop()

    return asyncio.run(within())


def sell(tx: Connection, listed: ListedBattery, number: int, use: StorageUse, hold: bool) -> None:
    booking = Booking.of(f"contract-{number}", use, profile(listed.battery, use))
    if hold:
        fleet.hold(tx, listed.battery.battery_id, booking, WIRE + timedelta(seconds=60))
    else:
        fleet.commit(tx, listed.battery.battery_id, booking)


@given(
    fleet_drawn=st.lists(st.tuples(listings(), st.none() | st.sampled_from(USES), st.booleans()), max_size=12),
    asked=st.lists(intents(), min_size=1, max_size=4),
    limit=st.sampled_from([1, 3, 50]),
)
@settings(max_examples=40, deadline=None)
def test_search_finds_what_a_look_at_the_whole_fleet_finds_in_the_same_order(
    fleet_drawn: list[tuple[ListedBattery, StorageUse | None, bool]], asked: list[SearchIntent], limit: int
) -> None:
    stores = [
        (
            replace(listed, battery=replace(listed.battery, battery_id=f"battery-{number}", place=near(number))),
            use,
            hold,
        )
        for number, (listed, use, hold) in enumerate(fleet_drawn)
    ]

    async def scenario(database: Database) -> None:
        finder = finder_of(database)

        def fill(tx: Connection) -> None:
            sites.save(tx, Site("hill", 120_000, 120_000, (Curtailment(hours(26, 27), import_limit_w=20_000),)))
            for number, (listed, use, hold) in enumerate(stores):
                fleet.save_battery(tx, listed)
                if use is not None:
                    sell(tx, listed, number, use, hold)

        await database.write(fill)
        for intent in asked:
            window = None if intent.use is None else intent.use.booked
            ids = [listed.battery.battery_id for listed, _, _ in stores]
            look = partial(books.with_books, cancellation=TERMS, battery_ids=ids, moment=MOMENT, window=window)
            known = await database.read(look)
            offers = offers_for(intent, PROVIDER, known, 3_600, limit, HOME)
            found = await finder.find(intent, MOMENT, limit, HOME)
            assert [each.battery_id for each in found] == [offer.item_id for offer in offers]

    with TemporaryDirectory() as folder:
        run(Path(folder), scenario)


INTENT = SearchIntent(USES[2].energy_wh, USES[2].charge, USES[2].giveback, near=HEBBAL, radius_m=20_000)


@pytest.fixture
async def database(database_url: str) -> object:
    opened = Database(database_url, [BPP_VERSIONS])
    await opened.start()
    yield opened
    await opened.stop()


async def found_by(finder: Finder, intent: SearchIntent = INTENT, moment: Moment = MOMENT) -> list[str]:
    return [each.battery_id for each in await finder.find(intent, moment, 50, HOME)]


async def test_what_changes_is_seen_by_the_next_search(database: Database) -> None:
    finder = finder_of(database)
    assert await found_by(finder) == []
    await database.write(lambda tx: fleet.save_battery(tx, LISTED))
    assert await found_by(finder) == ["battery-1"]
    use = StorageUse(340_000, INTENT.charge, INTENT.giveback)  # type: ignore[arg-type]
    await database.write(lambda tx: sell(tx, LISTED, 1, use, hold=False))
    assert await found_by(finder, replace(INTENT, energy_wh=50_000)) == []
    await database.write(lambda tx: fleet.release(tx, "contract-1"))
    assert await found_by(finder) == ["battery-1"]
    await database.write(lambda tx: fleet.save_battery(tx, replace(LISTED, in_service=False)))
    assert await found_by(finder) == []


async def test_a_battery_that_moves_is_found_where_it_is_and_not_where_it_was(database: Database) -> None:
    finder = finder_of(database)
    away = replace(BATTERY, place=Place(Decimal(28), Decimal(77)))
    await database.write(lambda tx: fleet.save_battery(tx, LISTED))
    assert await found_by(finder) == ["battery-1"]
    await database.write(lambda tx: fleet.save_battery(tx, replace(LISTED, battery=away)))
    assert await found_by(finder) == []
    assert await found_by(finder, replace(INTENT, near=away.place)) == ["battery-1"]


async def test_capacity_that_a_quote_holds_is_not_offered_until_the_hold_ends(database: Database) -> None:
    finder = finder_of(database)
    use = StorageUse(340_000, INTENT.charge, INTENT.giveback)  # type: ignore[arg-type]
    await database.write(lambda tx: fleet.save_battery(tx, LISTED))
    await database.write(lambda tx: sell(tx, LISTED, 1, use, hold=True))
    assert await found_by(finder, replace(INTENT, energy_wh=50_000)) == []
    later = Moment(wire=WIRE + timedelta(seconds=60), trade=NOVEMBER)
    assert await found_by(finder, replace(INTENT, energy_wh=50_000), later) == ["battery-1"]


async def test_a_new_start_knows_the_batteries_whose_bookings_changed_last(database: Database) -> None:
    names = [f"battery-{number:03d}" for number in range(250)]

    def fill(tx: Connection) -> None:
        for name in names:
            fleet.save_battery(tx, replace(LISTED, battery=replace(BATTERY, battery_id=name)))
        # Its last change is the very last, its own number the very first.
        sell(tx, replace(LISTED, battery=replace(BATTERY, battery_id=names[0])), 1, USES[0], hold=False)

    await database.write(fill)
    assert await found_by(finder_of(database), replace(INTENT, item_id=names[0])) == [names[0]]
    assert len(await finder_of(database).find(INTENT, MOMENT, 300, HOME)) == 250


async def test_another_process_sees_what_this_one_sells(database: Database) -> None:
    here, there = finder_of(database), finder_of(database)
    await database.write(lambda tx: fleet.save_battery(tx, LISTED))
    assert await found_by(here) == await found_by(there) == ["battery-1"]
    use = StorageUse(340_000, INTENT.charge, INTENT.giveback)  # type: ignore[arg-type]
    await database.write(lambda tx: sell(tx, LISTED, 1, use, hold=False))
    assert await found_by(here, replace(INTENT, energy_wh=50_000)) == []
    assert await found_by(there, replace(INTENT, energy_wh=50_000)) == []


async def test_a_started_finder_follows_the_fleet_by_itself(database: Database) -> None:
    finder = finder_of(database)
    await finder.start()
    await database.write(lambda tx: fleet.save_battery(tx, LISTED))
    for _ in range(200):
        if await found_by(finder):
            break
        await asyncio.sleep(0.02)
    assert await found_by(finder) == ["battery-1"]
    await finder.stop()


async def test_of_many_at_one_price_and_place_the_first_by_their_ids_are_found(database: Database) -> None:
    finder = finder_of(database)
    names = [f"battery-{number:03d}" for number in range(120)]

    def fill(tx: Connection) -> None:
        for name in reversed(names):
            fleet.save_battery(tx, replace(LISTED, battery=replace(BATTERY, battery_id=name)))

    await database.write(fill)
    found = await finder.find(INTENT, MOMENT, 50, HOME)
    assert [each.battery_id for each in found] == names[:50]
    assert {each.total for each in found} == {found[0].total}
