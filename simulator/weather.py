"""Sun and clouds: what a photovoltaic plant yields at a moment, made from a seed and nothing else.

The sun's height follows from place and time (declination and equation of time by their usual short series, better than
a degree). Under a clear sky the ground receives what Haurwitz' formula says, 1098 × cos z × exp(−0.059 ÷ cos z) W/m².
Clouds let through a share of it that changes from hour to hour, around the mean of its day.

This is geometry and no trade, so it computes with floats; what leaves this module is whole watts and watt-hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, cos, degrees, exp, pi, radians, sin
from random import Random

from energy.intervals import Interval, align_down
from energy.offers import Place

_STANDARD_W_M2 = 1_000.0
_PERFORMANCE = 0.85
_CLEAREST, _DARKEST = 1.0, 0.15
_STEP = timedelta(minutes=5)
_STEPS_PER_HOUR = 12
_HOUR_S = 3_600
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Weather:
    """The sky over one place for all times; two of the same seed are the same."""

    seed: int
    place: Place

    def irradiance_w_m2(self, moment: datetime) -> int:
        """What falls on a square metre of level ground; 0 at night."""
        return round(_clear_sky_w_m2(sun_height_degrees(self.place, moment)) * self._clearness(moment))

    def _clearness(self, moment: datetime) -> float:
        """The share that clouds let through: a straight line between the values of full hours."""
        hour = align_down(moment, _HOUR_S)
        part = (moment - hour).total_seconds() / _HOUR_S
        return (1 - part) * self._clearness_at(hour) + part * self._clearness_at(hour + timedelta(hours=1))

    def _clearness_at(self, hour: datetime) -> float:
        day = align_down(hour, _DAY_S)
        mean = Random(f"day {self.seed} {day.isoformat()}").triangular(0.3, 1.0, 0.85)
        change = Random(f"hour {self.seed} {hour.isoformat()}").gauss(0.0, 0.12)
        return min(_CLEAREST, max(_DARKEST, mean + change))


@dataclass(frozen=True, slots=True)
class SolarPlant:
    """Panels of ``rated_w`` (at 1,000 W/m²) beside a consumer that takes ``load_w`` all the time."""

    rated_w: int
    load_w: int

    def power_w(self, weather: Weather, moment: datetime) -> int:
        """What the panels yield, at most their rating; 15 % go to heat, dirt and inverters."""
        share = weather.irradiance_w_m2(moment) / _STANDARD_W_M2 * _PERFORMANCE
        return min(self.rated_w, round(self.rated_w * share))

    def surplus_w(self, weather: Weather, moment: datetime) -> int:
        """What is left when the consumer has taken its part; never negative."""
        return max(0, self.power_w(weather, moment) - self.load_w)

    def surplus_wh(self, weather: Weather, window: Interval) -> int:
        """The surplus energy of a window, summed over the middles of five minutes from its start.

        A last piece shorter than five minutes is left out.
        """
        count = (window.end - window.start) // _STEP
        middles = (window.start + _STEP * index + _STEP / 2 for index in range(count))
        return sum(self.surplus_w(weather, middle) for middle in middles) // _STEPS_PER_HOUR


def sun_height_degrees(place: Place, moment: datetime) -> float:
    """How high the sun's centre stands above the horizon; negative at night."""
    year_angle = 2 * pi * (moment.timetuple().tm_yday - 1) / 365
    declination = radians(
        0.396372 - 22.91327 * cos(year_angle) + 4.025430 * sin(year_angle) - 0.387205 * cos(2 * year_angle)
        + 0.051967 * sin(2 * year_angle) - 0.154527 * cos(3 * year_angle) + 0.084798 * sin(3 * year_angle)
    )  # fmt: skip
    equation_of_time_h = (
        0.004297 + 0.107029 * cos(year_angle) - 1.837877 * sin(year_angle) - 0.837378 * cos(2 * year_angle)
        - 2.340475 * sin(2 * year_angle)
    ) / 15  # fmt: skip
    utc_h = (moment - align_down(moment, _DAY_S)).total_seconds() / _HOUR_S
    solar_h = utc_h + float(place.longitude) / 15 + equation_of_time_h
    hour_angle, latitude = radians(15 * (solar_h - 12)), radians(place.latitude)
    height = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
    return degrees(asin(max(-1.0, min(1.0, height))))


def _clear_sky_w_m2(height_degrees: float) -> float:
    cos_zenith = sin(radians(height_degrees))
    return 1_098 * cos_zenith * exp(-0.059 / cos_zenith) if cos_zenith > 0 else 0.0
