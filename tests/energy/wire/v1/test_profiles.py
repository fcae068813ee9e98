from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from energy.intervals import Interval, slots
from energy.searches import FreeSlot
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.profiles import SLOTS_MAX, profile_group, read_profile
from tests.energy.examples import NOVEMBER, at, hours
from tests.energy.wire.v1.strategies import profiles

DAY = tuple(FreeSlot(slot, 300_000, 100_000, 80_000) for slot in slots(hours(0, 24)))


def runs(profile: tuple[FreeSlot, ...]) -> str:
    text: str = profile_group(profile)["list"][1]["value"]
    return text


def item(text: str) -> Node:
    tags: dict[str, Any] = profile_group(())
    tags["list"][1]["value"] = text
    return Node({"tags": [tags]}, "/item")


@given(profiles())
def test_every_slot_is_rebuilt(profile: tuple[FreeSlot, ...]) -> None:
    assert read_profile(Node({"tags": [profile_group(profile)]}, "/item")) == profile


def test_equal_slots_that_touch_are_one_run() -> None:
    assert runs(DAY) == "2026-11-01T00:00:00.000Z 900 96 300 100 80"


def test_a_change_a_gap_and_another_length_each_begin_a_run() -> None:
    less = replace(DAY[4], energy_wh=120_500)
    later = replace(DAY[4], interval=hours(10, 10.25))
    longer = replace(DAY[4], interval=hours(10.25, 11.25))
    assert runs((*DAY[:4], less, later, longer)).split("; ") == [
        "2026-11-01T00:00:00.000Z 900 4 300 100 80",
        "2026-11-01T01:00:00.000Z 900 1 120.5 100 80",
        "2026-11-01T10:00:00.000Z 900 1 300 100 80",
        "2026-11-01T10:15:00.000Z 3600 1 300 100 80",
    ]


def test_an_item_without_the_group_has_no_profile() -> None:
    assert read_profile(Node({}, "/item")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T00:00:00.000Z 900 4 300 100",
        "2026-11-01 900 4 300 100 80",
        "2026-11-01T00:00:00.000Z 900 0 300 100 80",
        "2026-11-01T00:00:00.000Z -900 4 300 100 80",
        "2026-11-01T00:00:00.000Z 900 4 -300 100 80",
        "9999-12-31T23:45:00.000Z 900 4 300 100 80",
        "2026-11-01T00:00:00.000Z 900 4 300 100 80;",
    ],
)
def test_a_garbled_run_is_refused(text: str) -> None:
    with pytest.raises(WireError) as raised:
        read_profile(item(text))
    assert raised.value.path == "/item/tags/0/list/1/value"


def test_a_short_text_does_not_unfold_without_bound() -> None:
    with pytest.raises(WireError, match="too long"):
        read_profile(item("2026-11-01T00:00:00.000Z 900 999999999 300 100 80"))


def test_a_profile_that_is_too_long_or_not_in_whole_seconds_or_negative_is_not_written() -> None:
    half = FreeSlot(Interval(NOVEMBER, NOVEMBER + timedelta(milliseconds=500)), 1, 1, 1)
    for profile in (DAY[:1] * (SLOTS_MAX + 1), (half,), (replace(DAY[0], charge_power_w=-1),)):
        with pytest.raises(ValueError, match=r"slot"):
            profile_group(profile)


def test_a_month_of_five_minute_slots_can_be_told() -> None:
    month = tuple(FreeSlot(slot, 1, 1, 1) for slot in slots(Interval(NOVEMBER, at(31 * 24)), 300))
    assert len(runs(month)) < 100
    assert len(read_profile(item(runs(month)))) == 31 * 24 * 12
