from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bpp.price_table import MOST_MINOR, least_totals_minor
from energy.battery import Battery, profile
from energy.offers import StorageUse
from energy.tariffs import Rate, RateUnit, Tariff
from energy.use_prices import UsePricing
from tests.energy.examples import BATTERY, TARIFF, USE, batteries, tariffs, uses


def by_itself(tariff: Tariff, battery: Battery, use: StorageUse) -> int:
    plan = profile(battery, use)
    prices = UsePricing(use).by_occupancy(tariff).values()
    return min(price.total_minor(max(plan.charge_w, plan.discharge_w), plan.giveback_wh) for price in prices)


def all_at_once(lists: list[Tariff], stores: list[Battery], pairs: list[tuple[int, int]], use: StorageUse) -> list[int]:
    pricing = UsePricing(use)
    prices = [pricing.by_occupancy(tariff) for tariff in lists]
    plans = {number: profile(store, use) for number, store in enumerate(stores)}
    places = np.array(pairs, np.int64).reshape(-1, 2).T
    return least_totals_minor(prices, plans, places[0], places[1]).tolist()


@given(
    lists=st.lists(tariffs(), min_size=1, max_size=4),
    stores=st.lists(batteries(), min_size=1, max_size=3),
    use=uses(),
    data=st.data(),
)
@settings(max_examples=200, deadline=None)
def test_prices_of_many_are_those_of_each(
    lists: list[Tariff], stores: list[Battery], use: StorageUse, data: st.DataObject
) -> None:
    pair = st.tuples(st.integers(0, len(lists) - 1), st.integers(0, len(stores) - 1))
    pairs = data.draw(st.lists(pair, max_size=6))
    expected = [min(MOST_MINOR, by_itself(lists[price], stores[plan], use)) for price, plan in pairs]
    assert all_at_once(lists, stores, pairs, use) == expected


def test_prices_that_leave_62_bits_are_computed_one_by_one() -> None:
    dear = replace(TARIFF, rates=(Rate(RateUnit.KWH_DISCHARGED, Decimal("999999999999.12345678")),))
    use = replace(USE, energy_wh=10**12)
    assert all_at_once([dear, TARIFF], [BATTERY], [(0, 0), (1, 0)], use) == [
        min(MOST_MINOR, by_itself(dear, BATTERY, use)),
        by_itself(TARIFF, BATTERY, use),
    ]


def test_a_price_that_pays_the_producer_is_rounded_away_from_zero_too() -> None:
    paid = replace(TARIFF, rates=(Rate(RateUnit.KWH_DISCHARGED, Decimal("-0.015")),))
    assert all_at_once([paid], [BATTERY], [(0, 0)], USE) == [by_itself(paid, BATTERY, USE)]
    assert by_itself(paid, BATTERY, USE) < 0
