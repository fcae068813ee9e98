from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, charge_limit_w, stored_at
from energy.limits import Limits, limits_of
from tests.energy.examples import BATTERY, batteries


def test_limits_of_the_worked_battery_leave_room_for_the_operators_own_energy() -> None:
    # The band is 380 kWh: its last tenth begins at 342 kWh, and 5 % of 380 kWh may be the operator's own.
    assert limits_of(BATTERY) == Limits(380_000, 100_000, 80_000, 323_000, 361_000)


def test_a_reserve_is_never_sold_and_brings_the_taper_nearer() -> None:
    kept = replace(BATTERY, soc_reserve=Decimal("0.1"))
    assert limits_of(kept) == Limits(332_500, 100_000, 80_000, 342_000 - 47_500 - 16_625, 380_000 - 47_500 - 16_625)


def test_a_warranty_by_cycles_counts_full_cycles_of_usable_energy() -> None:
    assert limits_of(replace(BATTERY, warranty_cycles_per_year=Decimal("1.5"))).yearly_energy_wh == 570_000
    both = replace(BATTERY, warranty_cycles_per_year=Decimal(2), warranty_energy_wh_per_year=700_000)
    assert limits_of(both).yearly_energy_wh == 700_000


@given(battery=batteries(), share=st.decimals("0", "1.2", places=3), own=st.decimals("0", "0.05", places=3))
def test_the_physics_take_in_at_least_the_limit_whatever_the_operator_keeps(
    battery: Battery, share: Decimal, own: Decimal
) -> None:
    limits = limits_of(battery)
    stored_wh = int(share * limits.usable_energy_wh)
    floor_wh = stored_at(battery, battery.soc_min + battery.soc_reserve)
    level_wh = floor_wh + own * battery.usable_energy_wh + stored_wh
    assert limits.charge_limit_w(stored_wh) <= charge_limit_w(battery, level_wh)


@given(battery=batteries(), share=st.fractions(0, 1))
def test_the_stored_limit_of_a_power_is_the_last_at_which_it_is_taken_in(battery: Battery, share: Fraction) -> None:
    limits = limits_of(battery)
    power_w = 1 + int(share * (limits.charge_power_w - 1))
    most_wh = limits.stored_limit_wh(power_w)
    assert limits.charge_limit_w(most_wh) >= power_w
    assert limits.charge_limit_w(most_wh + 1) < power_w


def test_a_power_above_the_batterys_is_never_taken_in() -> None:
    assert limits_of(BATTERY).stored_limit_wh(100_001) < 0
