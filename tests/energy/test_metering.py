"""Metering: intervals add up to the registers, and no meter fault is ever booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.intervals import Interval, IntervalError
from energy.metering import (
    MeterInterval,
    ReadingQuality,
    Sample,
    allocate,
    energy_between,
    intervals_of,
)
from energy.offers import Quality
from tests.energy.examples import at, hours

LIMIT_W = 100_000
VALID, DERIVED, QUESTIONABLE = ReadingQuality.VALID, ReadingQuality.DERIVED, ReadingQuality.QUESTIONABLE


def sample(hour: float, in_wh: int, out_wh: int = 0, sequence: int = 0) -> Sample:
    return Sample(
        battery_id="battery-1",
        measured_at=at(hour),
        soc=Decimal("0.5"),
        power_w=None,
        energy_in_wh=in_wh,
        energy_out_wh=out_wh,
        quality=Quality.FRESH,
        source="test",
        sequence=sequence,
    )


def hourly(*in_wh: int) -> list[Sample]:
    return [sample(hour, register_wh) for hour, register_wh in enumerate(in_wh)]


def read(samples: Sequence[Sample], window: Interval, step_s: int = 3600) -> list[tuple[int, int, ReadingQuality]]:
    intervals = intervals_of(samples, window, step_s, LIMIT_W)
    return [(interval.energy_in_wh, interval.energy_out_wh, interval.quality) for interval in intervals]


def test_readings_at_the_boundaries_are_valid_intervals() -> None:
    samples = [sample(0, 1_000, 70), sample(1, 26_000, 70), sample(2, 26_000, 80)]
    assert read(samples, hours(0, 2)) == [(25_000, 0, VALID), (0, 10, VALID)]


def test_a_boundary_between_two_readings_is_interpolated_and_said_to_be_derived() -> None:
    assert read([sample(0, 0), sample(1, 1_002)], hours(0, 1), 900) == [
        (251, 0, DERIVED),
        (250, 0, DERIVED),
        (251, 0, DERIVED),
        (250, 0, DERIVED),
    ]


def test_readings_inside_an_interval_do_not_make_it_less_valid() -> None:
    assert read([sample(0, 0), sample(0.3, 9), sample(1, 10)], hours(0, 1)) == [(10, 0, VALID)]


def test_slots_before_the_first_and_after_the_last_reading_are_missing() -> None:
    samples = [sample(1, 0), sample(2.5, 150)]
    intervals = intervals_of(samples, hours(0, 4), 3600, LIMIT_W)
    assert intervals == (MeterInterval(hours(1, 2), 100, 0, DERIVED),)


@pytest.mark.parametrize("samples", [[], [sample(0, 5)]], ids=["no reading", "one reading"])
def test_one_reading_or_none_makes_no_interval(samples: list[Sample]) -> None:
    assert read(samples, hours(0, 4)) == []
    assert energy_between(samples, at(0), at(4), LIMIT_W) == (0, 0)


def test_a_meter_that_shows_zero_for_a_moment_books_nothing_wrong() -> None:
    """evcc PR 30592: an intermittent zero once made a 53.7 MWh slot. Here it costs an hour of certainty only."""
    samples = hourly(53_700_000, 53_710_000, 0, 53_730_000, 53_740_000)
    assert read(samples, hours(0, 4)) == [
        (10_000, 0, VALID),
        (0, 0, QUESTIONABLE),
        (20_000, 0, QUESTIONABLE),
        (10_000, 0, VALID),
    ]


def test_a_register_that_was_reset_books_nothing_until_it_passes_its_old_maximum() -> None:
    samples = hourly(50_000, 60_000, 0, 30_000, 60_000, 75_000)
    assert [energy_wh for energy_wh, _, _ in read(samples, hours(0, 5))] == [10_000, 0, 0, 0, 15_000]
    assert [quality for _, _, quality in read(samples, hours(1, 3))] == [QUESTIONABLE, QUESTIONABLE]


def test_a_spike_is_refused_and_the_energy_around_it_is_kept() -> None:
    samples = hourly(0, 10_000, 15_500_000, 30_000)
    assert read(samples, hours(0, 3)) == [
        (10_000, 0, VALID),
        (0, 0, QUESTIONABLE),
        (20_000, 0, QUESTIONABLE),
    ]


def test_after_a_refused_reading_the_power_limit_counts_from_the_last_accepted_one() -> None:
    """180 kWh in two hours are possible at 100 kW, though they show up between two readings of one hour."""
    assert read(hourly(0, 15_500_000, 180_000), hours(0, 2)) == [
        (0, 0, QUESTIONABLE),
        (180_000, 0, QUESTIONABLE),
    ]


@pytest.mark.parametrize(("delta_wh", "booked_wh", "quality"), [(110_001, 110_001, VALID), (110_002, 0, QUESTIONABLE)])
def test_no_more_than_the_power_limit_and_a_tenth_is_booked(
    delta_wh: int, booked_wh: int, quality: ReadingQuality
) -> None:
    """The one watt-hour above is what two rounded registers may differ by."""
    assert read(hourly(7, 7 + delta_wh), hours(0, 1)) == [(booked_wh, 0, quality)]


def test_a_meter_that_counts_single_watt_hours_may_be_read_every_second() -> None:
    samples = [sample(number / 3600, number // 2) for number in range(901)]
    [interval] = intervals_of(samples, hours(0, 0.25), 900, power_limit_w=1_800)
    assert (interval.energy_in_wh, interval.quality) == (450, VALID)


def test_a_fault_of_one_register_leaves_the_other_alone() -> None:
    samples = [sample(0, 500, 100), sample(1, 400, 150), sample(2, 600, 200)]
    assert read(samples, hours(0, 2)) == [(0, 50, QUESTIONABLE), (100, 50, QUESTIONABLE)]


def test_a_suspect_reading_is_booked_and_its_intervals_are_questionable() -> None:
    samples = [sample(0, 0), replace(sample(1, 10), quality=Quality.SUSPECT), sample(2, 20), sample(3, 30)]
    assert read(samples, hours(0, 3)) == [(10, 0, QUESTIONABLE), (10, 0, QUESTIONABLE), (10, 0, VALID)]


def test_of_two_readings_of_one_moment_the_later_in_sequence_counts() -> None:
    samples = [sample(1, 90, sequence=2), sample(1, 80, sequence=1), sample(0, 0)]
    assert read(samples, hours(0, 1)) == [(90, 0, VALID)]


def test_readings_of_two_batteries_are_never_mixed() -> None:
    with pytest.raises(ValueError, match="more than one battery"):
        read([sample(0, 0), replace(sample(1, 5), battery_id="battery-2")], hours(0, 1))


@pytest.mark.parametrize(("window", "step_s"), [(hours(0, 1), 60), (hours(0, 1.1), 900)])
def test_meters_count_in_aligned_intervals_of_5_15_30_or_60_minutes(window: Interval, step_s: int) -> None:
    with pytest.raises(IntervalError):
        read([], window, step_s)


def test_energy_is_counted_as_far_as_there_are_readings() -> None:
    samples = [sample(1, 100, 5), sample(3, 300, 5)]
    assert energy_between(samples, at(0), at(2), LIMIT_W) == (100, 0)
    assert energy_between(samples, at(0), at(9), LIMIT_W) == (200, 0)
    assert energy_between(samples, at(5), at(9), LIMIT_W) == (0, 0)


@st.composite
def any_samples(draw: st.DrawFn) -> list[Sample]:
    """Readings over a day at any second, in any order, from a meter that may do anything."""
    registers = st.one_of(st.integers(0, 10**5), st.integers(0, 10**9))
    facts = draw(st.lists(st.tuples(st.integers(-3_600, 90_000), registers, registers), min_size=2, max_size=30))
    qualities = st.sampled_from(list(Quality))
    return [
        replace(sample(second / 3600, in_wh, out_wh, sequence), quality=draw(qualities))
        for sequence, (second, in_wh, out_wh) in enumerate(facts)
    ]


def covered(samples: list[Sample], window: Interval) -> bool:
    moments = [reading.measured_at for reading in samples]
    return min(moments) <= window.start and window.end <= max(moments)


def added_up(intervals: Sequence[MeterInterval]) -> tuple[int, int]:
    return sum(i.energy_in_wh for i in intervals), sum(i.energy_out_wh for i in intervals)


@given(any_samples(), st.sampled_from([300, 900, 1800, 3600]))
def test_intervals_add_up_to_the_energy_between_their_ends(samples: list[Sample], step_s: int) -> None:
    intervals = intervals_of(samples, hours(0, 24), step_s, LIMIT_W)
    if intervals:
        between = energy_between(samples, intervals[0].interval.start, intervals[-1].interval.end, LIMIT_W)
        assert added_up(intervals) == between
    assert (len(intervals) == 86_400 // step_s) == covered(samples, hours(0, 24))


@given(any_samples())
def test_no_interval_is_negative_or_beyond_what_the_power_allows(samples: list[Sample]) -> None:
    """Booked since the first reading: never more than the limit, a tenth, and a watt-hour for each reading."""
    for interval in intervals_of(samples, hours(0, 24), 900, LIMIT_W):
        assert interval.energy_in_wh >= 0
        assert interval.energy_out_wh >= 0
    first = min(reading.measured_at for reading in samples)
    booked = energy_between(samples, first, at(25), LIMIT_W)
    elapsed_s = int((at(25) - first).total_seconds())
    assert max(booked) <= LIMIT_W * elapsed_s * 11 // 36_000 + len(samples)


@given(any_samples())
def test_short_intervals_add_up_to_long_ones(samples: list[Sample]) -> None:
    window = hours(0, 24)
    short = intervals_of(samples, window, 300, LIMIT_W)
    for long in intervals_of(samples, window, 3600, LIMIT_W):
        parts = [part for part in short if long.interval.contains(part.interval.start)]
        assert added_up(parts) == (long.energy_in_wh, long.energy_out_wh)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=48), st.integers(0, 10**6))
def test_a_meter_without_faults_is_booked_to_the_last_watt_hour(deltas_wh: list[int], start_wh: int) -> None:
    registers = [start_wh + sum(deltas_wh[:count]) for count in range(len(deltas_wh) + 1)]
    samples = [sample(quarter / 4, register_wh) for quarter, register_wh in enumerate(registers)]
    window = Interval(at(0), at(0) + len(deltas_wh) * timedelta(minutes=15))
    assert read(samples, window, 900) == [(delta_wh, 0, VALID) for delta_wh in deltas_wh]


@given(any_samples(), st.randoms(use_true_random=False))
def test_the_order_in_which_readings_arrive_changes_nothing(samples: list[Sample], random: Random) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert read(samples, hours(0, 24)) == read(shuffled, hours(0, 24))


@pytest.mark.parametrize(
    ("energy_wh", "weights", "shares"),
    [
        (10, (1, 1, 1), (4, 3, 3)),
        (100, (1, 0, 3), (25, 0, 75)),
        (2, (1, 2, 2), (0, 1, 1)),
        (0, (0, 0), (0, 0)),
        (0, (), ()),
    ],
)
def test_energy_is_shared_out_by_largest_remainder(
    energy_wh: int, weights: tuple[int, ...], shares: tuple[int, ...]
) -> None:
    assert allocate(energy_wh, weights) == shares


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1).filter(any))
def test_shares_add_up_and_none_is_off_by_a_watt_hour(energy_wh: int, weights: list[int]) -> None:
    shares = allocate(energy_wh, weights)
    assert sum(shares) == energy_wh
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * whole - energy_wh * weight) < whole


@pytest.mark.parametrize(("energy_wh", "weights"), [(5, (0, 0)), (5, ()), (-1, (1,)), (5, (2, -1))])
def test_energy_without_a_taker_and_negative_values_are_refused(energy_wh: int, weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"all weights are zero|never negative"):
        allocate(energy_wh, weights)


def test_after_a_confirmed_change_of_meters_the_new_register_is_booked_from_its_first_reading() -> None:
    samples = hourly(1_000, 2_000, 5, 1_005)
    assert [one[0] for one in read(samples, hours(0, 3))] == [1_000, 0, 0]
    changed = intervals_of(samples, hours(0, 3), 3600, LIMIT_W, (at(1.5),))
    assert [one.energy_in_wh for one in changed] == [1_000, 0, 1_000]
    assert energy_between(samples, at(0), at(3), LIMIT_W, (at(1.5),)) == (2_000, 0)


def test_a_sample_without_both_registers_is_no_reading() -> None:
    samples = [sample(0, 0), replace(sample(1, 0), energy_in_wh=None), sample(2, 600)]
    assert read(samples, hours(0, 2)) == [(300, 0, DERIVED), (300, 0, DERIVED)]
