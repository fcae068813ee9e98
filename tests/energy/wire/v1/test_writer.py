from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy.offers import StatusRequest
from energy.wire.v1.writer import write
from protocol.actions import ACTIONS
from tests.energy.wire.v1.examples import CONTENTS, written
from tests.energy.wire.v1.strategies import contents


def leaves(value: Any) -> Iterator[Any]:
    """Every key and every value that is neither object nor array."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from leaves(member)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(child)


def test_every_action_of_beckn_can_be_written() -> None:
    assert set(CONTENTS) == set(ACTIONS)
    assert all(set(written(action)) <= set(ACTIONS[action].message_keys) for action in ACTIONS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(CONTENTS)).flatmap(lambda action: st.tuples(st.just(action), contents(action))))
def test_javascript_can_serialise_a_message_again_without_changing_a_byte(made: tuple[str, Any]) -> None:
    message = write(*made)
    assert all(isinstance(leaf, str | bool) for leaf in leaves(message))
    assert not any(key.isdigit() for key in keys(message))
    assert json.loads(json.dumps(message)) == message


def test_content_of_another_type_is_not_written() -> None:
    with pytest.raises(ValueError, match="search carries SearchIntent, not StatusRequest"):
        write("search", StatusRequest("HS-0001"))


def test_an_unknown_action_is_not_written() -> None:
    with pytest.raises(ValueError, match="no action 'on_subscribe'"):
        write("on_subscribe", StatusRequest("HS-0001"))
