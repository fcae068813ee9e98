"""Reading requests: every wrong member is named, with a sentence, and nothing wrong gets through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bap.api.members import Members
from energy.offers import DispatchMode, Place
from energy.wire.v1.texts import gps_text
from node.problems import Problem
from schemas.loader import storage
from tests.bap.examples import BILLING
from tests.energy.examples import USE

Read = Callable[[Members], object]


def mistakes(content: object, read: Read) -> list[dict[str, str]]:
    members = Members(content)
    read(members)
    with pytest.raises(Problem) as caught:
        members.done()
    assert (caught.value.status, caught.value.title) == (422, "Invalid request")
    found: list[dict[str, str]] = caught.value.extra["errors"]
    assert caught.value.detail == f"{found[0]['pointer']}: {found[0]['detail']}"
    return found


def accepted(content: object, read: Read) -> object:
    members = Members(content)
    value = read(members)
    members.done()
    return value


WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T05:30:00+01:30"}


@pytest.mark.parametrize(
    ("content", "read", "value"),
    [
        ({"a": 7}, lambda m: m.integer("a"), 7),
        ({"a": "0.50"}, lambda m: m.decimal("a"), Decimal("0.50")),
        ({"a": 0.94}, lambda m: m.between("a", 0, 1), Decimal("0.94")),
        ({"a": 0.00001}, lambda m: m.decimal("a"), Decimal("0.00001")),
        ({"a": "x"}, lambda m: m.text("a"), "x"),
        ({"a": True}, lambda m: m.flag("a"), True),
        ({"a": "Manual Dispatch"}, lambda m: m.choice("a", DispatchMode), DispatchMode.MANUAL),
        ({"a": WINDOW}, lambda m: m.window("a"), USE.charge),
        ({"a": "2026-11-20T10:00:00+05:30"}, lambda m: m.moment("a"), datetime(2026, 11, 20, 4, 30, tzinfo=UTC)),
        (
            {"a": {"latitude": 12.97160049, "longitude": "77.5946"}},
            lambda m: m.place("a"),
            Place(Decimal("12.971600"), Decimal("77.594600")),
        ),
        ({"a": "desk@farm.example"}, lambda m: m.email("a"), "desk@farm.example"),
        ({"a": None}, lambda m: m.optional("a", m.text), None),
        ({}, lambda m: m.optional("a", m.text), None),
        ({"wait_s": 0.5}, lambda m: m.wait_s(), 0.5),
        ({}, lambda m: m.wait_s(), 2),
    ],
)
def test_a_good_member_is_read(content: object, read: Read, value: object) -> None:
    assert accepted(content, read) == value


@pytest.mark.parametrize(
    ("content", "read", "pointer"),
    [
        ({}, lambda m: m.integer("a"), "/a"),
        ({"a": True}, lambda m: m.integer("a"), "/a"),
        ({"a": 1.0}, lambda m: m.integer("a"), "/a"),
        ({"a": "1"}, lambda m: m.integer("a"), "/a"),
        ({"a": 0}, lambda m: m.positive("a"), "/a"),
        ({"a": 10**13}, lambda m: m.integer("a"), "/a"),
        ({"a": "one"}, lambda m: m.decimal("a"), "/a"),
        ({"a": "1e3"}, lambda m: m.decimal("a"), "/a"),
        ({"a": False}, lambda m: m.decimal("a"), "/a"),
        ({"a": "1.01"}, lambda m: m.between("a", 0, 1), "/a"),
        ({"a": " "}, lambda m: m.text("a"), "/a"),
        ({"a": "x" * 501}, lambda m: m.text("a"), "/a"),
        ({"a": 1}, lambda m: m.flag("a"), "/a"),
        ({"a": "Any Dispatch"}, lambda m: m.choice("a", DispatchMode), "/a"),
        ({"a": []}, lambda m: m.choice("a", DispatchMode), "/a"),
        ({"a": "yesterday"}, lambda m: m.moment("a"), "/a"),
        ({"a": 7}, lambda m: m.moment("a"), "/a"),
        ({"a": {**WINDOW, "end": WINDOW["start"]}}, lambda m: m.window("a"), "/a/end"),
        ({"a": {**WINDOW, "start": "2026-11-01T00:05:00Z"}}, lambda m: m.window("a"), "/a"),
        ({"a": {**WINDOW, "zone": "IST"}}, lambda m: m.window("a"), "/a/zone"),
        ({"a": "today"}, lambda m: m.window("a"), "/a"),
        ({"a": {"latitude": 91, "longitude": 0}}, lambda m: m.place("a"), "/a/latitude"),
        ({"a": {"latitude": 0}}, lambda m: m.place("a"), "/a/longitude"),
        ({"a": "desk"}, lambda m: m.email("a"), "/a"),
        ({"wait_s": 31}, lambda m: m.wait_s(), "/wait_s"),
        ({"wait_s": -1}, lambda m: m.wait_s(), "/wait_s"),
        ({"wait_s": True}, lambda m: m.wait_s(), "/wait_s"),
        ({"wait_s": None}, lambda m: m.wait_s(), "/wait_s"),
    ],
)
def test_a_bad_member_is_named_with_a_sentence(content: object, read: Read, pointer: str) -> None:
    found = mistakes(content, read)
    assert found[0]["pointer"] == pointer
    assert found[0]["detail"].endswith(".")


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes({"a": 0, "b": ""}, lambda m: (m.positive("a"), m.text("b"), m.flag("c")))
    assert [mistake["pointer"] for mistake in found] == ["/a", "/b", "/c"]


def test_a_mistyped_member_is_told_with_what_may_have_been_meant() -> None:
    found = mistakes({"energy_hw": 1}, lambda m: m.optional("energy_wh", m.positive))
    assert found == [{"pointer": "/energy_hw", "detail": "This member is not known here. Did you mean energy_wh?"}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(json_values)
def test_whatever_comes_is_read_or_refused_and_never_crashes(value: Any) -> None:
    members = Members({"a": value})
    kinds = (members.integer, members.decimal, members.text, members.flag, members.moment, members.email)
    for read in (*kinds, members.window, members.place):
        read("a")
    with pytest.raises(Problem):
        members.done()


@settings(deadline=None)
@given(st.decimals(-90, 90, places=9), st.decimals(-180, 180, places=9))
def test_every_place_that_is_read_can_be_written_to_the_network(latitude: Decimal, longitude: Decimal) -> None:
    degrees = {"latitude": f"{latitude:f}", "longitude": f"{longitude:f}"}
    place = accepted({"a": degrees}, lambda m: m.place("a"))
    assert isinstance(place, Place)
    assert gps_text(place)


@settings(deadline=None)
@given(st.from_regex(r"[a-z.!#'+-]{1,8}@[a-zA-Z0-9.-]{1,12}", fullmatch=True))
def test_every_address_that_is_read_is_one_on_the_network(address: str) -> None:
    try:
        accepted({"a": address}, lambda m: m.email("a"))
    except Problem:
        return
    billing = {"name": BILLING.name, "email": address}
    explained = storage("init").explain({"message": {"order": {"billing": billing}}})
    assert not [one for one in explained if one.path.endswith("/billing/email")]
