from __future__ import annotations

from typing import Any

import pytest

from energy.intervals import Interval
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.stops import Stops, check_windows, read_stops, stop
from tests.energy.examples import USE, hours


def fulfillment(*stops: list[dict[str, Any]]) -> Node:
    return Node({"stops": [one for listed in stops for one in listed]}, "/f")


def test_both_windows_and_meters_are_read_back() -> None:
    stops = read_stops(
        fulfillment(
            stop("start", USE.charge, {"address": "der://meter/7"}),
            stop("end", USE.giveback, {"address": "der://meter/b"}),
        )
    )
    assert (stops.charge, stops.giveback) == (USE.charge, USE.giveback)
    assert (stops.producer_meter, stops.battery_meter) == ("der://meter/7", "der://meter/b")


def test_a_stop_with_nothing_to_say_is_left_out() -> None:
    assert stop("start", None, None) == stop("end", None, {}) == []


@pytest.mark.parametrize("value", [None, Node({}, "/f"), fulfillment([{"type": "via"}, {}])])
def test_absent_and_other_stops_say_nothing(value: Node | None) -> None:
    assert read_stops(value) == Stops()


@pytest.mark.parametrize(
    ("charge", "giveback"),
    [(hours(0, 4), hours(3, 8)), (hours(0, 0.1), None), (None, hours(0.1, 8))],
    ids=["overlap", "charge not aligned", "return not aligned"],
)
def test_windows_that_are_no_storage_use_are_neither_written_nor_read(
    charge: Interval | None, giveback: Interval | None
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - two sentences, told apart by the ids
        check_windows(charge, giveback)
    with pytest.raises(WireError):
        read_stops(fulfillment(stop("start", charge, None), stop("end", giveback, None)))


def test_a_return_that_starts_too_early_is_refused_naming_both_times() -> None:
    with pytest.raises(WireError) as raised:
        read_stops(fulfillment(stop("start", hours(0, 4), None), stop("end", hours(3, 8), None)))
    assert raised.value.path == "/f/stops/1/time/range/start"
    assert "/f/stops/0/time/range/end" in raised.value.sentence


def test_a_second_start_is_refused() -> None:
    start = stop("start", USE.charge, None)
    with pytest.raises(WireError, match="may stand once"):
        read_stops(fulfillment(start, start))
