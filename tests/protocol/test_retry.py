"""Retry delays: they grow, they stay within bounds, and they end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.retry import RetrySchedule

_SCHEDULES = st.builds(
    RetrySchedule,
    first_delay_s=st.floats(0.001, 10),
    max_delay_s=st.floats(10, 86_400),
    max_attempts=st.integers(1, 1_000),
)
_FAILURES = st.integers(1, 10_000)
_JITTER = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (7, 32.0), (8, 60.0), (9, 60.0), (10_000, 60.0)]
)
def test_the_longest_delay_doubles_with_each_failure_up_to_a_minute(failures: int, delay_s: float) -> None:
    assert RetrySchedule().delay_s(failures, jitter=0.0) == delay_s / 2
    assert RetrySchedule().delay_s(failures, jitter=1 - 2**-53) == pytest.approx(delay_s)


@given(schedule=_SCHEDULES, failures=_FAILURES, jitter=_JITTER)
def test_a_delay_is_never_under_half_of_the_first_nor_over_the_longest(
    schedule: RetrySchedule, failures: int, jitter: float
) -> None:
    assert schedule.first_delay_s / 2 <= schedule.delay_s(failures, jitter) <= schedule.max_delay_s


@given(schedule=_SCHEDULES, failures=_FAILURES, jitter=_JITTER)
def test_one_more_failure_never_shortens_the_delay(schedule: RetrySchedule, failures: int, jitter: float) -> None:
    assert schedule.delay_s(failures, jitter) <= schedule.delay_s(failures + 1, jitter)


@given(schedule=_SCHEDULES, failures=_FAILURES, jitters=st.tuples(_JITTER, _JITTER))
def test_jitter_spreads_delays_over_the_upper_half_alone(
    schedule: RetrySchedule, failures: int, jitters: tuple[float, float]
) -> None:
    less, more = sorted(jitters)
    assert schedule.delay_s(failures, less) <= schedule.delay_s(failures, more) <= 2 * schedule.delay_s(failures, 0.0)


@given(schedule=_SCHEDULES, failures=st.integers(0, 2_000))
def test_the_attempts_are_spent_after_as_many_failures_and_not_before(schedule: RetrySchedule, failures: int) -> None:
    assert schedule.is_spent(failures) == (failures >= schedule.max_attempts)
