from __future__ import annotations

from typing import Any

import pytest

from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.tags import all_tags, find_tags, tag_group


def owner(*groups: dict[str, Any]) -> Node:
    return Node({"tags": list(groups)}, "/o")


def test_a_group_is_written_with_the_tags_that_have_a_value() -> None:
    assert tag_group("soc", [("percent", "50"), ("kwh", None)], display=False) == {
        "descriptor": {"code": "soc"},
        "display": False,
        "list": [{"descriptor": {"code": "percent"}, "value": "50"}],
    }


def test_tags_are_found_by_code_and_repeat_in_order() -> None:
    tags = find_tags(owner(tag_group("other", []), tag_group("t", [("a", "1"), ("b", "x"), ("a", "2")])), "t")
    assert tags is not None
    assert [node.text() for node in tags.all("a")] == ["1", "2"]
    assert tags.need("b").path == "/o/tags/1/list/1/value"
    assert tags.find("c") is None


@pytest.mark.parametrize("value", [Node({}, "/o"), owner(), owner({"descriptor": {"name": "Awards"}, "list": []})])
def test_an_absent_group_is_none(value: Node) -> None:
    assert find_tags(value, "t") is None
    assert all_tags(value, "t") == []


def test_tags_without_a_code_are_passed_over() -> None:
    group = {"descriptor": {"code": "t"}, "list": [{"descriptor": {"name": "Power"}, "value": "lots"}]}
    tags = find_tags(owner(group), "t")
    assert tags is not None
    assert tags.values == ()


def test_a_tag_or_group_that_must_stand_once_is_refused_twice() -> None:
    twice = tag_group("t", [("a", "1"), ("a", "2")])
    (tags,) = all_tags(owner(twice), "t")
    with pytest.raises(WireError, match="may stand once"):
        tags.find("a")
    with pytest.raises(WireError, match="may stand once"):
        find_tags(owner(twice, twice), "t")


def test_a_needed_tag_is_missed_by_its_code() -> None:
    (tags,) = all_tags(owner(tag_group("t", [])), "t")
    with pytest.raises(WireError) as raised:
        tags.need("a")
    assert raised.value.expected == "a"
