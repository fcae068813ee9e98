"""The objects of the trade: what they work out from their own fields."""

from __future__ import annotations

from decimal import Decimal

import pytest

from energy.offers import StorageUse
from energy.searches import SearchIntent
from tests.energy.examples import BATTERY, USE, hours


def test_capacity_is_booked_from_the_start_of_charging_to_the_end_of_the_return() -> None:
    assert USE.booked == hours(0, 120)


def test_a_search_with_both_windows_names_a_use() -> None:
    intent = SearchIntent(300_000, charge=USE.charge, giveback=USE.giveback)
    assert intent.use == StorageUse(300_000, USE.charge, USE.giveback)


@pytest.mark.parametrize(
    "intent",
    [SearchIntent(1), SearchIntent(1, charge=USE.charge), SearchIntent(1, giveback=USE.giveback)],
    ids=["no window", "charge only", "return only"],
)
def test_a_search_without_both_windows_names_no_use(intent: SearchIntent) -> None:
    assert intent.use is None


def test_the_round_trip_of_an_offer_is_both_efficiencies() -> None:
    assert BATTERY.specification.efficiency_round_trip == Decimal("0.8836")
