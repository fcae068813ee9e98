"""Battery physics: ENERGY 2.1's vectors, conservation of energy, and limits that plans keep and facts do not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.battery import (
    Battery,
    PowerProfile,
    availability,
    charge_limit_w,
    discharge_limit_w,
    equivalent_full_cycles,
    metered_efficiency,
    profile,
    retained,
    soc,
    stored_after,
    stored_at,
)
from energy.offers import Place, StorageUse
from tests.energy.examples import BATTERY, USE, batteries, hours, uses

HOUR_S = Decimal(3_600)
DAY_S = Decimal(86_400)
levels = st.decimals("-0.2", "1.2", places=4)
powers = st.integers(0, 10**6)


def test_a_battery_of_500_kwh_at_95_percent_health_offers_380_kwh_between_10_and_90_percent() -> None:
    assert BATTERY.usable_energy_wh == 380_000
    assert BATTERY.capacity_wh == 475_000


def test_the_reserve_of_the_owner_is_not_for_sale() -> None:
    assert replace(BATTERY, soc_reserve=Decimal("0.1")).usable_energy_wh == 332_500


def test_the_specification_of_an_offer_says_what_the_battery_is() -> None:
    specification = BATTERY.specification
    assert specification.usable_energy_wh == 380_000
    assert specification.discharge_power_w == 80_000
    assert specification.efficiency_round_trip == BATTERY.efficiency_round_trip == Decimal("0.8836")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"battery_id": " "}, "battery_id of a battery is empty"),
        ({"energy_nominal_wh": 0}, "energy_nominal_wh of battery battery-1 is 0, not positive"),
        ({"charge_power_w": -1}, "charge_power_w of battery battery-1 is -1, not positive"),
        ({"soh": Decimal(95)}, r"soh of battery battery-1 is 95, not in \(0, 1\]"),
        ({"efficiency_charge": Decimal(0)}, r"efficiency_charge of battery battery-1 is 0, not in \(0, 1\]"),
        ({"standing_loss_per_day": Decimal(1)}, r"standing_loss_per_day .* is 1, not in \[0, 1\)"),
        ({"soc_max": Decimal("1.01")}, "SoC limits of battery battery-1 are not within 0 and 1"),
        ({"soc_min": Decimal("-0.01")}, "SoC limits of battery battery-1 are not within 0 and 1"),
        ({"soc_reserve": Decimal("0.8")}, r"soc_min \+ soc_reserve of battery battery-1 leave nothing"),
        ({"place": Place(Decimal(91), Decimal(0))}, "place 91,0 is not on the globe"),
    ],
)
def test_a_battery_that_can_not_be_is_refused_with_the_field_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(BATTERY, **changes)


def test_five_percent_a_day_leave_997865_millionths_after_an_hour() -> None:
    assert round(retained(Decimal("0.05"), HOUR_S), 6) == Decimal("0.997865")


@given(st.decimals("0", "0.5", places=4), st.integers(0, 10**6), st.integers(0, 10**6))
def test_holding_twice_loses_as_much_as_holding_once_for_both(loss: Decimal, first_s: int, then_s: int) -> None:
    apart = retained(loss, Decimal(first_s)) * retained(loss, Decimal(then_s))
    assert abs(apart - retained(loss, Decimal(first_s + then_s))) < Decimal("1e-25")
    assert 0 < retained(loss, Decimal(first_s)) <= 1


def test_energy_is_not_held_for_a_negative_time() -> None:
    with pytest.raises(ValueError, match="can not be held for -1 seconds"):
        retained(Decimal(0), Decimal(-1))


def test_of_300_kwh_taken_in_263_757_come_out_after_five_days() -> None:
    """ENERGY 2.1: 300.000 in, 282.000 stored, 280.593 kept, 263.757 out; 18.000, 1.407 and 16.836 lost."""
    charged = stored_after(replace(BATTERY, standing_loss_per_day=Decimal(0)), Decimal(0), 75_000, 0, 4 * HOUR_S)
    kept = stored_after(BATTERY, charged, 0, 0, 5 * DAY_S)
    out = kept * BATTERY.efficiency_discharge
    assert [round(value) for value in (charged, kept, out)] == [282_000, 280_593, 263_757]
    assert [round(300_000 - charged), round(charged - kept), round(kept - out)] == [18_000, 1_407, 16_836]


def test_the_profile_of_300_kwh_for_five_days_promises_263_757_kwh() -> None:
    five_days_later = replace(USE, giveback=hours(124, 128))
    assert profile(BATTERY, five_days_later) == PowerProfile(
        charge_w=75_000, discharge_w=65_940, stored_wh=282_000, giveback_wh=263_757
    )


def test_a_buyer_computes_the_same_profile_from_the_offer_alone() -> None:
    assert profile(BATTERY.specification, USE) == profile(BATTERY, USE)


@given(batteries(), uses())
def test_a_profile_keeps_its_promises(battery: Battery, use: StorageUse) -> None:
    plan = profile(battery, use)
    assert plan.charge_w * use.charge.hours >= use.energy_wh
    assert plan.discharge_w * use.giveback.hours >= plan.giveback_wh
    # The power is whole watts, so a little more may go in than was asked for.
    assert 0 <= plan.giveback_wh <= plan.stored_wh <= plan.charge_w * use.charge.hours + 1
    assert plan.stored_wh >= use.energy_wh * battery.efficiency_charge


@given(batteries(), uses())
def test_what_a_profile_reserves_is_enough_for_what_it_gives_back(battery: Battery, use: StorageUse) -> None:
    plan = profile(battery, use)
    held_s = (use.giveback.start - use.charge.end).total_seconds()
    kept = stored_after(battery, Decimal(plan.stored_wh), 0, 0, Decimal(int(held_s)))
    assert kept * battery.efficiency_discharge >= plan.giveback_wh


def test_no_energy_and_a_return_before_charging_have_no_profile() -> None:
    with pytest.raises(ValueError, match="0 Wh is no amount of energy"):
        profile(BATTERY, replace(USE, energy_wh=0))
    with pytest.raises(ValueError, match="given back before it has been charged"):
        profile(BATTERY, replace(USE, giveback=hours(3, 5)))


@given(batteries(), levels, powers, powers, st.integers(0, 10**5))
def test_energy_is_conserved(
    battery: Battery, level: Decimal, charge_w: int, discharge_w: int, duration_s: int
) -> None:
    """Taken in = stored more + given out + what each way and the store have lost, and no loss is negative."""
    lossless = replace(battery, standing_loss_per_day=Decimal(0))
    before = stored_at(battery, abs(level))
    after = stored_after(battery, before, charge_w, discharge_w, Decimal(duration_s))
    standing = stored_after(lossless, before, charge_w, discharge_w, Decimal(duration_s)) - after
    taken, given_out = (Decimal(power_w * duration_s) / 3600 for power_w in (charge_w, discharge_w))
    charging = taken * (1 - battery.efficiency_charge)
    discharging = given_out / battery.efficiency_discharge - given_out
    assert min(standing, charging, discharging) >= 0
    assert abs(taken - (after - before + given_out + standing + charging + discharging)) < Decimal("1e-9")


def test_charging_and_discharging_at_once_costs_both_losses() -> None:
    still = replace(BATTERY, standing_loss_per_day=Decimal(0))
    assert stored_after(still, Decimal(200_000), 10_000, 10_000, HOUR_S) < 200_000


def test_a_state_outside_the_limits_is_computed_with_as_it_came() -> None:
    assert stored_after(BATTERY, Decimal(0), 0, 47_000, HOUR_S) == Decimal(-50_000)
    assert soc(BATTERY, Decimal(570_000)) == Decimal("1.2")


def test_a_negative_power_is_refused() -> None:
    with pytest.raises(ValueError, match="two values that are never negative"):
        stored_after(BATTERY, Decimal(0), -1, 0, HOUR_S)


def test_results_do_not_depend_on_the_callers_decimal_precision() -> None:
    expected = stored_after(BATTERY, Decimal(123_456), 1, 7, HOUR_S), profile(BATTERY, USE)
    with localcontext(prec=5):
        assert (stored_after(BATTERY, Decimal(123_456), 1, 7, HOUR_S), profile(BATTERY, USE)) == expected
        assert BATTERY.usable_energy_wh == 380_000


@pytest.mark.parametrize(
    ("level", "limit_w"),
    [("0", 100_000), ("0.82", 100_000), ("0.86", 52_500), ("0.8999", 5_118), ("0.9", 0), ("1.1", 0)],
)
def test_charging_tapers_over_the_last_tenth_of_the_band(level: str, limit_w: int) -> None:
    assert charge_limit_w(BATTERY, stored_at(BATTERY, Decimal(level))) == limit_w


@given(batteries(), levels, levels)
def test_a_fuller_battery_never_charges_faster(battery: Battery, one: Decimal, other: Decimal) -> None:
    emptier, fuller = sorted((one, other))
    limits = [charge_limit_w(battery, stored_at(battery, level)) for level in (emptier, fuller)]
    assert battery.charge_power_w >= limits[0] >= limits[1] >= 0


@pytest.mark.parametrize(("level", "limit_w"), [("0.9", 80_000), ("0.151", 80_000), ("0.15", 0), ("-0.1", 0)])
def test_discharging_stops_at_the_reserve(level: str, limit_w: int) -> None:
    kept = replace(BATTERY, soc_reserve=Decimal("0.05"))
    assert discharge_limit_w(kept, stored_at(kept, Decimal(level))) == limit_w


@given(batteries(), levels)
def test_state_of_charge_and_stored_energy_say_the_same(battery: Battery, level: Decimal) -> None:
    assert abs(soc(battery, stored_at(battery, level)) - level) < Decimal("1e-30")


def test_efficiency_over_an_open_cycle_is_corrected_by_what_stayed_in_store() -> None:
    assert metered_efficiency(BATTERY, 300_000, 263_757) == Decimal("0.87919")
    half_returned = metered_efficiency(BATTERY, 300_000, 120_000, stored_change_wh=Decimal(141_000))
    assert half_returned == Decimal("0.8")


@pytest.mark.parametrize(("taken_wh", "change_wh"), [(0, 0), (94, 188)])
def test_efficiency_is_unknown_when_nothing_was_taken_in(taken_wh: int, change_wh: int) -> None:
    assert metered_efficiency(BATTERY, taken_wh, 100, Decimal(change_wh)) is None


@given(batteries(), st.integers(1, 10**6), st.integers(0, 10**6))
def test_without_standing_loss_the_corrected_efficiency_is_that_of_the_round_trip(
    battery: Battery, taken_wh: int, returned_wh: int
) -> None:
    """However much is still in store, or came out of it: the correction takes that out of the balance."""
    still = replace(battery, standing_loss_per_day=Decimal(0))
    change_wh = stored_after(still, Decimal(0), taken_wh, returned_wh, HOUR_S)
    measured = metered_efficiency(still, taken_wh, returned_wh, change_wh)
    if returned_wh == 0:
        assert measured is None or measured == 0
    else:
        assert measured is not None
        assert abs(measured - still.efficiency_round_trip) < Decimal("1e-20")


def test_twice_the_usable_energy_is_two_full_cycles() -> None:
    assert equivalent_full_cycles(BATTERY, 760_000) == 2


def test_power_beyond_the_contract_does_not_make_up_for_power_that_was_missing() -> None:
    assert availability([100, 50, 200, 100], 100) == Decimal("0.875")


def test_availability_of_no_interval_is_unknown_and_of_no_contract_an_error() -> None:
    assert availability([], 100) is None
    with pytest.raises(ValueError, match="0 W is no contracted power"):
        availability([100], 0)
