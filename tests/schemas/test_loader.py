"""The loader and the core schemas by examples of our own; no specification file is needed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import meta

from protocol.actions import ACTIONS
from schemas.loader import BASE_URI, MAX_VIOLATIONS, MessageSchema, UnknownSchema, Violation, ack, core

UUID = "5be0a1c6-6a37-4b55-9d8a-0d8f1f4a8f10"
NOT_A_UUID = "order-1"

# What each action's message may hold, at its smallest.
MESSAGES: dict[str, dict[str, Any]] = {
    "search": {"intent": {"item": {"descriptor": {"code": "energy-storage"}}}},
    "select": {"order": {"items": [{"id": "battery-7"}]}},
    "init": {"order": {"billing": {"name": "Kaveri Solar", "email": "desk@kaveri.example"}}},
    "confirm": {"order": {"payments": [{"type": "POST-FULFILLMENT", "status": "NOT-PAID"}]}},
    "status": {"order_id": "C-17"},
    "track": {"order_id": "C-17", "callback_url": "https://kaveri.example/track"},
    "update": {"update_target": "items", "order": {"id": "C-17"}},
    "cancel": {"order_id": "C-17", "cancellation_reason_id": "5", "descriptor": {"code": "grid-down"}},
    "rating": {"ratings": [{"rating_category": "Provider", "id": "bhadra", "value": "5"}]},
    "support": {"support": {"ref_id": "C-17", "phone": "+91 80 5550 0100"}},
    "on_search": {"catalog": {"providers": [{"id": "bhadra", "ttl": -1}]}},
    "on_select": {"order": {"quote": {"id": UUID, "price": {"currency": "INR", "value": "5610.90"}}}},
    "on_init": {"order": {"xinput": {"form": {"mime_type": "text/html"}, "required": True}}},
    "on_confirm": {"order": {"id": "C-17", "status": "ACTIVE", "created_at": "2026-04-01T06:30:00Z"}},
    "on_status": {"order": {"fulfillments": [{"id": "f", "tracking": True, "state": {}}]}},
    "on_track": {"tracking": {"status": "active", "url": "https://bhadra.example/live/C-17"}},
    "on_update": {"order": {"id": "C-17", "items": []}},
    "on_cancel": {"order": {"status": "CANCELLED", "cancellation": {"cancelled_by": "CONSUMER"}}},
    "on_rating": {"feedback_form": {"form": {"data": {"comment": "fine"}}}},
    "on_support": {"support": {"email": "desk@bhadra.example"}},
}

# (a member below /message/order, a value core refuses, the keyword that refuses it)
REFUSED_IN_AN_ORDER: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("id",), 17, "type"),
    (("status",), "OPEN", "enum"),
    (("type",), "FINAL", "enum"),
    (("items",), {}, "type"),
    (("items", 0, "quantity", "maximum", "count"), 0, "minimum"),
    (("items", 0, "quantity", "unitized", "count"), 2, "maximum"),
    (("items", 0, "quantity", "selected", "count"), 1.5, "type"),
    (("items", 0, "price", "value"), "eight", "pattern"),
    (("items", 0, "price", "value"), 8, "type"),
    (("provider", "ttl"), -2, "minimum"),
    (("provider", "locations", 0, "gps"), "12.97;77.59", "pattern"),
    (("provider", "locations", 0, "gps"), "91,0", "pattern"),
    (("fulfillments", 0, "tracking"), "true", "type"),
    (("fulfillments", 0, "vehicle", "capacity"), "4", "type"),
    (("payments", 0, "type"), "LATER", "enum"),
    (("xinput", "form", "data", "consent"), True, "type"),
    (("return_terms", 0, "fulfillment_managed_by"), "NOBODY", "enum"),
]

# (a member below /message/order, a value core takes though a reader may wonder; docs/divergences.md)
ODD_BUT_CORE: list[tuple[tuple[str | int, ...], Any]] = [
    (("fulfillments", 0, "agent"), "Asha"),
    (("items", 0, "price", "value"), "rupees 8"),
    (("payments", 0, "collected_by"), ["anyone"]),
    (("provider", "categories", 0, "ttl"), 3.5),
    (("provider", "locations", 0, "gps"), "-90.0, +180.000"),
    (("quote", "ttl"), "soon"),
    (("no-such-member",), {"at": "all"}),
    (("items", 0, "quantity", "selected", "count"), 2.0),
]

# (a member of a select, a value, whether it has the format)
FORMATS = [
    ("/context/message_id", UUID, True),
    ("/context/message_id", NOT_A_UUID, False),
    ("/context/message_id", UUID.replace("-", ""), False),
    ("/context/timestamp", "2026-04-01T12:00:00.250+05:30", True),
    ("/context/timestamp", "2026-04-01T06:30:00", False),
    ("/context/timestamp", "2026-02-29T06:30:00Z", False),
    ("/context/bap_uri", "http://127.0.0.1:4003/beckn", True),
    ("/context/bap_uri", "/beckn", False),
    ("/message/order/billing/email", "desk@kaveri.example", True),
    ("/message/order/billing/email", "desk at kaveri", False),
    ("/message/order/fulfillments/0/customer/person/dob", "1984-02-29", True),
    ("/message/order/fulfillments/0/customer/person/dob", "29.02.1984", False),
]


def _message(action: str) -> dict[str, Any]:
    return {"context": {"action": action}, "message": json.loads(json.dumps(MESSAGES[action]))}


def _with_member(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A select that holds ``value`` at ``path``."""
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    whole = _message("select")
    return {part: {**whole[part], **value.get(part, {})} for part in whole}


def _select(pointer: str, value: Any) -> dict[str, Any]:
    steps = tuple(int(step) if step.isdigit() else step for step in pointer.split("/")[1:])
    return _with_member(steps, value)


def _only(violations: list[Violation]) -> Violation:
    assert len(violations) == 1, violations
    return violations[0]


def test_the_example_table_names_every_action_of_the_protocol() -> None:
    assert set(MESSAGES) == set(ACTIONS)


@pytest.mark.parametrize("action", MESSAGES)
def test_a_small_message_of_each_action_fits_with_formats_and_without(action: str) -> None:
    assert core(action).explain(_message(action)) == []
    assert core(action).is_valid(_message(action))
    assert core(action, formats=True).is_valid(_message(action))


@pytest.mark.parametrize("action", MESSAGES)
def test_a_message_whose_context_names_another_action_is_refused(action: str) -> None:
    message = _message(action)
    message["context"]["action"] = "dispatch"
    assert not core(action).is_valid(message)


@pytest.mark.parametrize("action", MESSAGES)
def test_a_message_without_context_is_refused(action: str) -> None:
    violation = _only(core(action).explain({"message": MESSAGES[action]}))
    assert (violation.path, violation.rule) == ("/context", "core-1.1.1/required")


@pytest.mark.parametrize("action", MESSAGES)
def test_only_search_may_leave_the_action_out_of_its_context(action: str) -> None:
    assert core(action).is_valid({"context": {}, "message": MESSAGES[action]}) == (action == "search")


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.key_required])
def test_a_request_without_its_required_member_is_refused(name: str) -> None:
    required = ACTIONS[name].message_keys[0]
    message = _message(name)
    del message["message"][required]
    violation = _only(core(name).explain(message))
    assert (violation.path, violation.expected) == (f"/message/{required}", f'the member "{required}"')


@pytest.mark.parametrize("action", [name for name in MESSAGES if name.startswith("on_")])
def test_a_callback_may_carry_an_error_and_no_message_but_for_on_rating(action: str) -> None:
    context = {"action": action}
    error = {"code": "40002", "paths": "/message/order", "message": "not free"}
    assert core(action).is_valid({"context": context, "error": error}) == (action != "on_rating")
    assert core(action).is_valid({**_message(action), "error": error})
    assert not core(action).is_valid({**_message(action), "error": {**error, "code": 40002}})


@pytest.mark.parametrize(("path", "value", "keyword"), REFUSED_IN_AN_ORDER)
def test_a_wrong_member_of_an_order_is_refused_by_its_rule(
    path: tuple[str | int, ...], value: Any, keyword: str
) -> None:
    message = _with_member(("message", "order", *path), value)
    violation = _only(core("select").explain(message))
    assert violation.rule == f"core-1.1.1/{keyword}"
    assert violation.path == "/message/order/" + "/".join(str(step) for step in path)
    assert not core("select").is_valid(message)


@pytest.mark.parametrize(("path", "value"), ODD_BUT_CORE)
def test_an_oddity_of_core_is_kept(path: tuple[str | int, ...], value: Any) -> None:
    assert core("select").is_valid(_with_member(("message", "order", *path), value))


@pytest.mark.parametrize(("pointer", "value", "fits"), FORMATS)
def test_formats_are_tolerated_when_reading_and_asserted_when_writing(pointer: str, value: str, fits: bool) -> None:
    message = _select(pointer, value)
    assert core("select").is_valid(message)
    assert core("select", formats=True).is_valid(message) == fits


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"message": {"ack": {"status": "ACK"}}}, True),
        ({"message": {"ack": {"status": "NACK"}}, "error": {"code": "30000", "message": "no"}}, True),
        ({"message": {"ack": {}}}, True),
        ({"message": {"ack": {"status": "ack"}}}, False),
        ({"message": {"ack": {"status": "ACK", "tags": {}}}}, False),
        ({"message": {}}, False),
        ({}, False),
        ("ACK", False),
    ],
)
def test_an_acknowledgement_is_judged_by_its_shape(body: Any, fits: bool) -> None:
    assert ack().is_valid(body) == fits


def test_a_missing_member_is_named_by_its_own_pointer_with_what_is_there_instead() -> None:
    assert core("select").explain({"context": {"action": "select"}, "message": {"cart": {}}}) == [
        Violation(
            path="/message/order",
            rule="core-1.1.1/required",
            expected='the member "order"',
            got='nothing, in an object with "cart"',
            sentence='Add the member "order" to /message.',
        )
    ]


def test_a_wrong_type_is_named_with_the_right_one() -> None:
    assert core("select").explain(_select("/message/order/items/0/id", 7)) == [
        Violation(
            path="/message/order/items/0/id",
            rule="core-1.1.1/type",
            expected="a string",
            got="7",
            sentence="Change /message/order/items/0/id to a string; it is 7.",
        )
    ]


def test_a_word_outside_an_enumeration_is_named_with_the_words_that_fit() -> None:
    assert core("select").explain(_select("/message/order/status", "OPEN")) == [
        Violation(
            path="/message/order/status",
            rule="core-1.1.1/enum",
            expected='one of "ACTIVE", "COMPLETE" or "CANCELLED"',
            got='"OPEN"',
            sentence='Change /message/order/status to one of "ACTIVE", "COMPLETE" or "CANCELLED"; it is "OPEN".',
        )
    ]


def test_a_text_outside_a_pattern_is_told_in_words_rather_than_as_a_pattern() -> None:
    violation = _only(core("select").explain(_select("/context/location/gps", "Bengaluru")))
    assert violation.expected == "latitude, comma, longitude in degrees, such as 12.971599,77.594566"


def test_a_message_that_is_no_object_is_refused_as_a_whole() -> None:
    violation = _only(core("select").explain(["select"]))
    assert (violation.path, violation.sentence) == ("", "Change the message to an object; it is an array of 1.")


def test_ten_thousand_mistakes_are_told_as_twenty() -> None:
    message = _select("/message/order/items", [{"id": number} for number in range(10_000)])
    told = core("select").explain(message)
    assert len(told) == MAX_VIOLATIONS
    assert len(set(told)) == MAX_VIOLATIONS


def test_a_lone_surrogate_in_a_members_name_is_refused_in_words() -> None:
    message = json.loads('{"context": {"action": "select"}, "message": {"order": {"\\ud800": 1}}}')
    assert not core("select").is_valid(message)
    violation = _only(core("select").explain(message))
    assert violation.rule == "core-1.1.1/unicode"
    assert violation.sentence.isascii()


def test_an_action_outside_core_has_no_schema() -> None:
    with pytest.raises(UnknownSchema, match=r"beckn-1\.1\.1/dispatch\.json"):
        core("dispatch")


def test_a_schema_is_compiled_once() -> None:
    assert core("select") is core("select")
    assert core("select", formats=True) is core("select", formats=True)
    assert ack() is ack()


def test_each_file_is_a_schema_whose_id_is_its_place_and_compiles() -> None:
    folder = files("schemas") / "beckn-1.1.1"
    found = [("", folder), ("objects/", folder / "objects")]
    names = [
        (prefix + file.name, file) for prefix, part in found for file in part.iterdir() if file.name.endswith(".json")
    ]
    assert len(names) == 20 + 1 + 57
    for name, file in names:
        document = json.loads(file.read_bytes())
        assert document["$id"] == f"{BASE_URI}beckn-1.1.1/{name}"
        assert meta.is_valid(document)
        assert MessageSchema(document["$id"], "core-1.1.1", formats=True).explain({}) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
order_members = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("id", "status", "items", "provider", "billing", "created_at", "quote", "tags"), json_values
    ),
)


@settings(deadline=None)
@given(members=order_members, anything=json_values, formats=st.booleans())
def test_any_json_value_is_judged_without_an_exception_and_explained_if_and_only_if_it_is_refused(
    members: dict[str, Any], anything: Any, formats: bool
) -> None:
    schema = core("on_status", formats=formats)
    wrapped = {"context": {"action": "on_status"}, "message": {"order": members}}
    for message in (wrapped, anything):
        told = schema.explain(message)
        assert schema.is_valid(message) == (told == [])
        for violation in told:
            assert violation.sentence
            assert len(violation.got) <= 200
            assert "".join((violation.path, violation.expected, violation.got, violation.sentence)).encode()
