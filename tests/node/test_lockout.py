"""The wait after wrong passwords: doubled, bounded, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from node.lockout import FORGOTTEN_AFTER, Lockout

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MOST = timedelta(minutes=15)


def after(failures: int, free: int = 5) -> Lockout:
    lockout = Lockout(free, MOST)
    for _ in range(failures):
        lockout.failed("anna", NOW)
    return lockout


def test_the_fifth_failure_costs_a_second_and_each_further_one_doubles_the_wait() -> None:
    assert [after(failures).wait_s("anna", NOW) for failures in range(9)] == [0, 0, 0, 0, 0, 1, 2, 4, 8]


@given(st.integers(5, 500), st.integers(0, 1_000))
def test_the_wait_is_at_most_a_quarter_of_an_hour_and_shrinks_with_time(failures: int, seconds: int) -> None:
    lockout = after(failures)
    first = lockout.wait_s("anna", NOW)
    assert 1 <= first <= 900
    assert lockout.wait_s("anna", NOW + timedelta(seconds=seconds)) == max(first - seconds, 0)


def test_a_success_and_an_hours_quiet_end_the_row() -> None:
    lockout = after(9)
    lockout.succeeded("anna")
    assert lockout.wait_s("anna", NOW) == 0
    lockout = after(9)
    lockout.failed("anna", NOW + FORGOTTEN_AFTER)
    assert lockout.wait_s("anna", NOW + FORGOTTEN_AFTER) == 0


def test_what_was_forgiven_is_not_counted() -> None:
    lockout = after(5)
    lockout.forgive("anna")
    lockout.forgive("nobody")
    assert lockout.wait_s("anna", NOW) == 0


def test_of_more_names_than_fit_the_oldest_is_forgotten() -> None:
    lockout = Lockout(1, MOST, names_max=2)
    for name in ("a", "b", "c"):
        lockout.failed(name, NOW)
    assert [lockout.wait_s(name, NOW) for name in "abc"] == [0, 1, 1]
