from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.rates import Rate, RateLimit, network_of

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_burst_goes_through_and_the_next_is_told_how_long_to_wait() -> None:
    limit = RateLimit(Rate(per_minute=6, burst=3))
    assert [limit.wait_s("a", NOW) for _ in range(5)] == [0, 0, 0, 10, 10]


def test_whoever_waits_as_long_as_told_goes_through_and_not_sooner() -> None:
    limit = RateLimit(Rate(per_minute=6, burst=1))
    assert limit.wait_s("a", NOW) == 0
    assert limit.wait_s("a", NOW + 9 * SECOND) == 1
    assert limit.wait_s("a", NOW + 10 * SECOND) == 0


def test_one_caller_does_not_use_up_what_another_has() -> None:
    limit = RateLimit(Rate(per_minute=1, burst=1))
    assert [limit.wait_s(caller, NOW) for caller in ("a", "a", "b")] == [0, 60, 0]


def test_a_rate_of_zero_limits_nobody() -> None:
    limit = RateLimit(Rate(per_minute=0, burst=0))
    assert {limit.wait_s("a", NOW) for _ in range(1_000)} == {0}


def test_a_clock_that_is_set_back_gives_no_tokens() -> None:
    limit = RateLimit(Rate(per_minute=60, burst=1))
    assert limit.wait_s("a", NOW) == 0
    assert limit.wait_s("a", NOW - 100 * SECOND) == 1
    assert limit.wait_s("a", NOW - 99 * SECOND) == 0


def test_of_too_many_callers_the_one_not_seen_for_longest_is_forgotten() -> None:
    limit = RateLimit(Rate(per_minute=1, burst=1), callers_max=2)
    for caller in ("a", "b", "a", "c"):
        limit.wait_s(caller, NOW)
    assert limit.wait_s("a", NOW) > 0
    assert limit.wait_s("b", NOW) == 0


@given(
    per_minute=st.integers(1, 10_000),
    burst=st.integers(1, 50),
    steps_us=st.lists(st.integers(0, 5_000_000), min_size=1, max_size=200),
)
def test_no_more_goes_through_than_the_burst_and_what_the_time_gave(
    per_minute: int, burst: int, steps_us: list[int]
) -> None:
    limit, now, passed = RateLimit(Rate(per_minute, burst)), NOW, 0
    for step in steps_us:
        now += timedelta(microseconds=step)
        passed += limit.wait_s("a", now) == 0
    gained = (now - NOW) // timedelta(microseconds=1) * per_minute // 60_000_000
    assert passed <= burst + gained


@given(per_minute=st.integers(1, 10_000), burst=st.integers(1, 5), asked_after_us=st.integers(0, 10_000_000))
def test_after_the_told_wait_there_is_always_a_token(per_minute: int, burst: int, asked_after_us: int) -> None:
    limit = RateLimit(Rate(per_minute, burst))
    for _ in range(burst):
        limit.wait_s("a", NOW)
    asked_at = NOW + timedelta(microseconds=asked_after_us)
    told_s = limit.wait_s("a", asked_at)
    assert told_s == 0 or limit.wait_s("a", asked_at + told_s * SECOND) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a name", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_counts_for_its_subscriber_line(address: str | None, network: str) -> None:
    assert network_of(address) == network
