from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.areas import CORNERS_MAX, AreaError, check_ring, is_inside
from energy.offers import Place


def place(latitude: str, longitude: str) -> Place:
    return Place(Decimal(latitude), Decimal(longitude))


SQUARE = (place("12", "77"), place("12", "78"), place("13", "78"), place("13", "77"))
HOOK = (
    place("0", "0"), place("0", "3"), place("3", "3"), place("3", "2"), place("1", "2"), place("1", "1"),
    place("3", "1"), place("3", "0"),
)  # fmt: skip

degrees = st.integers(-5_000_000, 5_000_000).map(lambda parts: Decimal(parts).scaleb(-6))
places = st.builds(Place, degrees, degrees)
rings = st.lists(places, min_size=3, max_size=7, unique=True)


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        (("12.5", "77.5"), True),
        (("12.5", "78.000001"), False),
        (("11.999999", "77.5"), False),
        (("12", "77.5"), True),
        (("13", "78"), True),
    ],
)
def test_a_place_is_inside_a_square_up_to_its_sides_and_corners(point: tuple[str, str], inside: bool) -> None:
    assert is_inside(SQUARE, place(*point)) is inside


@pytest.mark.parametrize(
    ("point", "inside"),
    [(("2", "0.5"), True), (("2", "1.5"), False), (("2", "2.5"), True), (("0.5", "1.5"), True), (("1", "1.5"), True)],
)
def test_the_bay_of_a_hook_is_outside(point: tuple[str, str], inside: bool) -> None:
    assert is_inside(HOOK, place(*point)) is inside


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        (SQUARE[:2], "3 to 200 corners, not 2"),
        ((*SQUARE, SQUARE[0]), "stands once"),
        ((place("0", "0"), place("1", "1"), place("2", "2")), "one line"),
        (tuple(place("1", str(number)) for number in range(CORNERS_MAX + 1)), "not 201"),
    ],
)
def test_corners_that_enclose_nothing_are_no_area(corners: tuple[Place, ...], says: str) -> None:
    with pytest.raises(AreaError, match=says):
        check_ring(corners)


@given(rings, places, st.integers(0, 6))
def test_it_does_not_matter_which_corner_is_named_first_nor_which_way_round(
    corners: list[Place], here: Place, first: int
) -> None:
    turned = corners[first % len(corners) :] + corners[: first % len(corners)]
    inside = is_inside(corners, here)
    assert is_inside(turned, here) is inside
    assert is_inside(turned[::-1], here) is inside


@given(st.lists(places, min_size=3, max_size=3, unique=True), st.integers(0, 8), st.integers(0, 8))
def test_a_triangle_holds_every_mean_of_its_corners(corners: list[Place], one: int, two: int) -> None:
    weights = (one, min(two, 8 - one), max(0, 8 - one - two))
    # Scaled by 8, so that the mean has no more decimals than the corners.
    scaled = [Place(corner.latitude * 8, corner.longitude * 8) for corner in corners]
    mean = Place(
        sum((corner.latitude * weight for corner, weight in zip(corners, weights, strict=True)), Decimal(0)),
        sum((corner.longitude * weight for corner, weight in zip(corners, weights, strict=True)), Decimal(0)),
    )
    assert is_inside(scaled, mean)


@given(rings, places)
def test_every_corner_is_inside_and_nothing_outside_of_the_box_around_them(corners: list[Place], here: Place) -> None:
    assert all(is_inside(corners, corner) for corner in corners)
    low, high = min(c.longitude for c in corners), max(c.longitude for c in corners)
    if not low <= here.longitude <= high:
        assert not is_inside(corners, here)
