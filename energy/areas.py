"""Areas on the map: a ring of points, and whether a place lies inside it.

A ring has at least three corners, each named once; its last side runs back to the first corner. Sides are straight in
latitude and longitude, as maps draw them, and no ring crosses the antimeridian: one that seems to is read the short
way over Greenwich. Where a ring crosses itself, inside is what an odd number of its sides separates from far away.
Places have at most six decimals, so everything is computed exactly, in integers of a millionth of a degree.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from energy.offers import Place

CORNERS_MIN = 3
CORNERS_MAX = 200
_DIGITS = 6


class AreaError(ValueError):
    """These corners enclose nothing, or are too many."""


def check_ring(corners: Sequence[Place]) -> None:
    """Refuse corners that are no ring.

    Raises:
        AreaError: fewer than `CORNERS_MIN` or more than `CORNERS_MAX`, one twice, or all on one line.
    """
    if not CORNERS_MIN <= len(corners) <= CORNERS_MAX:
        raise AreaError(f"an area has {CORNERS_MIN} to {CORNERS_MAX} corners, not {len(corners)}")
    if len(set(corners)) < len(corners):
        raise AreaError("each corner of an area stands once")
    first, second = _point(corners[0]), _point(corners[1])
    if all(_turn(first, second, _point(corner)) == 0 for corner in corners[2:]):
        raise AreaError("the corners lie on one line, so they enclose nothing")


def is_inside(corners: Sequence[Place], place: Place) -> bool:
    """Whether the place lies in the ring or on one of its sides."""
    here = _point(place)
    ring = [_point(corner) for corner in corners]
    crossings = 0
    for start, end in pairwise([*ring, ring[0]]):
        turn = _turn(start, end, here)
        if turn == 0 and _is_between(start, end, here):
            return True
        # A side counts from its lower corner up to, but without, its upper one: two sides share a corner once.
        if start[0] <= here[0] < end[0]:
            crossings += turn > 0
        elif end[0] <= here[0] < start[0]:
            crossings += turn < 0
    return crossings % 2 == 1


def _point(place: Place) -> tuple[int, int]:
    return int(place.latitude.scaleb(_DIGITS)), int(place.longitude.scaleb(_DIGITS))


def _turn(start: tuple[int, int], end: tuple[int, int], here: tuple[int, int]) -> int:
    """Zero on the line through both; else its sign says on which side of the line ``here`` lies."""
    return (end[0] - start[0]) * (here[1] - start[1]) - (end[1] - start[1]) * (here[0] - start[0])


def _is_between(start: tuple[int, int], end: tuple[int, int], here: tuple[int, int]) -> bool:
    return min(start[0], end[0]) <= here[0] <= max(start[0], end[0]) and (
        min(start[1], end[1]) <= here[1] <= max(start[1], end[1])
    )
