"""Where things are: a sorted grid in memory that answers which of a million slots lie in a circle or a ring.

A slot is a row number of whoever uses the grid. Slots are kept sorted by a whole number made of the row of the grid (a
twentieth of a degree of latitude) and the longitude, with their coordinates in the same order: what lies in a rectangle
is one piece of each row. New slots wait in a tail that is looked through as a whole, and is sorted in when it is long.

This is geometry: coordinates are floats of degrees here, and a ring is decided in whole millionths of a degree, as
`energy.areas` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import asin, cos, degrees, pi, radians, sin

import numpy as np
import numpy.typing as npt

from energy.distance import EARTH_RADIUS_M
from energy.offers import Place

ROWS_PER_DEGREE = 20
TAIL_MAX = 4_096
_MICRO = 1_000_000
_STEP = 1_000_000_000
"""More than the longitudes of a row: 360 million millionths of a degree."""

Slots = npt.NDArray[np.int64]
Metres = npt.NDArray[np.int64]
Points = npt.NDArray[np.int64]
"""Two rows, latitudes and longitudes in millionths of a degree."""


class Grid:
    """The places of slots, each answer with the points of its slots. A slot that is gone stays until it is told to
    `sort`: ask its owner whether it still counts.
    """

    def __init__(self) -> None:
        self._keys: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._slots: Slots = np.empty(0, np.int64)
        self._points: npt.NDArray[np.int64] = np.empty((2, 0), np.int64)
        self._tail: npt.NDArray[np.int64] = np.empty((3, TAIL_MAX), np.int64)
        self._waiting = 0

    def add(self, slot: int, place: Place) -> None:
        """One more slot at this place."""
        self._tail[:, self._waiting] = slot, _micro(place.latitude), _micro(place.longitude)
        self._waiting += 1
        if self._waiting == TAIL_MAX:
            self.sort()

    def sort(self, gone: frozenset[int] = frozenset()) -> None:
        """Sort the tail in, and forget the slots that are gone."""
        self._slots, self._points = self.everything()
        self._waiting = 0
        if gone:
            kept = ~np.isin(self._slots, np.fromiter(gone, np.int64, len(gone)))
            self._slots, self._points = self._slots[kept], self._points[:, kept]
        keys = _keys(self._points[0], self._points[1])
        order = np.argsort(keys, kind="stable")
        self._keys, self._slots, self._points = keys[order], self._slots[order], self._points[:, order]

    def everything(self) -> tuple[Slots, Points]:
        """Every slot there is."""
        tail = self._tail[:, : self._waiting]
        return np.concatenate([self._slots, tail[0]]), np.concatenate([self._points, tail[1:]], axis=1)

    def around(self, centre: Place, radius_m: int) -> tuple[Slots, Points]:
        """The slots of a rectangle that holds the circle: whose distance is not more is for `distances_m` to say."""
        reach = degrees(min(pi, (radius_m + 1) / EARTH_RADIUS_M))
        latitude, longitude = float(centre.latitude), float(centre.longitude)
        south, north = latitude - reach, latitude + reach
        half = 180.0
        if south > -90 and north < 90:
            half = degrees(asin(min(1.0, sin(radians(reach)) / cos(radians(latitude)))))
        return self._in_rectangle(south, north, longitude - half, longitude + half)

    def in_ring(self, corners: Sequence[Place]) -> tuple[Slots, Points]:
        """The slots in the ring or on its sides."""
        latitudes = [float(corner.latitude) for corner in corners]
        longitudes = [float(corner.longitude) for corner in corners]
        slots, points = self._in_rectangle(min(latitudes), max(latitudes), min(longitudes), max(longitudes))
        inside = are_inside(corners, points)
        return slots[inside], points[:, inside]

    def _in_rectangle(self, south: float, north: float, west: float, east: float) -> tuple[Slots, Points]:
        """The slots between the parallels and the meridians, which may run over the antimeridian."""
        first, last = (int((max(-90.0, min(90.0, edge)) + 90) * ROWS_PER_DEGREE) for edge in (south, north))
        spans = _spans(west, east)
        rows = np.arange(first, last + 1, dtype=np.int64) * _STEP
        lows = np.concatenate([rows + low for low, _ in spans])
        highs = np.concatenate([rows + high for _, high in spans])
        starts = np.searchsorted(self._keys, lows, "left")
        ends = np.searchsorted(self._keys, highs, "right")
        pieces = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True) if start < end]
        tail = self._tail[:, : self._waiting]
        slots = np.concatenate([*(self._slots[piece] for piece in pieces), tail[0]])
        points = np.concatenate([*(self._points[:, piece] for piece in pieces), tail[1:]], axis=1)
        return slots, points


def points_of(places: Sequence[Place]) -> Points:
    """The points of some places."""
    return np.array([[_micro(place.latitude), _micro(place.longitude)] for place in places], np.int64).reshape(-1, 2).T


def distances_m(centre: Place, points: Points) -> Metres:
    """How far each point is from the centre: the haversine formula of `energy.distance`, for all at once."""
    latitudes, longitudes = np.radians(points / _MICRO)
    latitude, longitude = radians(centre.latitude), radians(centre.longitude)
    half_north, half_east = (latitudes - latitude) / 2, (longitudes - longitude) / 2
    square = np.sin(half_north) ** 2 + cos(latitude) * np.cos(latitudes) * np.sin(half_east) ** 2
    away = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(1.0, square)))
    return np.asarray(np.rint(away), np.int64)


def are_inside(corners: Sequence[Place], points: Points) -> npt.NDArray[np.bool_]:
    """`energy.areas.is_inside` for all points at once."""
    ring = [(_micro(corner.latitude), _micro(corner.longitude)) for corner in corners]
    crossings = np.zeros(points.shape[1], np.int64)
    on_side = np.zeros(points.shape[1], np.bool_)
    north, east = points
    for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
        turn = (end[0] - start[0]) * (east - start[1]) - (end[1] - start[1]) * (north - start[0])
        between = (north >= min(start[0], end[0])) & (north <= max(start[0], end[0]))
        between &= (east >= min(start[1], end[1])) & (east <= max(start[1], end[1]))
        on_side |= (turn == 0) & between
        crossings += (start[0] <= north) & (north < end[0]) & (turn > 0)
        crossings += (end[0] <= north) & (north < start[0]) & (turn < 0)
    return np.asarray(on_side | (crossings % 2 == 1), np.bool_)


def _spans(west: float, east: float) -> list[tuple[int, int]]:
    """The longitudes from west to east as offsets within a row, in one piece or, over the antimeridian, in two."""
    if east - west >= 360:
        return [(0, 360 * _MICRO)]
    low, high = (int((edge + 180) * _MICRO) for edge in (west, east))
    if low < 0:
        return [(0, high + 1), (low + 360 * _MICRO - 1, 360 * _MICRO)]
    if high > 360 * _MICRO:
        return [(low - 1, 360 * _MICRO), (0, high - 360 * _MICRO + 1)]
    return [(low - 1, high + 1)]


def _keys(latitudes: npt.NDArray[np.int64], longitudes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    rows = (latitudes + 90 * _MICRO) * ROWS_PER_DEGREE // _MICRO
    return np.asarray(rows * _STEP + longitudes + 180 * _MICRO, np.int64)


def _micro(degree: Decimal) -> int:
    """Millionths of a degree; a place has no more decimals than that."""
    return int(degree.scaleb(6))
