"""Violations of schemas that core does not need: closed objects, alternatives, limits."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, Registry

from schemas.violations import Source, Violation, pointer, shorten, shown, violations

BATTERY: dict[str, Any] = {
    "$id": "https://test.invalid/battery.json",
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "power": {"description": "power in kW with one decimal, such as 50.0", "pattern": "^[0-9]+[.][0-9]$"},
        "site": {"properties": {"city": {"type": "string"}}},
    },
}
CLOSED: dict[str, Any] = {
    "$id": "https://test.invalid/closed.json",
    "allOf": [{"$ref": "battery.json"}, {"properties": {"mode": {"enum": ["Automatic Dispatch"]}}}],
    "required": ["id"],
    "unevaluatedProperties": False,
}


def told(schema: dict[str, Any], message: object) -> list[Violation]:
    """The violations of ``schema``, in the family "test"."""
    document = {"$id": "https://test.invalid/root.json", **schema}
    registry = Registry([(part["$id"], part) for part in (BATTERY, CLOSED, document)])
    errors = list(Draft202012Validator(document, registry=registry, validate_formats=True).iter_errors(message))
    return list(violations(errors, "test", Source(document, registry.resolver(document["$id"]))))


def test_an_additional_member_is_named_with_those_that_may_stand_there() -> None:
    assert told({"properties": {"order": {"$ref": "closed.json"}}}, {"order": {"id": "b", "powr": "50.0"}}) == [
        Violation(
            path="/order/powr",
            rule="test/unevaluatedProperties",
            expected='only "id", "mode", "power" and "site"',
            got='"powr"',
            sentence='Remove "powr" from /order, or correct its name: '
            'only "id", "mode", "power" and "site" may stand there.',
        )
    ]


def test_additional_properties_are_told_like_unevaluated_ones() -> None:
    schema = {"properties": {"id": {}}, "additionalProperties": False}
    assert [(found.path, found.rule) for found in told(schema, {"id": 1, "a/b": 2, "c": 3})] == [
        ("/a~1b", "test/additionalProperties"),
        ("/c", "test/additionalProperties"),
    ]


def test_a_closed_object_without_any_member_allows_none() -> None:
    assert [found.expected for found in told({"unevaluatedProperties": False}, {"a": 1})] == ["no further members"]


def test_a_member_that_is_forbidden_by_name_is_to_be_taken_out() -> None:
    found = told({"properties": {"price": False}}, {"price": 8})
    assert [violation.sentence for violation in found] == ["Take 8 out of /price: it may not stand there."]


def test_a_very_long_unknown_name_is_cut_everywhere() -> None:
    found = told({"properties": {}, "additionalProperties": False}, {"n" * 100_000: 1})
    assert len(found[0].path) == 201
    assert len(found[0].sentence) < 400


def test_a_mistake_inside_a_closed_object_does_not_make_its_other_members_unknown() -> None:
    found = told(CLOSED, {"id": 7, "power": "50.0", "mode": "Automatic Dispatch", "extra": 1})
    assert [(violation.path, violation.rule) for violation in found] == [
        ("/id", "test/type"),
        ("/extra", "test/unevaluatedProperties"),
    ]


def test_a_mistake_deep_in_a_closed_object_does_not_make_its_other_members_unknown() -> None:
    found = told({"properties": {"items": {"items": CLOSED}}}, {"items": [{"id": "b", "site": {"city": 1}}]})
    assert [violation.path for violation in found] == ["/items/0/site/city"]


def test_two_unknown_members_at_two_depths_are_both_told() -> None:
    schema = {"properties": {"battery": {"$ref": "closed.json"}}, "unevaluatedProperties": False}
    assert [found.path for found in told(schema, {"battery": {"id": "b", "x": 1}, "y": 2})] == ["/battery/x", "/y"]


def test_a_member_that_stands_only_in_another_alternative_is_told_when_nothing_else_is_wrong() -> None:
    schema = {
        "if": {"properties": {"kind": {"const": "start"}}},
        "then": {"properties": {"kind": {}, "charge": {}}},
        "else": {"properties": {"kind": {}, "return": {}}},
        "unevaluatedProperties": False,
    }
    assert [found.path for found in told(schema, {"kind": "end", "charge": 1})] == ["/charge"]


def test_a_pattern_is_told_by_the_description_beside_it_through_a_reference() -> None:
    found = told({"properties": {"battery": {"$ref": "battery.json"}}}, {"battery": {"power": "fifty"}})
    assert [violation.expected for violation in found] == ["power in kW with one decimal, such as 50.0"]


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_of_several_alternatives_the_nearest_is_told(keyword: str) -> None:
    start = {"properties": {"type": {"const": "start"}, "at": {"type": "string"}, "in": {"type": "string"}}}
    end = {"properties": {"type": {"const": "end"}, "at": {"type": "integer"}, "in": {"type": "integer"}}}
    found = told({keyword: [start, end]}, {"type": "end", "at": 4, "in": "x"})
    assert [(violation.path, violation.rule, violation.expected) for violation in found] == [
        ("/in", "test/type", "an integer")
    ]


def test_the_nearest_alternative_deep_in_a_message_is_told_by_its_whole_path() -> None:
    tag = {"anyOf": [{"properties": {"code": {"const": "soc"}, "value": {"type": "string"}}}, {"type": "string"}]}
    found = told({"properties": {"tags": {"items": tag}}}, {"tags": [{"code": "soc"}, {"code": "soc", "value": 5}]})
    assert [(violation.path, violation.expected) for violation in found] == [("/tags/1/value", "a string")]


def test_a_value_that_fits_two_exclusive_alternatives_is_told_as_such() -> None:
    found = told({"oneOf": [{"type": "integer"}, {"minimum": 0}]}, 3)
    assert [violation.rule for violation in found] == ["test/oneOf"]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"minimum": 1}, 0, "at least 1"),
        ({"maximum": 9}, 10, "at most 9"),
        ({"exclusiveMinimum": 0}, 0, "more than 0"),
        ({"exclusiveMaximum": 0}, 0, "less than 0"),
        ({"multipleOf": 15}, 20, "a multiple of 15"),
        ({"minItems": 2}, [1], "at least 2 items"),
        ({"maxItems": 1}, [1, 2], "at most 1 items"),
        ({"uniqueItems": True}, [1, 1], "items that all differ"),
        ({"minLength": 1}, "", "at least 1 characters"),
        ({"maxLength": 1}, "ab", "at most 1 characters"),
        ({"minProperties": 1}, {}, "at least 1 members"),
        ({"maxProperties": 0}, {"a": 1}, "at most 0 members"),
        ({"const": "kWh"}, "kWH", '"kWh"'),
        ({"enum": ["kWh"]}, "kWH", '"kWh"'),
        ({"type": ["integer", "null"]}, "1", "null or an integer"),
        ({"pattern": "^a$"}, "b", "text that matches ^a$"),
        ({"format": "date"}, "today", "a date such as 2026-04-01"),
        ({"format": "ipv4"}, "::1", "text in the format ipv4"),
        (False, 1, "nothing"),
        ({"contains": {"properties": {"a": {"const": 1}}}, "minContains": 2}, [{"a": 2}], "an item whose a is 1"),
        (
            {"contains": {"properties": {"a": {"const": 1}}}, "maxContains": 1},
            [{"a": 1}, {"a": 1}],
            "at most one item whose a is 1",
        ),
        (
            {"contains": {"properties": {"a": {"properties": {"b": {"const": "x"}}}}}},
            [1.5, {"a": {"b": 1}}][1:],
            'an item whose a.b is "x"',
        ),
    ],
)
def test_what_was_expected_is_told_in_words(schema: Any, value: Any, expected: str) -> None:
    found = told({"properties": {"member": schema}}, {"member": value})
    assert [(violation.path, violation.expected) for violation in found] == [("/member", expected)]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"contains": {"type": "string"}}, [2]),
        ({"not": {"type": "string"}}, "a"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}),
    ],
)
def test_a_rarer_keyword_is_told_by_its_name(schema: Any, value: Any) -> None:
    keyword = next(iter(schema))
    found = told({"properties": {"member": schema}}, {"member": value})
    assert [(violation.path, violation.rule) for violation in found] == [("/member", f"test/{keyword}")]
    assert keyword in found[0].sentence


def test_a_long_list_of_words_is_cut() -> None:
    found = told({"enum": [f"w{number}" for number in range(40)]}, "x")
    assert found[0].expected.endswith('"w11" or 28 more')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("ಬೆಂಗಳೂರು", '"ಬೆಂಗಳೂರು"'),
        (-0.5, "-0.5"),
        ([], "an empty array"),
        ([1, 2], "an array of 2"),
        ({}, "an empty object"),
        ({"id": "secret", "name": "x"}, 'an object with "id" and "name"'),
    ],
)
def test_a_value_is_shown_shortly_and_containers_without_their_values(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_long_text_is_shown_with_two_hundred_characters() -> None:
    assert len(shown("x" * 5000)) == 200
    assert shorten("x" * 200) == "x" * 200


def test_a_pointer_escapes_tilde_and_slash() -> None:
    assert pointer([]) == ""
    assert pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"
