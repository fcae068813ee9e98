from __future__ import annotations

from decimal import Decimal
from math import pi

from hypothesis import given
from hypothesis import strategies as st

from energy.distance import EARTH_RADIUS_M, distance_m
from energy.offers import Place

places = st.builds(Place, st.decimals("-90", "90", places=6), st.decimals("-180", "180", places=6))


def test_from_bengaluru_to_chennai_it_is_290_km() -> None:
    bengaluru = Place(Decimal("12.9716"), Decimal("77.5946"))
    chennai = Place(Decimal("13.0827"), Decimal("80.2707"))
    assert abs(distance_m(bengaluru, chennai) - 290_200) < 500


def test_the_last_decimal_of_a_latitude_is_a_tenth_of_a_metre() -> None:
    here = Place(Decimal("12.971600"), Decimal("77.594600"))
    assert distance_m(here, Place(Decimal("12.971604"), Decimal("77.594600"))) == 0
    assert distance_m(here, Place(Decimal("12.971610"), Decimal("77.594600"))) == 1


def test_the_two_sides_of_the_date_line_are_neighbours() -> None:
    assert distance_m(Place(Decimal(0), Decimal("179.999")), Place(Decimal(0), Decimal("-179.999"))) == 222


@given(one=places, other=places)
def test_distance_is_the_same_both_ways_and_at_most_half_the_globe(one: Place, other: Place) -> None:
    there = distance_m(one, other)
    assert there == distance_m(other, one)
    assert 0 <= there <= round(pi * EARTH_RADIUS_M)


@given(places)
def test_opposite_points_are_half_the_globe_apart(place: Place) -> None:
    longitude = place.longitude - 180 if place.longitude > 0 else place.longitude + 180
    assert abs(distance_m(place, Place(-place.latitude, longitude)) - round(pi * EARTH_RADIUS_M)) <= 1
