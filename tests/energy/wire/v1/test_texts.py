from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.offers import Place
from energy.quantities import Money
from energy.wire.v1.texts import (
    duration_s_of,
    duration_text,
    gps_text,
    kilo_text,
    moment_of,
    moment_text,
    money_text,
    number_text,
    percent_text,
    place_of,
    whole_of,
)
from tests.energy.wire.v1.strategies import moments, places

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_time_is_written_in_utc_with_milliseconds_and_z() -> None:
    in_india = datetime(2026, 11, 20, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert moment_text(in_india) == "2026-11-20T12:00:00.000Z"


def test_microseconds_are_cut_off_not_rounded() -> None:
    assert moment_text(NOON + timedelta(microseconds=999_999)) == "2026-11-20T12:00:00.999Z"


def test_a_time_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        moment_text(datetime(2026, 11, 20))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text", ["2026-11-20T12:00:00Z", "2026-11-20t17:30:00.0+05:30", "2026-11-20T12:00:00.000000000z"]
)
def test_every_spelling_of_rfc_3339_is_the_same_time(text: str) -> None:
    assert moment_of(text) == NOON


@pytest.mark.parametrize(
    "text", ["2026-11-20T12:00:00", "2026-11-20", "20-11-2026 12:00:00", "2026-13-20T12:00:00Z", "now"]
)
def test_what_is_no_rfc_3339_time_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reader gives the sentence
        moment_of(text)


@given(moments)
def test_a_written_time_is_read_back(moment: datetime) -> None:
    assert moment_of(moment_text(moment)) == moment


@pytest.mark.parametrize(
    ("text", "duration_s"), [("PT900S", 900), ("PT15M", 900), ("PT1H", 3_600), ("P1DT1H1M1S", 90_061), ("PT0S", 0)]
)
def test_durations_are_read_in_whole_seconds(text: str, duration_s: int) -> None:
    assert duration_s_of(text) == duration_s


@pytest.mark.parametrize("text", ["P", "PT", "P1M", "P1Y", "PT1.5S", "15 minutes", "-PT5S", ""])
def test_what_is_no_fixed_duration_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_s_of(text)


@given(st.integers(0, 10**8))
def test_a_written_duration_is_read_back(duration_s: int) -> None:
    assert duration_s_of(duration_text(duration_s)) == duration_s


def test_a_negative_duration_is_not_written() -> None:
    with pytest.raises(ValueError, match="negative"):
        duration_text(-1)


@pytest.mark.parametrize("text", ["-1", "1.0", "1_0", "1" * 10, "", "x"])
def test_what_is_no_whole_number_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        whole_of(text)


def test_numbers_are_short_exact_texts() -> None:
    assert number_text(Decimal("90.50")) == "90.5"
    assert kilo_text(250) == "0.25"
    assert percent_text(Decimal("0.001")) == "0.1"
    assert money_text(Money(475_500, "INR")) == "4755.00"


@pytest.mark.parametrize("value", [Decimal(1) / Decimal(3), Decimal("NaN"), Decimal("1E+30")])
def test_a_number_that_24_characters_can_not_say_is_not_written(value: Decimal) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        number_text(value)


@given(places)
def test_a_written_point_is_read_back(place: Place) -> None:
    assert place_of(gps_text(place)) == place


def test_a_point_is_read_to_six_decimals() -> None:
    assert place_of("13.03580012, 77.5970004") == Place(Decimal("13.0358"), Decimal("77.597"))


def test_a_point_with_more_decimals_is_not_written() -> None:
    with pytest.raises(ValueError, match="six decimals"):
        gps_text(Place(Decimal("13.0358001"), Decimal(77)))


@pytest.mark.parametrize("text", ["91,0", "0,181", "13.0", "13,5;77,6", "north"])
def test_what_is_no_point_on_earth_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="latitude"):
        place_of(text)
