from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from energy.areas import AreaError
from energy.offers import Place
from energy.searches import SearchIntent
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.places import Where, polygon_of, polygon_text, read_where, write_where

CORNERS = tuple(Place(Decimal(latitude), Decimal(longitude)) for latitude, longitude in ((13, 77), (13, 78), (14, 77)))
INTENT = SearchIntent(1_000, polygon=CORNERS, city_code="std:080")


def test_an_area_is_a_ring_of_points_that_ends_where_it_begins() -> None:
    assert polygon_text(CORNERS) == "13,77 13,78 14,77 13,77"
    assert write_where(INTENT) == {"city": {"code": "std:080"}, "polygon": "13,77 13,78 14,77 13,77"}


def test_an_area_and_a_city_are_read_as_they_are_written() -> None:
    read = read_where(Node(write_where(INTENT), "/location"))
    assert read == Where(polygon=CORNERS, city_code="std:080")


def test_an_area_may_come_with_the_point_that_distances_are_from() -> None:
    near = Place(Decimal("13.5"), Decimal("77.5"))
    assert write_where(replace(INTENT, near=near))["gps"] == "13.5,77.5"


def test_no_location_looks_nowhere_in_particular() -> None:
    assert read_where(None) == Where()


def test_corners_on_one_line_are_not_written() -> None:
    with pytest.raises(AreaError, match="one line"):
        polygon_text((CORNERS[0], CORNERS[1], Place(Decimal(13), Decimal(79))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "13,77",
        "13,77 13,78 14,77",
        "13,77 13,78 13,77",
        "13,77 13,78 13,79 13,77",
        "13,77 13,78 14,77,5 13,77",
        "13,77;13,78;14,77;13,77",
        "95,77 13,78 14,77 95,77",
    ],
)
def test_what_is_no_ring_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each reason has words of its own
        polygon_of(text)
    with pytest.raises(WireError, match="no area") as refused:
        read_where(Node({"polygon": text}, "/location"))
    assert refused.value.path == "/location/polygon"
