"""Rollups: energy from the registers, spreads of what was told, and steps that add up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from energy.metering import Sample, energy_between
from energy.offers import Quality
from energy.rollups import STEPS_S, RegisterReading, Rollup, Spread, merged, roll
from tests.energy.examples import NOVEMBER, at

LIMIT_W = 100_000
SECOND = timedelta(seconds=1)


def sample(second: float, energy_in_wh: int | None = 0, energy_out_wh: int | None = 0, **more: Any) -> Sample:
    known: dict[str, Any] = {"soc": None, "power_w": None, "quality": Quality.FRESH, "source": "test", "sequence": 1}
    return Sample(
        battery_id="battery-1",
        measured_at=NOVEMBER + second * SECOND,
        energy_in_wh=energy_in_wh,
        energy_out_wh=energy_out_wh,
        **(known | more),
    )


def reading(second: float, energy_in_wh: int, energy_out_wh: int = 0) -> RegisterReading:
    return RegisterReading(NOVEMBER + second * SECOND, energy_in_wh, energy_out_wh)


def energies(rollups: tuple[Rollup, ...]) -> list[tuple[int, int]]:
    return [(rollup.energy_in_wh, rollup.energy_out_wh) for rollup in rollups]


def test_a_minute_tells_the_least_mean_most_and_last_of_what_its_samples_told() -> None:
    told = [("0.5", 1_000), ("0.7", -3_000), ("0.6", 5_001), (None, None)]
    samples = [
        sample(10 * number, soc=None if soc is None else Decimal(soc), power_w=power_w)
        for number, (soc, power_w) in enumerate(told)
    ]
    (minute,) = roll(samples, None, LIMIT_W)
    assert (minute.start, minute.step_s, minute.samples, minute.trusted) == (NOVEMBER, 60, 4, 4)
    assert minute.soc_millionths == Spread(3, 1_800_000, 500_000, 700_000, 600_000)
    assert minute.soc_millionths.mean == 600_000
    assert minute.power_w == Spread(3, 3_001, -3_000, 5_001, 5_001)
    assert minute.power_w.mean == 1_000


def test_what_no_sample_told_is_unknown() -> None:
    (minute,) = roll([sample(0, None, None)], None, LIMIT_W)
    assert minute.soc_millionths is None
    assert minute.power_w is None
    assert minute.reading is None


def test_energy_belongs_to_the_minute_of_the_later_reading() -> None:
    rolled = roll([sample(30, 100), sample(59, 110), sample(70, 125, 3)], reading(-30, 90), LIMIT_W)
    assert energies(rolled) == [(20, 0), (15, 3)]
    assert rolled[-1].reading == reading(70, 125, 3)


def test_the_first_reading_of_a_battery_books_nothing() -> None:
    assert energies(roll([sample(0, 5_000, 4_000), sample(30, 5_010, 4_000)], None, LIMIT_W)) == [(10, 0)]


def test_a_register_that_fell_books_nothing_until_it_passes_what_it_was() -> None:
    samples = [sample(0, 1_000), sample(60, 10), sample(120, 20), sample(180, 1_050)]
    assert energies(roll(samples, None, LIMIT_W)) == [(0, 0), (0, 0), (0, 0), (50, 0)]


def test_a_spike_books_nothing_and_is_no_reference() -> None:
    samples = [sample(0, 1_000), sample(60, 9_000_000), sample(120, 1_030)]
    rolled = roll(samples, None, LIMIT_W)
    assert energies(rolled) == [(0, 0), (0, 0), (30, 0)]
    assert rolled[1].reading is None


def test_a_confirmed_new_meter_goes_on_from_its_first_reading() -> None:
    samples = [sample(0, 1_000), sample(60, 10), sample(120, 25)]
    changed = NOVEMBER + 30 * SECOND
    assert energies(roll(samples, None, LIMIT_W, (changed,))) == [(0, 0), (0, 0), (15, 0)]


def test_a_suspect_sample_counts_and_is_told() -> None:
    (minute,) = roll([sample(0, power_w=7, quality=Quality.SUSPECT), sample(30, power_w=8)], None, LIMIT_W)
    assert (minute.samples, minute.trusted) == (2, 1)
    assert minute.power_w is not None
    assert minute.power_w.most == 8


def test_of_two_samples_of_one_moment_the_higher_sequence_counts() -> None:
    samples = [sample(5, power_w=2, sequence=2), sample(5, power_w=1, sequence=1)]
    (minute,) = roll(samples, None, LIMIT_W)
    assert minute.power_w == Spread(1, 2, 2, 2, 2)


def test_silence_has_no_rollup_and_its_energy_shows_when_the_meter_is_heard_again() -> None:
    rolled = roll([sample(0, 0), sample(7_200, 400)], None, LIMIT_W)
    assert [rollup.start for rollup in rolled] == [NOVEMBER, at(2)]
    assert energies(rolled) == [(0, 0), (400, 0)]


@st.composite
def series(draw: st.DrawFn) -> list[Sample]:
    """Samples of some hours, as irregular as they like; registers grow as the power limit allows, or do not."""
    second, in_wh, out_wh, taken = 0, 0, 0, []
    for number in range(draw(st.integers(1, 40))):
        second += draw(st.integers(1, 900))
        in_wh, out_wh = in_wh + draw(st.integers(0, 20)), out_wh + draw(st.integers(0, 20))
        soc = draw(st.none() | st.decimals(0, 1, places=4))
        power_w = draw(st.none() | st.integers(-LIMIT_W, LIMIT_W))
        taken.append(sample(second, in_wh, out_wh, soc=soc, power_w=power_w, sequence=number))
    return taken


@given(series())
def test_every_step_adds_up_to_what_the_meter_counted(samples: list[Sample]) -> None:
    minutes = roll(samples, None, LIMIT_W)
    expected = energy_between(samples, samples[0].measured_at, samples[-1].measured_at, LIMIT_W)
    for step_s in STEPS_S:
        rolled = merged(minutes, step_s)
        assert (sum(one.energy_in_wh for one in rolled), sum(one.energy_out_wh for one in rolled)) == expected
        assert sum(one.samples for one in rolled) == len(samples)


@given(series(), st.randoms())
def test_the_order_in_which_samples_came_makes_no_difference(samples: list[Sample], dice: Any) -> None:
    mixed = list(samples)
    dice.shuffle(mixed)
    assert roll(mixed, None, LIMIT_W) == roll(samples, None, LIMIT_W)


@given(series())
def test_merging_step_by_step_is_merging_at_once(samples: list[Sample]) -> None:
    minutes = roll(samples, None, LIMIT_W)
    by_steps = minutes
    for step_s in STEPS_S:
        by_steps = merged(by_steps, step_s)
        assert by_steps == merged(minutes, step_s)


@given(series(), st.integers(0, 40))
def test_rolling_in_two_parts_is_rolling_at_once(samples: list[Sample], cut: int) -> None:
    """As long as the cut is between minutes, and the second part knows the last reading of the first."""
    minutes = roll(samples, None, LIMIT_W)
    boundary = minutes[min(cut, len(minutes) - 1)].start
    first = roll([one for one in samples if one.measured_at < boundary], None, LIMIT_W)
    last = next((one.reading for one in reversed(first) if one.reading is not None), None)
    assert first + roll([one for one in samples if one.measured_at >= boundary], last, LIMIT_W) == minutes


@given(st.lists(st.integers(-1_000, 1_000), min_size=1))
def test_the_mean_lies_between_the_least_and_the_most(values: list[int]) -> None:
    spread = Spread.of(values)
    assert spread is not None
    assert spread.least <= spread.mean <= spread.most
    assert abs(spread.mean * len(values) - sum(values)) * 2 <= len(values)
