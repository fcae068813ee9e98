from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from energy.intervals import Interval
from energy.offers import DispatchMode
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from tests.energy.examples import hours


def node(value: Any) -> Node:
    return Node(value, "/message")


def test_a_value_is_found_by_its_steps_and_knows_its_pointer() -> None:
    found = node({"order": {"items": [{"id": "battery-1"}]}}).need("order", "items").only().need("id")
    assert (found.text(), found.path) == ("battery-1", "/message/order/items/0/id")


@pytest.mark.parametrize("value", [{}, {"order": None}, {"order": {}}])
def test_an_absent_or_null_member_is_not_found(value: Any) -> None:
    assert node(value).find("order", "id") is None
    assert node(value).find_text("order", "id") is None
    assert node(value).find_moment("order", "id") is None


def test_a_needed_member_is_missed_at_its_own_pointer() -> None:
    with pytest.raises(WireError) as raised:
        node({"order": {}}).need("order", "quote", "price")
    assert raised.value.path == "/message/order/quote"
    assert raised.value.got == "nothing"


@pytest.mark.parametrize(
    ("value", "read", "expected", "got"),
    [
        (5, Node.text, "a text", "a number"),
        ([], Node.text, "a text", "an array"),
        ("yes", Node.flag, "true or false", "a text"),
        ({}, Node.items, "an array", "an object"),
        ([1, 2], Node.only, "one item", "2 items"),
        ("8 INR", Node.decimal, "a decimal number as text", "8 INR"),
        ("1e5", Node.decimal, "a decimal number as text", "1e5"),
        ("tomorrow", Node.moment, "an RFC 3339 time with its zone", "tomorrow"),
        ("Robot", lambda it: it.choice(DispatchMode), "one of Automatic Dispatch, Manual Dispatch", "Robot"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_what_was_expected_and_got(
    value: Any, read: Any, expected: str, got: str
) -> None:
    with pytest.raises(WireError) as raised:
        read(node(value))
    assert (raised.value.path, raised.value.expected, raised.value.got) == ("/message", expected, got)


def test_a_step_through_something_that_is_no_object_is_refused_there() -> None:
    with pytest.raises(WireError) as raised:
        node({"order": ["x"]}).find("order", "id")
    assert raised.value.path == "/message/order"


def test_values_of_the_right_kind_are_read() -> None:
    assert node("-4.50").decimal() == Decimal("-4.5")
    assert node(True).flag() is True
    assert node("Manual Dispatch").choice(DispatchMode) is DispatchMode.MANUAL


def test_a_range_is_read_as_an_interval() -> None:
    limits = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T09:30:00+05:30"}
    assert node({"range": limits}).interval() == Interval(hours(0, 4).start, hours(0, 4).end)


def test_a_range_that_runs_backwards_is_refused() -> None:
    limits = {"start": "2026-11-01T04:00:00Z", "end": "2026-11-01T00:00:00Z"}
    with pytest.raises(WireError) as raised:
        node({"range": limits}).interval()
    assert raised.value.path == "/message/range"


def test_an_error_never_quotes_more_than_200_characters() -> None:
    with pytest.raises(WireError) as raised:
        node("9" * 1_000).decimal()
    assert len(raised.value.got) == 200
