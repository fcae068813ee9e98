"""Timestamps and durations: the form that we write, and every form that is read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.moments import duration_text, has_zone, parse_duration, parse_timestamp, timestamp_text

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# The longest text that is read back has ten digits of seconds: three hundred years.
_DURATIONS = st.timedeltas(timedelta(0), timedelta(seconds=9_999_999_999))


def test_a_timestamp_is_written_in_utc_with_milliseconds_and_z() -> None:
    in_india = datetime(2026, 11, 20, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert timestamp_text(in_india) == "2026-11-20T10:00:00.000Z"


def test_less_than_a_millisecond_is_cut_off_and_never_rounded_into_the_future() -> None:
    assert timestamp_text(TEN.replace(microsecond=999_999)) == "2026-11-20T10:00:00.999Z"


def test_a_year_before_1000_is_written_with_four_digits() -> None:
    assert timestamp_text(datetime(7, 1, 1, tzinfo=UTC)) == "0007-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T10:00:00Z", TEN),
        ("2026-11-20T10:00:00.000Z", TEN),
        ("2026-11-20t10:00:00z", TEN),
        ("2026-11-20 10:00:00Z", TEN),
        ("2026-11-20T15:30:00+05:30", TEN),
        ("2026-11-20T15:30:00+0530", TEN),
        ("2026-11-20T05:00:00-05:00", TEN),
        ("2026-11-20T10:00:00-00:00", TEN),
        ("2026-11-20T10:00:00.5Z", TEN.replace(microsecond=500_000)),
        ("2026-11-20T10:00:00.123456789Z", TEN.replace(microsecond=123_456)),
        ("2026-11-20T10:00:00", TEN),
        ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_of_any_precision_and_offset_is_read_in_utc(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment
    assert parse_timestamp(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-20",
        "10:00:00Z",
        "1763632800",
        "2026-11-20T10:00Z",
        "2026-11-20T10:00:00.Z",
        "26-11-20T10:00:00Z",
        "2026-11-20T10:00:00 Z",
        "2026-11-20T10:00:00Z\n",
        "2026-W47-5T10:00:00Z",
        "٢٠٢٦-11-20T10:00:00Z",
        "2026-11-20T10:00:00." + "0" * 30 + "Z",
    ],
)
def test_a_text_that_is_no_rfc_3339_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an RFC 3339 time"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-13-01T10:00:00Z", "month"),
        ("2026-02-29T10:00:00Z", "day"),
        ("2026-11-20T24:00:01Z", "hour"),
        ("2026-11-20T10:00:60Z", "second"),
        ("2026-11-20T10:00:00+99:99", "offset"),
        ("0000-01-01T00:00:00Z", "year"),
    ],
)
def test_a_time_that_no_calendar_has_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_timestamp(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:30"])
def test_a_time_whose_utc_has_no_year_is_refused_like_any_other(text: str) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        parse_timestamp(text)


@given(st.datetimes(timezones=_OFFSETS).filter(lambda moment: 1 < moment.year < 9999))
def test_a_timestamp_is_read_back_to_the_millisecond(moment: datetime) -> None:
    text = timestamp_text(moment)
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", text)
    assert timedelta(0) <= moment - parse_timestamp(text) < timedelta(milliseconds=1)


@given(
    st.text() | st.text("0123456789-:.+TtZz ", max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}")
)
def test_any_text_is_a_utc_time_or_a_value_error(text: str) -> None:
    try:
        moment = parse_timestamp(text)
    except ValueError:
        return
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT30S", timedelta(seconds=30)),
        ("PT1.5S", timedelta(seconds=1, milliseconds=500)),
        ("PT0.000001S", timedelta(microseconds=1)),
        ("PT0S", timedelta(0)),
        ("PT5M", timedelta(minutes=5)),
        ("PT1H30M", timedelta(minutes=90)),
        ("P1D", timedelta(days=1)),
        ("P2W", timedelta(days=14)),
        ("P1M", timedelta(days=30)),
        ("P1Y", timedelta(days=365)),
        ("P1Y2M3W4DT5H6M7.25S", timedelta(days=365 + 60 + 21 + 4, hours=5, minutes=6, seconds=7.25)),
    ],
)
def test_an_iso_8601_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "T30S",
        "30",
        "30S",
        "PT30",
        "pt30s",
        "-PT30S",
        "PT-30S",
        "P1S",
        "PT1D",
        "PT1S1M",
        "PT1.S",
        "PT.5S",
        "PT1,5S",
        "PT1.1234567S",
        "PT30S ",
        "PT30S\n",
        "PT٣S",
        "PT" + "9" * 50 + "S",
        "PT99999999999S",
    ],
)
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=30), "PT30S"),
        (timedelta(minutes=5), "PT300S"),
        (timedelta(days=1, milliseconds=250), "PT86400.25S"),
        (timedelta(0), "PT0S"),
    ],
)
def test_a_duration_is_written_in_seconds(duration: timedelta, text: str) -> None:
    assert duration_text(duration) == text


@given(_DURATIONS)
def test_a_duration_is_read_back_exactly(duration: timedelta) -> None:
    assert parse_duration(duration_text(duration)) == duration


@given(st.text() | st.text("PTYMWDHS0123456789.", max_size=40))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert duration >= timedelta(0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("2026-11-20T10:00:00Z", True),
        ("2026-11-20 10:00:00+05:30", True),
        ("2026-11-20T10:00:00", False),
        ("2026-11-20", False),
        ("soon", False),
    ],
)
def test_a_time_names_its_zone_or_does_not(text: str, named: bool) -> None:
    assert has_zone(text) is named


def test_a_time_without_a_zone_is_of_the_zone_that_is_asked_for() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert parse_timestamp("2026-11-20T10:00:00", india) == datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
    assert parse_timestamp("2026-11-20T10:00:00Z", india) == datetime(2026, 11, 20, 10, tzinfo=UTC)
