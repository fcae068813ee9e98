"""The simulated battery: physics of ENERGY 2.1, a meter that never lies, and reversion when orders end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from energy.battery import Battery, PowerProfile, profile, soc, stored_at
from energy.metering import Sample, intervals_of
from energy.settlement import metered
from simulator.battery import REST, Schedule, ScheduledPower, SimulatedBattery
from tests.energy.examples import BATTERY, USE, at, batteries, hours

FIVE_DAYS_LATER = replace(USE, giveback=hours(124, 128))
MINUTE = timedelta(minutes=1)


def schedule(*powers: tuple[float, float, int, int], valid_until: float = 10_000) -> Schedule:
    """Powers as (start hour, end hour, charge W, discharge W)."""
    listed = [ScheduledPower(hours(start, end), charge_w, back_w) for start, end, charge_w, back_w in powers]
    return Schedule(at(valid_until), tuple(listed))


def of_plan(plan: PowerProfile) -> Schedule:
    """The orders of the five-day contract."""
    return schedule((0, 4, plan.charge_w, 0), (124, 128, 0, plan.discharge_w))


def halfway(battery: Battery = BATTERY, clock: datetime | None = None) -> SimulatedBattery:
    return SimulatedBattery(battery, clock or at(0), stored_at(battery, Decimal("0.5")))


def times(samples: Sequence[Sample]) -> list[float]:
    """When samples were read, in minutes after the start of November."""
    return [(sample.measured_at - at(0)) / MINUTE for sample in samples]


def test_300_kwh_are_taken_in_and_263_757_come_back_after_five_days() -> None:
    """ENERGY 2.1: 300.000 in, 282.000 stored, 280.593 kept, 263.757 out."""
    simulated = SimulatedBattery.new(BATTERY, at(0))
    before_wh, orders = simulated.stored_wh, of_plan(profile(BATTERY, FIVE_DAYS_LATER))
    simulated.advance(at(4), orders)
    assert simulated.energy_in_wh == 300_000
    # The vector counts standing loss only while the energy is held; the battery has lost some while charging, too.
    assert 281_950 < simulated.stored_wh - before_wh < 282_000
    simulated.advance(at(128), orders)
    assert 263_757 <= simulated.energy_out_wh <= 263_760


def test_the_meter_intervals_of_the_worked_contract_add_up_to_it() -> None:
    simulated = SimulatedBattery.new(BATTERY, at(0))
    samples = [
        simulated.sample(),
        *simulated.advance(at(130), of_plan(profile(BATTERY, FIVE_DAYS_LATER))),
    ]
    facts = metered(FIVE_DAYS_LATER, intervals_of(samples, hours(0, 130), 900, 100_000))
    assert (facts.energy_in_wh, len(facts.intervals), facts.estimated_intervals) == (300_000, 32, 0)
    assert 263_757 <= facts.energy_out_wh <= 263_760


def test_without_losses_everything_that_was_taken_in_comes_out_again() -> None:
    ideal = replace(
        BATTERY, efficiency_charge=Decimal(1), efficiency_discharge=Decimal(1), standing_loss_per_day=Decimal(0)
    )
    simulated = halfway(ideal)
    before_wh = simulated.stored_wh
    simulated.advance(at(8), schedule((0, 2, 30_000, 0), (5, 7, 0, 30_000)))
    assert (simulated.energy_in_wh, simulated.energy_out_wh) == (60_000, 60_000)
    assert abs(simulated.stored_wh - before_wh) < Decimal("1e-20")


@st.composite
def orders(draw: st.DrawFn) -> Schedule:
    """Up to three intervals of any power, overlapping or not, within four hours, valid for up to that long."""
    powers = st.integers(0, 10**6)
    starts = draw(st.lists(st.integers(0, 120), max_size=3))
    listed = tuple(
        ScheduledPower(hours(start / 60, (start + draw(st.integers(1, 120))) / 60), draw(powers), draw(powers))
        for start in starts
    )
    return Schedule(at(draw(st.integers(0, 4))), listed)


levels = st.decimals("0", "1", places=3)
ticks = st.lists(st.integers(1, 2_400), min_size=1, max_size=6)


@given(batteries(), levels, orders(), ticks)
def test_energy_is_conserved(battery: Battery, level: Decimal, ordered: Schedule, ticks_s: list[int]) -> None:
    """Stored now = stored before + in × eta_c − out ÷ eta_d, less a standing loss that is never negative."""
    simulated = SimulatedBattery(battery, at(0), stored_at(battery, level))
    before_wh = simulated.stored_wh
    for tick_s in ticks_s:
        simulated.advance(simulated.clock + timedelta(seconds=tick_s), ordered)
    exact_in, exact_out = Decimal(simulated.energy_in_wh), Decimal(simulated.energy_out_wh)
    moved_wh = exact_in * battery.efficiency_charge - exact_out / battery.efficiency_discharge
    lost_wh = before_wh + moved_wh - simulated.stored_wh
    # Registers hide less than a watt-hour each, which is at most one in store for charging and two for discharging.
    assert lost_wh >= -1
    most_wh = max(before_wh, battery.capacity_wh) * battery.standing_loss_per_day * sum(ticks_s) / 86_400
    assert lost_wh <= most_wh * 2 + 2


@given(batteries(), levels, orders(), ticks)
def test_no_order_takes_a_battery_beyond_its_limits(
    battery: Battery, level: Decimal, ordered: Schedule, ticks_s: list[int]
) -> None:
    """Above ``soc_max`` and below the floor it may have been before; orders never take it further out."""
    simulated = SimulatedBattery(battery, at(0), stored_at(battery, level))
    start_wh = simulated.stored_wh
    until = at(0) + timedelta(seconds=sum(ticks_s))
    samples = simulated.advance(until, ordered)
    highest = max(level, battery.soc_max)
    assert all(sample.soc is not None and sample.soc <= highest + Decimal("0.000001") for sample in samples)
    floor_wh = min(start_wh, stored_at(battery, battery.soc_min + battery.soc_reserve))
    standing = (1 - battery.standing_loss_per_day) ** (Decimal(sum(ticks_s)) / 86_400)
    assert simulated.stored_wh >= floor_wh * standing - Decimal("1e-9")


@given(batteries(), levels, orders(), ticks)
def test_registers_never_fall_and_never_outrun_the_ordered_power(
    battery: Battery, level: Decimal, ordered: Schedule, ticks_s: list[int]
) -> None:
    simulated = SimulatedBattery(battery, at(0), stored_at(battery, level))
    samples = [simulated.sample()]
    for tick_s in ticks_s:
        samples += simulated.advance(simulated.clock + timedelta(seconds=tick_s), ordered)
    for before, after in pairwise(samples):
        passed_h = Decimal((after.measured_at - before.measured_at) // timedelta(seconds=1)) / 3_600
        assert passed_h > 0
        assert after.sequence == before.sequence + 1
        assert 0 <= after.energy_in_wh - before.energy_in_wh <= battery.charge_power_w * passed_h + 1
        assert 0 <= after.energy_out_wh - before.energy_out_wh <= battery.discharge_power_w * passed_h + 1


@given(batteries(), levels, orders(), st.integers(1, 86_400))
def test_after_valid_until_a_battery_rests(battery: Battery, level: Decimal, ordered: Schedule, more_s: int) -> None:
    simulated = SimulatedBattery(battery, at(0), stored_at(battery, level))
    simulated.advance(max(at(0) + MINUTE, ordered.valid_until), ordered)
    then = simulated.energy_in_wh, simulated.energy_out_wh, simulated.sample(ordered).power_w
    simulated.advance(simulated.clock + timedelta(seconds=more_s), ordered)
    assert (simulated.energy_in_wh, simulated.energy_out_wh, 0) == then


@given(batteries(), levels, st.lists(st.integers(1, 10_000), min_size=1, max_size=8))
def test_a_rest_loses_as_much_in_one_piece_as_in_many(battery: Battery, level: Decimal, ticks_s: list[int]) -> None:
    one = SimulatedBattery(battery, at(0), stored_at(battery, level))
    many = SimulatedBattery(battery, at(0), stored_at(battery, level))
    for tick_s in ticks_s:
        many.advance(many.clock + timedelta(seconds=tick_s), REST)
    one.advance(many.clock, REST)
    assert abs(one.stored_wh - many.stored_wh) < Decimal("1e-15")


def test_a_schedule_that_ends_in_the_middle_of_a_window_stops_the_charging_there() -> None:
    simulated = halfway()
    simulated.advance(at(4), schedule((0, 4, 60_000, 0), valid_until=1.5))
    assert simulated.energy_in_wh == 90_000


def test_orders_that_overlap_add_up_and_the_two_directions_are_not_netted() -> None:
    simulated = halfway()
    samples = simulated.advance(at(1), schedule((0, 1, 30_000, 0), (0, 1, 20_000, 0), (0, 1, 0, 40_000)))
    assert (simulated.energy_in_wh, simulated.energy_out_wh) == (50_000, 40_000)
    assert samples[0].power_w == 10_000


def test_an_order_above_the_nameplate_power_is_followed_as_far_as_it_goes() -> None:
    simulated = halfway()
    simulated.advance(at(1), schedule((0, 1, 500_000, 0)))
    assert simulated.energy_in_wh == 100_000


def test_charging_tapers_near_full_and_ends_at_the_limit() -> None:
    simulated = SimulatedBattery(BATTERY, at(0), stored_at(BATTERY, Decimal("0.80")))
    samples = simulated.advance(at(6), schedule((0, 6, 100_000, 0)))
    in_the_taper_w = [sample.power_w or 0 for sample in samples[:24]]
    assert in_the_taper_w[0] == 100_000
    assert in_the_taper_w == sorted(in_the_taper_w, reverse=True)
    assert 0 < in_the_taper_w[-1] < 5_000
    # From then on it takes what its standing loss takes: some twenty watts.
    assert 0 <= BATTERY.soc_max - soc(BATTERY, simulated.stored_wh) < Decimal("0.00001")
    assert samples[-2].power_w is not None
    assert 10 < samples[-2].power_w < 30


def test_discharging_ends_at_the_reserve_of_the_owner() -> None:
    kept = replace(BATTERY, soc_reserve=Decimal("0.05"), standing_loss_per_day=Decimal(0))
    simulated = SimulatedBattery(kept, at(0), stored_at(kept, Decimal("0.2")))
    simulated.advance(at(3), schedule((0, 3, 0, 80_000)))
    assert abs(soc(kept, simulated.stored_wh) - Decimal("0.15")) < Decimal("1e-6")
    assert simulated.energy_out_wh == int(stored_at(kept, Decimal("0.05")) * kept.efficiency_discharge)


def test_a_moving_battery_reports_every_full_five_minutes_and_now() -> None:
    simulated = halfway(clock=at(0) + 2 * MINUTE)
    samples = simulated.advance(at(0) + 17 * MINUTE, schedule((0, 4, 50_000, 0)))
    assert times(samples) == [5, 10, 15, 17]
    assert [sample.energy_in_wh for sample in samples] == [2_500, 6_666, 10_833, 12_500]
    assert {sample.power_w for sample in samples} == {50_000}


def test_a_resting_battery_reports_every_full_quarter_of_an_hour_only() -> None:
    simulated = halfway(clock=at(0) + 2 * MINUTE)
    assert times(simulated.advance(at(0) + 47 * MINUTE, REST)) == [15, 30, 45]


def test_the_ends_of_a_window_are_reported_to_the_second_whatever_the_tick() -> None:
    simulated = halfway(clock=at(0.9))
    samples = simulated.advance(at(2.3), schedule((1, 2, 60_000, 0)))
    by_minute = dict(zip(times(samples), samples, strict=True))
    assert (by_minute[60].power_w, by_minute[60].energy_in_wh) == (60_000, 0)
    assert (by_minute[120].power_w, by_minute[120].energy_in_wh) == (0, 60_000)
    assert by_minute[135].energy_in_wh == 60_000


def test_parts_of_a_watt_hour_are_carried_from_step_to_step() -> None:
    simulated = halfway()
    for second in range(1, 3_601):
        simulated.advance(at(0) + timedelta(seconds=second), schedule((0, 4, 1_001, 0)))
    assert simulated.energy_in_wh == 1_001


def test_time_that_stands_still_or_runs_back_moves_nothing() -> None:
    simulated = halfway()
    assert simulated.advance(at(0), schedule((0, 4, 1_000, 0))) == []
    assert simulated.advance(at(-1), schedule((-2, 4, 1_000, 0))) == []
    assert (simulated.clock, simulated.energy_in_wh) == (at(0), 0)


def test_a_battery_is_taken_up_where_its_latest_sample_left_it() -> None:
    before = halfway()
    latest = before.advance(at(1), schedule((0, 1, 50_000, 0)))[-1]
    after = SimulatedBattery.resumed(BATTERY, latest)
    (following,) = after.advance(at(1.25), schedule((1, 2, 50_000, 0)))[-1:]
    assert (following.energy_in_wh, following.energy_out_wh) == (62_500, 0)
    assert following.sequence == latest.sequence + 3
    assert following.soc is not None
    assert latest.soc is not None
    assert following.soc > latest.soc


def test_a_battery_whose_charge_is_unknown_is_taken_up_near_empty_with_its_registers() -> None:
    latest = replace(halfway().sample(), soc=None, energy_in_wh=4_000, energy_out_wh=3_000)
    after = SimulatedBattery.resumed(BATTERY, latest)
    assert (after.energy_in_wh, after.energy_out_wh) == (4_000, 3_000)
    assert after.stored_wh == SimulatedBattery.new(BATTERY, at(0)).stored_wh
