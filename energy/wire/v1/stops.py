"""The two stops of a storage use: energy is taken in at the start stop and given back at the end stop (ENERGY 1.5).

Beckn's Fulfillment has no time of its own, so ``stops[].time.range`` holds the two windows. The start stop is at
the producer's meter, the end stop at the battery's; ``location.address`` is the DER address of the meter.
How much is asked back, where that is not all, is the fulfillment's tag group ``energy-retrieval``, since a stop has no
quantity. Windows stand on quarters of an hour, and the return does not start before charging ends (`StorageUse`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from energy.intervals import Interval, is_aligned
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import read_kilo
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.texts import kilo_text, range_of

START = "start"
END = "end"
_RETRIEVAL = "energy-retrieval"
_RETRIEVED = "energy-kwh"


@dataclass(frozen=True, slots=True)
class Stops:
    """What the two stops say; each part may be absent where the message may be partial. ``location`` is the start's."""

    charge: Interval | None = None
    giveback: Interval | None = None
    location: Node | None = None
    producer_meter: str | None = None
    battery_meter: str | None = None


def stop(kind: str, window: Interval | None, location: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A list with the stop, or nothing when there is nothing to say about it."""
    members: dict[str, Any] = {"type": kind}
    if location:
        members["location"] = location
    if window is not None:
        members["time"] = range_of(window)
    return [members] if len(members) > 1 else []


def check_windows(charge: Interval | None, giveback: Interval | None) -> None:
    """Refuse to write windows that are no storage use.

    Raises:
        ValueError: a window is not aligned, or the return starts too early.
    """
    for window in (charge, giveback):
        if window is not None and not is_aligned(window):
            raise ValueError(f"{window.start.isoformat()} to {window.end.isoformat()} is not on quarters of an hour")
    if charge and giveback and giveback.start < charge.end:
        raise ValueError("the return starts before charging ends")


def read_stops(fulfillment: Node | None) -> Stops:
    """The stops of a fulfillment; those of other types are passed over.

    Raises:
        WireError: a stop stands there twice, a window is unreadable or not aligned, or the return starts too early.
    """
    start, end = _find_both(fulfillment)
    charge, giveback = _window(start), _window(end)
    if start and end and charge and giveback and giveback.start < charge.end:
        raise WireError(
            f"{end.path}/time/range/start",
            f"The energy can not be given back before charging ends, at {start.path}/time/range/end.",
            f"{charge.end.isoformat()} or later",
            giveback.start.isoformat(),
        )
    location = None if start is None else start.find("location")
    return Stops(charge, giveback, location, _meter(start), _meter(end))


def retrieval_group(return_wh: int) -> dict[str, Any]:
    """How much is asked back, as a tag group of the fulfillment.

    Raises:
        ValueError: less than nothing.
    """
    if return_wh < 0:
        raise ValueError(f"{return_wh} Wh can not be asked back")
    return tag_group(_RETRIEVAL, [(_RETRIEVED, kilo_text(return_wh))])


def read_return_wh(fulfillment: Node) -> int | None:
    """How much is asked back; None: all."""
    tags = find_tags(fulfillment, _RETRIEVAL)
    return None if tags is None else read_kilo(tags.need(_RETRIEVED))


def _find_both(fulfillment: Node | None) -> tuple[Node | None, Node | None]:
    stops = None if fulfillment is None else fulfillment.find("stops")
    found: dict[str, Node] = {}
    for node in stops.items() if stops is not None else ():
        kind = node.find("type")
        if kind is None:
            continue
        if found.setdefault(kind.text(), node) is not node:
            raise WireError(node.path, f"The stop {kind.text()} may stand once.", "one stop", "two stops")
    return found.get(START), found.get(END)


def _window(place: Node | None) -> Interval | None:
    time = None if place is None else place.find("time")
    if time is None:
        return None
    window = time.interval()
    if not is_aligned(window):
        sentence, got = "Let the window start and end on a quarter of an hour.", f"{window.start} to {window.end}"
        raise WireError(f"{time.path}/range", sentence, "minutes 00, 15, 30 or 45", got)
    return window


def _meter(place: Node | None) -> str | None:
    return None if place is None else place.find_text("location", "address")
