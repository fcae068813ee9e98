"""Where a search looks: Beckn's Location with a point, a circle, a polygon or a city (Beckn core 1.1.1, Location).

Core leaves open how a polygon is spelled. Ours is the spelling of the Common Alerting Protocol (OASIS CAP 1.2,
``area.polygon``): points as "latitude,longitude" with one space between them, the first one repeated at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from energy.areas import AreaError, check_ring
from energy.offers import Place
from energy.searches import SearchIntent
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import read_kilo
from energy.wire.v1.texts import gps_text, kilo_text, place_of

_POINT = "'latitude,longitude' in degrees"
_RING = "points as 'latitude,longitude' with spaces between them, the first one again at the end"


@dataclass(frozen=True, slots=True)
class Where:
    """What a location says of where to look; nothing of it need be said."""

    near: Place | None = None
    radius_m: int | None = None
    polygon: tuple[Place, ...] = ()
    city_code: str | None = None


def write_where(intent: SearchIntent) -> dict[str, Any]:
    """The members of the Location that a search looks at, the producer's meter among them.

    Raises:
        ValueError: a radius without a point, or corners that enclose nothing.
    """
    location: dict[str, Any] = {}
    if intent.meter_address is not None:
        location["address"] = intent.meter_address
    if intent.city_code is not None:
        location["city"] = {"code": intent.city_code}
    if intent.polygon:
        location["polygon"] = polygon_text(intent.polygon)
    if intent.near is None:
        if intent.radius_m is not None:
            raise ValueError("a radius needs the point it is around")
    elif intent.radius_m is None:
        location["gps"] = gps_text(intent.near)
    else:
        radius = {"type": "CONSTANT", "value": kilo_text(intent.radius_m), "unit": "km"}
        location["circle"] = {"gps": gps_text(intent.near), "radius": radius}
    return location


def read_where(location: Node | None) -> Where:
    """What a search's location says.

    Raises:
        WireError: a point, radius or polygon that can not be read.
    """
    if location is None:
        return Where()
    gps = location.find("circle", "gps") or location.find("gps")
    return Where(
        near=if_given(lambda node: node.parsed(place_of, _POINT), gps),
        radius_m=if_given(_radius_m, location.find("circle", "radius")),
        polygon=if_given(_polygon, location.find("polygon")) or (),
        city_code=location.find_text("city", "code"),
    )


def polygon_text(corners: tuple[Place, ...]) -> str:
    """``"12.9,77.5 12.9,77.7 13.1,77.6 12.9,77.5"``.

    Raises:
        AreaError: the corners enclose nothing.
    """
    check_ring(corners)
    return " ".join(gps_text(corner) for corner in (*corners, corners[0]))


def polygon_of(text: str) -> tuple[Place, ...]:
    """The corners of a ring, each once.

    Raises:
        ValueError: it is not spelled so, or encloses nothing.
    """
    points = tuple(place_of(point) for point in text.split())
    if len(points) < 2 or points[0] != points[-1]:
        raise ValueError("it does not end at the point where it begins")
    check_ring(points[:-1])
    return points[:-1]


def _polygon(ring: Node) -> tuple[Place, ...]:
    try:
        return polygon_of(ring.text())
    except ValueError as error:
        reason = str(error) if isinstance(error, AreaError) else f"write {_RING}"
        raise WireError(ring.path, f"This is no area: {reason}.", _RING, ring.text()) from error


def _radius_m(radius: Node) -> int:
    unit = radius.need("unit")
    if unit.text() != "km":
        raise WireError(unit.path, "Write the radius in km.", "km", unit.text())
    return read_kilo(radius.need("value"))
