from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from energy.battery import Battery, profile
from energy.offers import StorageUse
from energy.settlement import planned_usage
from energy.tariffs import Tariff, at_occupancy, lines_total, price
from energy.use_prices import UsePricing
from tests.energy.examples import BATTERY, TARIFF, USE, batteries, tariffs, uses


def test_the_worked_use_costs_5610_90() -> None:
    plan = profile(BATTERY, USE)
    assert UsePricing(USE).of(TARIFF).total_minor(plan.charge_w, plan.giveback_wh) == 561_090


@given(tariff=tariffs(), battery=batteries(), use=uses(), occupancy=st.integers(0, 100))
@settings(max_examples=300, deadline=None)
def test_a_price_made_ready_for_a_use_is_the_price_line_by_line(
    tariff: Tariff, battery: Battery, use: StorageUse, occupancy: int
) -> None:
    plan = profile(battery, use)
    fixed = at_occupancy(tariff, occupancy)
    quoted = lines_total(price(fixed, planned_usage(use, plan)), tariff.currency)
    by_occupancy = UsePricing(use).by_occupancy(tariff)
    ready = by_occupancy[max(start for start in by_occupancy if start <= occupancy)]
    assert ready.total_minor(max(plan.charge_w, plan.discharge_w), plan.giveback_wh) == quoted.amount_minor
