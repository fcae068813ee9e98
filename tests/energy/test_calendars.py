from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.calendars import When, check_zone, times, when_of, when_text
from energy.intervals import Interval
from tests.energy.examples import ZONES, hours, whens

NIGHT = When(from_minute=22 * 60, until_minute=6 * 60)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_a_peak_is_found_at_its_local_time_of_day() -> None:
    # 06:00 to 22:00 in Kolkata is 00:30 to 16:30 UTC.
    peak = When(from_minute=6 * 60, until_minute=22 * 60)
    assert times(hours(0, 24), "Asia/Kolkata", peak) == (hours(0.5, 16.5),)


def test_a_night_runs_over_midnight() -> None:
    assert times(hours(0, 24), "UTC", NIGHT) == (hours(0, 6), hours(22, 24))


@pytest.mark.parametrize(("day", "length_h"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 10, 26), 24)])
def test_the_days_when_clocks_change_have_the_hours_that_they_have(day: tuple[int, int, int], length_h: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(*day, tzinfo=berlin)
    weekday = When(weekdays=(start.isoweekday(),))
    window = Interval(start.astimezone(UTC) - timedelta(days=2), start.astimezone(UTC) + timedelta(days=3))
    (found,) = times(window, "Europe/Berlin", weekday)
    assert found.start == start.astimezone(UTC)
    assert found.hours == length_h


def test_the_hour_that_comes_twice_counts_twice_and_the_one_that_is_left_out_not_at_all() -> None:
    two_to_three = When(from_minute=120, until_minute=180)
    autumn = Interval(utc(2026, 10, 24, 22), utc(2026, 10, 25, 23))
    spring = Interval(utc(2026, 3, 28, 23), utc(2026, 3, 29, 22))
    assert sum(piece.hours for piece in times(autumn, "Europe/Berlin", two_to_three)) == 2
    assert times(spring, "Europe/Berlin", two_to_three) == ()


def test_a_season_is_its_months_in_local_time() -> None:
    winter = When(months=(11, 12, 1, 2))
    assert times(Interval(utc(2026, 10, 1), utc(2027, 4, 1)), "UTC", winter) == (
        Interval(utc(2026, 11, 1), utc(2027, 3, 1)),
    )


@given(window=st.tuples(st.integers(0, 4_000), st.integers(1, 400)), zone=st.sampled_from(ZONES), when=whens())
def test_every_quarter_of_an_hour_is_in_or_out_as_the_wall_clock_says(
    window: tuple[int, int], zone: str, when: When
) -> None:
    start, length = window
    interval = hours(start / 4, (start + length) / 4)
    found = times(interval, zone, when)
    for quarter in range(start, start + length):
        moment = hours(quarter / 4, quarter / 4 + 0.25).start
        assert any(piece.contains(moment) for piece in found) == when.holds(moment.astimezone(ZoneInfo(zone)))


@given(whens() | st.none())
def test_times_are_read_back_from_their_text(when: When | None) -> None:
    assert when_of(when_text(when)) == when


def test_a_peak_on_winter_workdays_is_written_as_people_would() -> None:
    when = When((11, 12), (1, 2, 3, 4, 5), 360, 1320)
    assert when_text(when) == "months=11,12 days=1,2,3,4,5 time=06:00-22:00"


@pytest.mark.parametrize("text", ["", "months=13", "days=0", "time=6-7", "time=06:00-06:00", "time=06:05-07:00", "x=1"])
def test_what_is_no_time_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|day|minute|time"):
        when_of(text)


def test_a_time_zone_that_nobody_knows_is_refused() -> None:
    check_zone("Asia/Kolkata")
    for zone in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(ValueError, match="is not a time zone"):
            check_zone(zone)
