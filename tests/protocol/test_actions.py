"""The table of actions, against the paths and message keys of Beckn core 1.1.1."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from protocol.actions import ACTIONS, CALLBACKS, REQUESTS, Role, received_by

# Beckn core 1.1.1, paths: the members of `message`, and those of them that it requires.
MESSAGE_KEYS = {
    "search": {"intent"},
    "select": {"order"},
    "init": {"order"},
    "confirm": {"order"},
    "status": {"order_id"},
    "track": {"order_id", "callback_url"},
    "update": {"update_target", "order"},
    "cancel": {"order_id", "cancellation_reason_id", "descriptor"},
    "rating": {"ratings"},
    "support": {"support"},
    "on_search": {"catalog"},
    "on_select": {"order"},
    "on_init": {"order"},
    "on_confirm": {"order"},
    "on_status": {"order"},
    "on_track": {"tracking"},
    "on_update": {"order"},
    "on_cancel": {"order"},
    "on_rating": {"feedback_form"},
    "on_support": {"support"},
}
REQUIRED_OF_REQUESTS = {
    "search": set(),
    "select": {"order"},
    "init": {"order"},
    "confirm": {"order"},
    "status": {"order_id"},
    "track": {"order_id"},
    "update": {"update_target", "order"},
    "cancel": {"order_id"},
    "rating": set(),
    "support": set(),
}
CORE = Path(__file__).parents[3] / "shared" / "spec" / "beckn-core-1.1.1.yaml"


def test_the_table_has_the_paths_of_core_and_no_other() -> None:
    assert set(ACTIONS) == set(MESSAGE_KEYS)


def test_ten_requests_have_ten_callbacks() -> None:
    assert set(REQUESTS) == set(REQUIRED_OF_REQUESTS)
    assert [f"on_{name}" for name in REQUESTS] == list(CALLBACKS)


@pytest.mark.parametrize("name", sorted(MESSAGE_KEYS))
def test_a_row_has_the_message_keys_of_core(name: str) -> None:
    assert set(ACTIONS[name].message_keys) == MESSAGE_KEYS[name]


@pytest.mark.parametrize("name", sorted(REQUIRED_OF_REQUESTS))
def test_a_request_s_first_key_is_required_exactly_where_core_requires_it(name: str) -> None:
    action = ACTIONS[name]
    assert action.key_required == bool(REQUIRED_OF_REQUESTS[name])
    assert not action.key_required or action.message_keys[0] in REQUIRED_OF_REQUESTS[name]


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_requires_no_message_key_because_it_may_carry_an_error_instead(name: str) -> None:
    assert not ACTIONS[name].key_required


@pytest.mark.skipif(not CORE.exists(), reason="the shared specification folder is not beside this project")
def test_the_published_core_says_the_same_as_our_constants() -> None:
    paths = yaml.load(CORE.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["paths"]
    messages = {path.removeprefix("/"): message_schema(described) for path, described in paths.items()}
    assert {name: set(schema["properties"]) for name, schema in messages.items()} == MESSAGE_KEYS
    required = {name: set(messages[name].get("required", ())) for name in REQUIRED_OF_REQUESTS}
    assert required == REQUIRED_OF_REQUESTS


def message_schema(path: dict[str, Any]) -> dict[str, Any]:
    """The schema of `message` in a path of the OpenAPI document."""
    whole = path["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema: dict[str, Any] = whole["properties"]["message"]
    return schema


@pytest.mark.parametrize("name", sorted(MESSAGE_KEYS))
def test_a_request_travels_from_bap_to_bpp_and_its_callback_back(name: str) -> None:
    action = ACTIONS[name]
    way = (action.sender, action.receiver)
    assert way == ((Role.BPP, Role.BAP) if name.startswith("on_") else (Role.BAP, Role.BPP))


@pytest.mark.parametrize("name", REQUESTS)
def test_request_and_callback_name_each_other(name: str) -> None:
    request, callback = ACTIONS[name], ACTIONS[f"on_{name}"]
    assert (request.request, request.callback, request.is_callback) == (name, f"on_{name}", False)
    assert (callback.request, callback.callback, callback.is_callback) == (name, f"on_{name}", True)


def test_only_search_and_its_answer_travel_through_a_gateway() -> None:
    assert {name for name, action in ACTIONS.items() if action.through_gateway} == {"search", "on_search"}


def test_each_role_serves_what_is_sent_to_it() -> None:
    assert received_by(Role.BPP) == REQUESTS
    assert received_by(Role.BAP) == CALLBACKS
    assert set(received_by(Role.BG)) == {"search", "on_search"}
    assert received_by(Role.BREG) == ()


def test_other_bytes_under_a_known_message_id_are_one_more_message_for_reads_and_search_answers_alone() -> None:
    reads = {"status", "track", "support", "on_status", "on_track", "on_support", "on_search"}
    assert {name for name, action in ACTIONS.items() if action.repeatable} == reads


def test_every_lifetime_is_half_a_minute_or_five_minutes_and_callbacks_hold_the_longer() -> None:
    assert {action.ttl for action in ACTIONS.values()} == {timedelta(seconds=30), timedelta(minutes=5)}
    assert all(ACTIONS[name].ttl == timedelta(minutes=5) for name in CALLBACKS)


def test_the_table_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        ACTIONS["haggle"] = ACTIONS["select"]  # type: ignore[index]
