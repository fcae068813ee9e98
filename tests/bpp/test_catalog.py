from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpp.capacity import Book, Booking, refusals
from bpp.catalog import PROFILE_SLOTS_MAX, ListedBattery, offers_for, pages_of, use_lines
from energy.battery import profile
from energy.limits import limits_of
from energy.offers import CancellationTerms, DispatchMode, Place, Provider, StorageUse
from energy.searches import PAGES_MAX, CatalogPage, Offer, SearchIntent, SortBy
from energy.tariffs import Rate, RateUnit, Tariff, lines_total
from tests.energy.examples import BATTERY, TARIFF, USE, batteries, hours, uses

PROVIDER = Provider("operator", "Storage of Bengaluru")
HEBBAL = BATTERY.place
INTENT = SearchIntent(energy_wh=USE.energy_wh, charge=USE.charge, giveback=USE.giveback, near=HEBBAL, radius_m=20_000)
STEP_S = 3600


def priced(per_kwh_month: str) -> Tariff:
    return replace(TARIFF, rates=(Rate(RateUnit.KWH_MONTH, Decimal(per_kwh_month)),))


def listed(battery_id: str = "battery-1", *, tariff: Tariff = TARIFF, place: Place = HEBBAL) -> ListedBattery:
    return ListedBattery(
        battery=replace(BATTERY, battery_id=battery_id, place=place),
        tariff=tariff,
        modes=(DispatchMode.AUTOMATIC,),
        cancellation=CancellationTerms(Decimal(10)),
        min_energy_wh=10_000,
        rating=Decimal("4.5"),
    )


def found(
    intent: SearchIntent, *fleet: ListedBattery, bookings: Sequence[Booking] = (), offers_max: int = 50
) -> list[str]:
    books = [(battery, Book(bookings)) for battery in fleet]
    shown = offers_for(intent, PROVIDER, books, STEP_S, offers_max, home_city="std:080")
    return [offer.item_id for offer in shown]


def ring(half: str, east: str = "0") -> tuple[Place, ...]:
    """A diamond around the battery, or so many degrees east of it."""
    latitude, longitude, away = HEBBAL.latitude, HEBBAL.longitude + Decimal(east), Decimal(half)
    return (
        Place(latitude - away, longitude),
        Place(latitude, longitude + away),
        Place(latitude + away, longitude),
        Place(latitude, longitude - away),
    )


def booking(use: StorageUse) -> Booking:
    return Booking.of("there", use, profile(BATTERY, use))


def test_an_offer_tells_all_that_its_battery_and_its_book_say() -> None:
    # 37.6 kWh in store and 10 kW while charging; the taper begins when 323 kWh are sold.
    there = booking(replace(USE, energy_wh=40_000, giveback=hours(100, 104)))
    (offer,) = offers_for(INTENT, PROVIDER, [(listed(), Book([there]))], STEP_S)
    assert offer == Offer(
        provider=PROVIDER,
        item_id="battery-1",
        name="Hebbal 1",
        place=HEBBAL,
        meter_address="der://meter/hebbal-1",
        modes=(DispatchMode.AUTOMATIC,),
        tariff=TARIFF,
        specification=BATTERY.specification,
        free_energy_wh=309_036,
        min_energy_wh=10_000,
        cancellation=CancellationTerms(Decimal(10)),
        window=USE.booked,
        profile=offer.profile,
        rating=Decimal("4.5"),
    )
    assert offer.profile[0].interval == hours(0, 2)
    assert offer.profile[-1].interval == hours(118, 120)
    assert [slot.energy_wh for slot in offer.profile] == [321_400 * 100 // 94] * 2 + [323_399 * 100 // 94] * 50 + [
        360_999 * 100 // 94
    ] * 8
    assert [slot.charge_power_w for slot in offer.profile[:3]] == [90_000, 90_000, 100_000]


def test_the_cheapest_for_this_use_comes_first_then_the_nearest() -> None:
    near, far = HEBBAL, replace(HEBBAL, latitude=HEBBAL.latitude + Decimal("0.05"))
    fleet = [
        listed("far", tariff=priced("90"), place=far),
        listed("dear", tariff=priced("91"), place=near),
        listed("near", tariff=priced("90"), place=near),
    ]
    assert found(INTENT, *fleet) == ["near", "far", "dear"]


def test_a_search_for_the_nearest_gets_the_nearest_first_then_the_cheapest() -> None:
    north = replace(HEBBAL, latitude=HEBBAL.latitude + Decimal("0.05"))
    fleet = [
        listed("far and cheap", tariff=priced("10"), place=north),
        listed("near", tariff=priced("91")),
        listed("near and cheap", tariff=priced("90")),
    ]
    nearest = replace(INTENT, sort=SortBy.DISTANCE)
    assert found(nearest, *fleet) == ["near and cheap", "near", "far and cheap"]


def test_a_battery_that_nobody_has_rated_is_not_offered_to_who_asks_for_a_rating() -> None:
    assert found(replace(INTENT, min_rating=Decimal(1)), replace(listed(), rating=None)) == []


def test_a_battery_that_says_its_city_is_found_there_and_not_at_its_operators() -> None:
    chennai = replace(listed(), city_code="std:044")
    assert found(replace(INTENT, city_code="std:044"), chennai) == ["battery-1"]
    assert found(replace(INTENT, city_code="std:080"), chennai) == []


@given(count=st.integers(0, 120), size=st.integers(1, 50))
def test_the_pages_of_an_answer_hold_every_offer_once_in_its_order(count: int, size: int) -> None:
    (offer,) = offers_for(INTENT, PROVIDER, [(listed(), Book())], STEP_S)
    offers = tuple(replace(offer, item_id=str(number)) for number in range(count))
    pages = pages_of(offers, size)
    assert tuple(chain.from_iterable(part for part, _ in pages)) == offers
    assert all(len(part) <= size for part, _ in pages)
    marks = [page for _, page in pages if page is not None]
    if len(pages) > 1:
        assert marks == [CatalogPage(number + 1, len(pages), count) for number in range(len(pages))]
    else:
        assert marks == []


def test_an_answer_has_no_more_pages_than_one_may_have() -> None:
    (offer,) = offers_for(INTENT, PROVIDER, [(listed(), Book())], STEP_S)
    pages = pages_of((offer,) * (PAGES_MAX + 1), 1)
    assert len(pages) <= PAGES_MAX


def test_a_price_model_that_suits_long_storage_loses_a_short_one() -> None:
    by_month = listed("by month", tariff=priced("90"))
    by_kwh = listed("by kWh", tariff=replace(TARIFF, rates=(Rate(RateUnit.KWH_STORED, Decimal(10)),)))
    short = replace(INTENT, giveback=hours(20, 24))
    assert found(short, by_month, by_kwh) == ["by month", "by kWh"]
    assert found(INTENT, by_month, by_kwh) == ["by kWh", "by month"]


def test_no_more_offers_are_made_than_allowed_and_they_are_the_best() -> None:
    fleet = [listed(str(price), tariff=priced(str(price))) for price in (30, 10, 20)]
    assert found(INTENT, *fleet, offers_max=2) == ["10", "20"]


def test_a_battery_outside_the_circle_is_not_offered() -> None:
    # A hundredth of a degree of latitude is 1 112 m.
    north = listed(place=replace(HEBBAL, latitude=HEBBAL.latitude + Decimal("0.01")))
    assert found(replace(INTENT, radius_m=1_112), north) == ["battery-1"]
    assert found(replace(INTENT, radius_m=1_111), north) == []


def test_a_radius_around_no_place_leaves_nobody_out() -> None:
    assert found(replace(INTENT, near=None, radius_m=1), listed()) == ["battery-1"]


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"mode": DispatchMode.AUTOMATIC}, {"mode": DispatchMode.MANUAL}),
        ({"min_power_w": 80_000}, {"min_power_w": 80_001}),
        ({"min_efficiency": Decimal("0.8836")}, {"min_efficiency": Decimal("0.8837")}),
        ({"max_price": Decimal("18.703")}, {"max_price": Decimal("18.702")}),
        ({"energy_wh": 10_000}, {"energy_wh": 9_999}),
        ({"provider_id": "operator"}, {"provider_id": "another"}),
        ({"item_id": "battery-1"}, {"item_id": "battery-2"}),
        ({"min_rating": Decimal("4.5")}, {"min_rating": Decimal("4.6")}),
        ({"city_code": "std:080"}, {"city_code": "std:044"}),
        ({"polygon": ring("0.01")}, {"polygon": ring("0.01", east="0.02")}),
        ({"provider_name": "bengaluru STORAGE"}, {"provider_name": "bengaluru grid"}),
        ({"item_name": "hebbal"}, {"item_name": "bengaluru"}),
        ({"text": "hebbal lfp automatic bengaluru"}, {"text": "hebbal nmc"}),
    ],
)
def test_a_battery_is_offered_up_to_what_is_asked_and_not_beyond(
    asked: dict[str, object], refused: dict[str, object]
) -> None:
    assert found(replace(INTENT, **asked), listed()) == ["battery-1"]  # type: ignore[arg-type]
    assert found(replace(INTENT, **refused), listed()) == []  # type: ignore[arg-type]


def test_a_battery_out_of_service_is_not_offered() -> None:
    assert found(INTENT, replace(listed(), in_service=False)) == []


def test_a_battery_whose_book_is_full_in_the_window_is_not_offered() -> None:
    there = booking(replace(USE, charge=hours(10, 14), giveback=hours(100, 104)))
    assert found(INTENT, listed(), bookings=[there]) == []
    later = replace(INTENT, charge=hours(104, 108))
    assert found(later, listed(), bookings=[there]) == ["battery-1"]


def test_a_search_without_windows_finds_what_is_always_free_in_the_order_of_distance() -> None:
    intent = replace(INTENT, charge=None, giveback=None, energy_wh=200_000)
    there = booking(replace(USE, energy_wh=100_000))
    far = listed("far", tariff=priced("1"), place=replace(HEBBAL, latitude=HEBBAL.latitude + Decimal("0.05")))
    first, second = offers_for(intent, PROVIDER, [(far, Book()), (listed(), Book([there]))], STEP_S)
    assert (first.item_id, first.free_energy_wh, first.window, first.profile) == ("battery-1", 275_531, None, ())
    assert second.item_id == "far"
    assert found(replace(intent, energy_wh=275_532), listed(), bookings=[there]) == []


def test_a_long_window_makes_longer_steps_and_not_more_of_them() -> None:
    half_a_year = replace(INTENT, giveback=hours(24 * 180, 24 * 183))
    (offer,) = offers_for(half_a_year, PROVIDER, [(listed(), Book())], 900)
    assert len(offer.profile) <= PROFILE_SLOTS_MAX
    assert offer.profile[0].interval == hours(0, 45.75)
    assert offer.profile[-1].interval.end == hours(24 * 180, 24 * 183).end


@given(
    stores=st.lists(st.tuples(batteries(), st.lists(uses(), max_size=2)), max_size=4),
    wanted=uses().map(lambda use: replace(use, energy_wh=use.energy_wh % 200_000 + 1)),
    max_price=st.none() | st.decimals("0", "100", places=2),
)
@settings(max_examples=80, deadline=None)
def test_all_and_only_batteries_that_would_take_the_use_are_offered_cheapest_first(
    stores: list[tuple[ListedBattery, list[StorageUse]]], wanted: StorageUse, max_price: Decimal | None
) -> None:
    fleet: list[tuple[ListedBattery, Book]] = []
    takers: dict[str, int] = {}
    for number, (drawn, there) in enumerate(stores):
        item = replace(listed(), battery=replace(drawn, battery_id=str(number)))
        book = Book([Booking.of(str(index), use, profile(item.battery, use)) for index, use in enumerate(there)])
        fleet.append((item, book))
        fits = not refusals(limits_of(item.battery), book, Booking.of("wanted", wanted, profile(item.battery, wanted)))
        total = lines_total(use_lines(item, wanted), "INR")
        cheap = max_price is None or total.decimal / wanted.energy_wh * 1000 <= max_price
        if fits and cheap and wanted.energy_wh >= item.min_energy_wh:
            takers[str(number)] = total.amount_minor
    intent = SearchIntent(
        energy_wh=wanted.energy_wh, charge=wanted.charge, giveback=wanted.giveback, max_price=max_price
    )
    shown = [offer.item_id for offer in offers_for(intent, PROVIDER, fleet, STEP_S)]
    assert shown == sorted(takers, key=lambda item_id: (takers[item_id], item_id))
