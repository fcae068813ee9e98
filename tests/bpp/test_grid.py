from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bpp.grid import TAIL_MAX, Grid, distances_m, points_of
from energy.areas import AreaError, check_ring, is_inside
from energy.distance import distance_m
from energy.offers import Place


def places(latitude: st.SearchStrategy[int], longitude: st.SearchStrategy[int]) -> st.SearchStrategy[Place]:
    """Places of whole millionths of a degree."""
    return st.builds(lambda north, east: Place(_degrees(north), _degrees(east)), latitude, longitude)


def _degrees(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-6)


anywhere = places(st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))
# A town of a few cells, its places in whole hundredths of a degree so that many lie on lines and corners.
nearby = places(
    st.integers(1_290, 1_310).map(lambda n: n * 10_000), st.integers(7_750, 7_770).map(lambda n: n * 10_000)
)
edges = st.sampled_from(
    [
        Place(Decimal(a), Decimal(b))
        for a in ("-90", "0", "90", "89.99", "-0.05")
        for b in ("-180", "180", "179.99", "0")
    ]
)


def grid_of(known: list[Place], sort: bool) -> Grid:
    grid = Grid()
    for slot, place in enumerate(known):
        grid.add(slot, place)
        if sort and slot == len(known) // 2:
            grid.sort()
    return grid


@given(
    known=st.lists(anywhere | nearby | edges, max_size=30),
    centre=anywhere | nearby | edges,
    radius_m=st.integers(0, 21_000_000) | st.integers(0, 3_000),
    sort=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_a_circle_holds_exactly_the_places_that_are_near_enough(
    known: list[Place], centre: Place, radius_m: int, sort: bool
) -> None:
    slots, points = grid_of(known, sort).around(centre, radius_m)
    inside = slots[distances_m(centre, points) <= radius_m]
    # Where a float decides about half a metre, the two formulas may differ by that metre.
    near = {slot for slot, place in enumerate(known) if distance_m(centre, place) <= radius_m}
    far = {slot for slot, place in enumerate(known) if distance_m(centre, place) > radius_m}
    unsure = {slot for slot, place in enumerate(known) if abs(distance_m(centre, place) - radius_m) <= 1}
    assert set(inside.tolist()) - unsure == near - unsure
    assert not set(inside.tolist()) & (far - unsure)
    assert len(set(inside.tolist())) == len(inside)


@given(known=st.lists(nearby, max_size=40), corners=st.lists(nearby, min_size=3, max_size=6, unique=True))
@settings(max_examples=200, deadline=None)
def test_a_ring_holds_exactly_the_places_inside_it_and_on_its_sides(known: list[Place], corners: list[Place]) -> None:
    try:
        check_ring(corners)
    except AreaError:
        return
    slots, _ = grid_of(known, sort=True).in_ring(corners)
    assert set(slots.tolist()) == {slot for slot, place in enumerate(known) if is_inside(corners, place)}


@given(centre=anywhere, known=st.lists(anywhere, min_size=1, max_size=20))
def test_distances_of_many_are_those_of_each(centre: Place, known: list[Place]) -> None:
    away_m = distances_m(centre, points_of(known)).tolist()
    assert all(abs(away - distance_m(centre, place)) <= 1 for away, place in zip(away_m, known, strict=True))


def test_slots_are_found_before_and_after_the_tail_is_sorted_in() -> None:
    grid = Grid()
    for slot in range(TAIL_MAX + 3):
        grid.add(slot, Place(Decimal(12), _degrees(77_000_000 + slot)))
    slots, points = grid.everything()
    assert sorted(slots.tolist()) == list(range(TAIL_MAX + 3))
    assert points.shape == (2, TAIL_MAX + 3)


def test_slots_that_are_gone_are_forgotten_with_the_next_sort() -> None:
    grid = grid_of([Place(Decimal(slot), Decimal(0)) for slot in range(4)], sort=True)
    grid.sort(frozenset({1, 3}))
    slots, points = grid.everything()
    assert slots.tolist() == [0, 2]
    assert np.array_equal(points, [[0, 2_000_000], [0, 0]])
