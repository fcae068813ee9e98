"""Intervals: UTC, half-open, and slots that tile without gap or overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.intervals import (
    METER_INTERVALS_S,
    Interval,
    IntervalError,
    align_down,
    align_up,
    is_aligned,
    seconds,
    slots,
)
from tests.energy.examples import at, hours

moments = st.integers(-(10**9), 4 * 10**9).map(lambda second: at(0) + timedelta(seconds=second))
steps = st.sampled_from(METER_INTERVALS_S)


def test_an_interval_contains_its_start_and_not_its_end() -> None:
    interval = hours(1, 2)
    assert interval.contains(at(1))
    assert not interval.contains(at(2))


def test_neighbours_do_not_overlap_and_have_no_intersection() -> None:
    assert not hours(0, 1).overlaps(hours(1, 2))
    assert not hours(1, 2).overlaps(hours(0, 1))
    assert hours(0, 1).intersection(hours(1, 2)) is None


def test_the_intersection_is_what_lies_in_both() -> None:
    assert hours(0, 3).intersection(hours(2, 5)) == hours(2, 3)
    assert hours(0, 3).overlaps(hours(2, 5))


@pytest.mark.parametrize(
    "start",
    [at(0).replace(tzinfo=None), datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))],
    ids=["no zone", "India"],
)
def test_a_time_that_is_not_in_utc_makes_no_interval(start: datetime) -> None:
    with pytest.raises(IntervalError, match="is not in UTC"):
        Interval(start, at(1))


@pytest.mark.parametrize("end", [0, -1])
def test_an_interval_that_is_empty_or_runs_backwards_is_refused(end: int) -> None:
    with pytest.raises(IntervalError, match="is empty or runs backwards"):
        hours(0, end)


def test_length_is_exact_to_the_microsecond() -> None:
    interval = Interval(at(0), at(1.5) + timedelta(microseconds=1))
    assert interval.duration_s == Decimal("5400.000001")
    assert hours(0, 1.5).hours == Decimal("1.5")
    assert seconds(timedelta(days=-1, microseconds=1)) == Decimal("-86399.999999")


@given(moments, steps)
def test_a_moment_lies_between_its_aligned_neighbours(moment: datetime, step_s: int) -> None:
    down, up = align_down(moment, step_s), align_up(moment, step_s)
    assert down <= moment <= up
    assert up - down == (timedelta(0) if down == moment else timedelta(seconds=step_s))
    assert int(down.timestamp()) % step_s == 0


def test_a_moment_before_1970_is_aligned_downwards_too() -> None:
    assert align_down(datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)) == datetime(1969, 12, 31, 23, 45, tzinfo=UTC)


@given(moments, steps, st.integers(1, 100))
def test_slots_tile_an_aligned_interval(moment: datetime, step_s: int, count: int) -> None:
    start = align_down(moment, step_s)
    window = Interval(start, start + count * timedelta(seconds=step_s))
    tiles = list(slots(window, step_s))
    assert len(tiles) == count
    assert [tiles[0].start, tiles[-1].end] == [window.start, window.end]
    assert all(left.end == right.start for left, right in pairwise(tiles))


def test_an_interval_that_is_not_aligned_has_no_slots() -> None:
    crooked = hours(0, 1.1)
    assert not is_aligned(crooked)
    with pytest.raises(IntervalError, match="is not aligned to 900 s"):
        list(slots(crooked))
