"""The faster form decides as the files do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from jsonschema_rs import Draft202012, Draft202012Validator, EmailOptions, Registry

from schemas.deciding import decided_faster
from schemas.loader import BASE_URI, _documents, storage
from tests.schemas.test_battery_storage import CONTENTS, told

URI = "https://example.invalid/one.json"
NAME = {"name": {"type": "string"}}


def faster(schema: dict[str, Any]) -> dict[str, Any]:
    documents = {URI: schema}
    return decided_faster(documents, Registry(documents.items(), draft=Draft202012))[URI]


def by_the_file(action: str) -> Draft202012Validator:
    registry = Registry(_documents().items(), draft=Draft202012)
    document = _documents()[f"{BASE_URI}battery-storage/{action}.json"]
    return Draft202012Validator(
        document,
        registry=registry,
        validate_formats=True,
        email_options=EmailOptions(allow_display_text=False),
        offline=True,
    )


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value below."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for step, inner in steps for found in ((*path, step), *places(inner, (*path, step)))]


def changed(message: Any, path: tuple[str | int, ...], change: str) -> Any:
    new = copy.deepcopy(message)
    *way, last = path
    place = new
    for step in way:
        place = place[step]
    if change == "gone":
        del place[last]
    elif change == "another":
        place[last] = 7
    elif isinstance(place[last], dict):
        place[last]["surplus"] = 1
    return new


@pytest.mark.parametrize("action", CONTENTS)
def test_each_message_and_each_spoilt_copy_of_it_gets_the_verdict_of_the_file(action: str) -> None:
    message, slow, fast = told(action), by_the_file(action), storage(action)
    assert fast.is_valid(message)
    verdicts = []
    for path in places(message):
        for change in ("gone", "another", "surplus"):
            spoilt = changed(message, path, change)
            verdicts.append(fast.is_valid(spoilt))
            assert verdicts[-1] == slow.is_valid(spoilt), (path, change)
    assert False in verdicts


def test_an_object_that_nothing_else_looks_into_is_closed_by_its_own_members() -> None:
    schema = {"properties": NAME, "oneOf": [{"required": ["name"]}], "unevaluatedProperties": False}
    assert faster(schema) == {"properties": NAME, "oneOf": [{"required": ["name"]}], "additionalProperties": False}


@pytest.mark.parametrize(
    "beside",
    [
        {"allOf": [{"properties": {"other": True}}]},
        {"if": {"properties": {"other": True}}, "then": {}},
        {"$ref": "#/$defs/More", "$defs": {"More": {"properties": {"other": True}}}},
        {"anyOf": [{"allOf": [{"patternProperties": {"^o": True}}]}]},
        {"additionalProperties": {"type": "string"}},
    ],
)
def test_an_object_that_something_else_looks_into_keeps_its_form(beside: dict[str, Any]) -> None:
    assert faster({"properties": NAME, "unevaluatedProperties": False, **beside})["unevaluatedProperties"] is False
