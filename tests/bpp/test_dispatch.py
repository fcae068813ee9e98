from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpp.dispatch import (
    Plan,
    ScheduledPower,
    SetPoint,
    begun,
    live_state,
    next_transition,
    quality_of,
    schedule,
    setpoints,
    stage,
    stored_for,
)
from energy.battery import PowerProfile, profile
from energy.metering import Sample
from energy.offers import ContractState, LiveState, Quality, StorageUse
from tests.energy.examples import BATTERY, USE, at, hours, uses

FIRST = Plan("first", StorageUse(100_000, hours(0, 4), hours(10, 12)), PowerProfile(25_000, 40_000, 94_000, 80_000))
SECOND = Plan("second", StorageUse(60_000, hours(2, 6), hours(6, 8)), PowerProfile(15_000, 20_000, 56_400, 40_000))
PLAN = Plan("contract", USE, profile(BATTERY, USE))

SAMPLE = Sample(
    battery_id="battery-1",
    measured_at=at(2),
    soc=Decimal("0.4"),
    power_w=75_000,
    energy_in_wh=1_150_000,
    energy_out_wh=900_000,
    quality=Quality.FRESH,
    source="test",
    sequence=1,
)
STATE = LiveState(
    measured_at=at(2),
    soc=Decimal("0.4"),
    stored_wh=190_000,
    power_w=50_000,
    energy_in_wh=150_000,
    energy_out_wh=0,
    stored_for_order_wh=141_000,
    losses_wh=9_000,
    quality=Quality.FRESH,
    age_s=1,
)


@pytest.mark.parametrize(
    ("now", "charge_w", "discharge_w", "valid_until"),
    [
        (-1, 0, 0, 0),
        (0, 25_000, 0, 2),
        (3, 40_000, 0, 4),
        (4, 15_000, 0, 6),
        (6, 0, 20_000, 8),
        (9, 0, 0, 10),
        (11, 0, 40_000, 12),
    ],
)
def test_a_battery_does_the_sum_of_its_plans_until_the_next_window_begins_or_ends(
    now: float, charge_w: int, discharge_w: int, valid_until: float
) -> None:
    assert setpoints([FIRST, SECOND], at(now)) == SetPoint(charge_w, discharge_w, at(valid_until))


def test_a_battery_without_anything_more_to_do_rests_for_good() -> None:
    assert setpoints([FIRST, SECOND], at(12)) == SetPoint(0, 0, None)
    assert setpoints([], at(0)) == SetPoint(0, 0, None)


def test_charging_for_one_and_returning_for_another_are_not_netted() -> None:
    returning = replace(SECOND, use=replace(SECOND.use, charge=hours(-4, 0), giveback=hours(1, 3)))
    assert setpoints([FIRST, returning], at(2)) == SetPoint(25_000, 20_000, at(3))


def test_the_schedule_has_no_gaps_and_joins_what_does_not_change() -> None:
    assert schedule([FIRST, SECOND], at(3), at(11)) == (
        ScheduledPower(hours(3, 4), 40_000, 0),
        ScheduledPower(hours(4, 6), 15_000, 0),
        ScheduledPower(hours(6, 8), 0, 20_000),
        ScheduledPower(hours(8, 10), 0, 0),
        ScheduledPower(hours(10, 11), 0, 40_000),
    )
    next_one = replace(FIRST, use=replace(FIRST.use, charge=hours(4, 8), giveback=hours(12, 14)))
    assert schedule([FIRST, next_one], at(0), at(8)) == (ScheduledPower(hours(0, 8), 25_000, 0),)


def test_the_schedule_of_no_time_is_empty() -> None:
    assert schedule([FIRST], at(1), at(1)) == ()


plans = st.builds(Plan, st.just("any"), uses(), st.builds(PowerProfile, *[st.integers(0, 10**6)] * 4))


@given(st.lists(plans, max_size=5), st.integers(0, 4_000), st.integers(1, 500))
@settings(deadline=None)
def test_the_schedule_moves_exactly_the_energy_that_the_plans_want(
    there: list[Plan], start: int, quarters: int
) -> None:
    window = hours(start / 4, (start + quarters) / 4)
    pieces = schedule(there, window.start, window.end)
    assert (pieces[0].interval.start, pieces[-1].interval.end) == (window.start, window.end)
    assert all(one.interval.end == next_one.interval.start for one, next_one in pairwise(pieces))
    charged = sum(
        plan.profile.charge_w * part.hours for plan in there if (part := plan.use.charge.intersection(window))
    )
    returned = sum(
        plan.profile.discharge_w * part.hours for plan in there if (part := plan.use.giveback.intersection(window))
    )
    assert sum(piece.charge_w * piece.interval.hours for piece in pieces) == charged
    assert sum(piece.discharge_w * piece.interval.hours for piece in pieces) == returned


@pytest.mark.parametrize(
    ("now", "state", "following"),
    [
        (-1, ContractState.CONFIRMED, 0),
        (0, ContractState.IN_PROGRESS, 4),
        (4, ContractState.HOLDING, 116),
        (116, ContractState.RETURNING, 120),
        (120, ContractState.COMPLETED, None),
    ],
)
def test_a_contract_changes_its_stage_at_the_first_instant_of_each_window_and_after_it(
    now: float, state: ContractState, following: float | None
) -> None:
    assert stage(USE, at(now), 263_845) is state
    assert next_transition(USE, at(now)) == (None if following is None else at(following))


def test_a_return_right_after_charging_leaves_nothing_to_hold() -> None:
    at_once = replace(USE, giveback=hours(4, 8))
    assert stage(at_once, at(4) - timedelta(microseconds=1), 1) is ContractState.IN_PROGRESS
    assert stage(at_once, at(4), 1) is ContractState.RETURNING


def test_with_nothing_to_return_a_contract_holds_until_its_booking_ends() -> None:
    assert stage(USE, at(117), 0) is ContractState.HOLDING
    assert stage(USE, at(120), 0) is ContractState.COMPLETED


@given(use=uses(), giveback_wh=st.integers(0, 1))
def test_the_clock_leads_every_contract_from_confirmed_to_completed(use: StorageUse, giveback_wh: int) -> None:
    now: datetime | None = use.charge.start - timedelta(seconds=1)
    seen = []
    while now is not None:
        seen.append(stage(use, now, giveback_wh))
        now = next_transition(use, now)
    order = [
        ContractState.CONFIRMED,
        ContractState.IN_PROGRESS,
        ContractState.HOLDING,
        ContractState.RETURNING,
        ContractState.COMPLETED,
    ]
    assert seen == sorted(seen, key=order.index)
    assert (seen[0], seen[-1]) == (order[0], order[-1])


def test_manual_dispatch_has_not_started_before_energy_moves() -> None:
    assert begun(ContractState.IN_PROGRESS, has_moved=False) is ContractState.NOT_STARTED
    assert begun(ContractState.IN_PROGRESS, has_moved=True) is ContractState.IN_PROGRESS
    assert begun(ContractState.HOLDING, has_moved=False) is ContractState.HOLDING


def test_while_charging_the_contract_sees_its_own_energy_and_the_charge_losses() -> None:
    now = at(2) + timedelta(seconds=1.9)
    state = live_state(PLAN, BATTERY, SAMPLE, energy_in_wh=150_000, energy_out_wh=0, now=now, sample_period_s=5)
    assert state == LiveState(
        measured_at=at(2),
        soc=Decimal("0.4"),
        stored_wh=190_000,
        power_w=75_000,
        energy_in_wh=150_000,
        energy_out_wh=0,
        stored_for_order_wh=141_000,
        losses_wh=9_000,
        quality=Quality.FRESH,
        age_s=1,
    )


def test_what_a_sample_does_not_know_stays_unknown() -> None:
    blind = replace(SAMPLE, soc=None, power_w=None)
    state = live_state(PLAN, BATTERY, blind, energy_in_wh=0, energy_out_wh=0, now=at(2), sample_period_s=5)
    assert (state.soc, state.stored_wh, state.power_w) == (None, None, 0)


def test_a_state_of_charge_outside_the_limits_is_told_as_it_came() -> None:
    over = replace(SAMPLE, soc=Decimal("1.02"))
    state = live_state(PLAN, BATTERY, over, energy_in_wh=0, energy_out_wh=0, now=at(2), sample_period_s=5)
    assert (state.soc, state.stored_wh) == (Decimal("1.02"), 484_500)


def test_after_five_days_the_energy_in_store_returns_what_was_promised_and_then_nothing_is_left() -> None:
    # ENERGY 2.1: of 300 kWh 282 are stored, 280.593 after five days, and 263.757 come back.
    use = replace(USE, giveback=hours(124, 128))
    plan = Plan("contract", use, profile(BATTERY, use))
    assert stored_for(plan, BATTERY, 300_000, 0, at(4)) == 282_000
    assert stored_for(plan, BATTERY, 300_000, 0, at(124)) == 280_592
    assert stored_for(plan, BATTERY, 300_000, 0, at(126)) == 280_592
    assert plan.profile.giveback_wh == 263_757
    assert stored_for(plan, BATTERY, 300_000, 263_757, at(128)) == 0


@given(
    energy_in_wh=st.integers(0, 10**9),
    energy_out_wh=st.integers(0, 10**9),
    minutes=st.integers(-100, 10_000),
)
def test_energy_in_is_always_energy_out_and_in_store_and_lost(
    energy_in_wh: int, energy_out_wh: int, minutes: int
) -> None:
    state = live_state(
        PLAN,
        BATTERY,
        replace(SAMPLE, measured_at=at(minutes / 60)),
        energy_in_wh=energy_in_wh,
        energy_out_wh=energy_out_wh,
        now=at(0),
        sample_period_s=5,
    )
    assert state.energy_in_wh == state.energy_out_wh + state.stored_for_order_wh + state.losses_wh
    assert 0 <= state.stored_for_order_wh <= energy_in_wh


@pytest.mark.parametrize(
    ("age_s", "quality"),
    [
        (-3, Quality.FRESH),
        (15, Quality.FRESH),
        (15.001, Quality.STALE),
        (100, Quality.STALE),
        (100.001, Quality.LOST),
    ],
)
def test_a_sample_every_five_seconds_is_stale_after_fifteen_and_lost_after_a_hundred(
    age_s: float, quality: Quality
) -> None:
    assert quality_of(SAMPLE, at(2) + timedelta(seconds=age_s), 5) is quality


def test_a_suspect_sample_stays_suspect_while_it_is_fresh() -> None:
    suspect = replace(SAMPLE, quality=Quality.SUSPECT)
    assert quality_of(suspect, at(2), 5) is Quality.SUSPECT
    assert quality_of(suspect, at(2) + timedelta(seconds=16), 5) is Quality.STALE
