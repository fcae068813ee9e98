"""Sun and clouds over Bengaluru: where the sun stands, what panels yield, and that a seed decides the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.intervals import Interval
from simulator.fleet import CENTRE
from simulator.weather import SolarPlant, Weather, sun_height_degrees

PLANT = SolarPlant(rated_w=500_000, load_w=100_000)
WEATHER = Weather(seed=7, place=CENTRE)
DAY = Interval(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
seeds = st.integers(0, 2**32)


@pytest.mark.parametrize(
    ("noon", "height"),
    [("2026-03-20T06:58Z", 77), ("2026-06-21T06:51Z", 79.5), ("2026-12-21T06:47Z", 53.6)],
)
def test_at_noon_the_sun_stands_where_the_almanac_has_it(noon: str, height: float) -> None:
    """90° less the distance from latitude 12.97° to the declination: about 0°, 23.4° and −23.4°."""
    moment = datetime.fromisoformat(noon)
    assert abs(sun_height_degrees(CENTRE, moment) - height) < 0.5
    hour = timedelta(hours=1)
    assert sun_height_degrees(CENTRE, moment - hour) < sun_height_degrees(CENTRE, moment)
    assert sun_height_degrees(CENTRE, moment + hour) < sun_height_degrees(CENTRE, moment)


@pytest.mark.parametrize(("rise", "fall"), [("2026-11-20T00:53Z", "2026-11-20T12:18Z")])
def test_the_sun_rises_and_sets_when_it_does_in_bengaluru(rise: str, fall: str) -> None:
    for text in (rise, fall):
        assert abs(sun_height_degrees(CENTRE, datetime.fromisoformat(text))) < 1.5


@given(seeds, moments)
def test_panels_yield_something_by_day_and_nothing_by_night(seed: int, moment: datetime) -> None:
    weather = Weather(seed, CENTRE)
    height, power_w = sun_height_degrees(CENTRE, moment), PLANT.power_w(weather, moment)
    assert 0 <= power_w <= PLANT.rated_w
    assert weather.irradiance_w_m2(moment) < 1_100
    if height <= 0:
        assert power_w == 0
    if height > 5:
        assert power_w > 0


@given(seeds, moments)
def test_the_sky_of_a_seed_is_the_same_whenever_it_is_asked_for(seed: int, moment: datetime) -> None:
    assert Weather(seed, CENTRE).irradiance_w_m2(moment) == Weather(seed, CENTRE).irradiance_w_m2(moment)


def test_two_seeds_have_different_skies() -> None:
    assert PLANT.surplus_wh(WEATHER, DAY) != PLANT.surplus_wh(Weather(8, CENTRE), DAY)


def test_a_day_of_500_kw_of_panels_leaves_a_surplus_of_some_hundred_kilowatt_hours() -> None:
    surpluses_wh = [PLANT.surplus_wh(Weather(seed, CENTRE), DAY) for seed in range(20)]
    assert all(surplus_wh < 5_000_000 for surplus_wh in surpluses_wh)
    assert sorted(surpluses_wh)[10] > 500_000


@settings(max_examples=30)
@given(seeds, st.integers(0, 95), st.integers(1, 48), st.integers(1, 48))
def test_surpluses_of_neighbouring_windows_add_up(seed: int, start: int, first: int, then: int) -> None:
    weather, quarter = Weather(seed, CENTRE), timedelta(minutes=15)
    begin = DAY.start + start * quarter
    middle, end = begin + first * quarter, begin + (first + then) * quarter
    parts = [PLANT.surplus_wh(weather, Interval(*edges)) for edges in ((begin, middle), (middle, end))]
    assert 0 <= PLANT.surplus_wh(weather, Interval(begin, end)) - sum(parts) <= 1


def test_a_consumer_that_takes_everything_leaves_nothing() -> None:
    assert SolarPlant(rated_w=500_000, load_w=500_000).surplus_wh(WEATHER, DAY) == 0
