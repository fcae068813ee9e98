from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read, read_tolerantly
from energy.wire.v1.writer import write
from tests.energy.wire.v1.examples import CONTENTS, written
from tests.energy.wire.v1.strategies import ACTIONS, contents

TRICKY = ("", "-1", "1e9", "9" * 30, "INR / kWh", "kWH", "Wh", "%", "9999-12-31T23:45:00Z", "0001-01-01T00:00:00+05:30")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(TRICKY),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def refusal(action: str, message: Any, strict: bool) -> WireError | None:
    """Why the message is not read, or None when it is."""
    try:
        read(action, message, strict=strict)
    except WireError as error:
        return error
    return None


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (owner, key or index) of a message."""
    steps = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, step) for step, _ in steps] + [place for _, child in steps for place in places(child)]


@pytest.mark.parametrize("action", ACTIONS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_was_written_is_read_back_exactly_and_needs_no_tolerance(action: str, data: Any) -> None:
    content = data.draw(contents(action))
    message = json.loads(json.dumps(write(action, content)))
    assert read(action, message, strict=True) == content
    assert read_tolerantly(action, message) == (content, ())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_garbled_message_is_read_or_refused_but_never_breaks_the_reader(data: Any) -> None:
    action = data.draw(st.sampled_from(sorted(CONTENTS)))
    message = written(action)
    owner, step = data.draw(st.sampled_from(places(message)))
    owner[step] = data.draw(json_values)
    for strict in (True, False):
        error = refusal(action, message, strict)
        assert error is None or (error.path.startswith("/message") and error.sentence)


def test_the_message_itself_is_left_as_it_was() -> None:
    message = {"support": {"order_id": "HS-0001"}}
    read("support", message)
    assert message == {"support": {"order_id": "HS-0001"}}


def test_a_strict_reader_takes_no_tolerance() -> None:
    message = {"support": {"order_id": "HS-0001"}}
    with pytest.raises(WireError) as raised:
        read("support", message, strict=True)
    assert raised.value.path == "/message/support/ref_id"


def test_an_unknown_action_is_not_read() -> None:
    with pytest.raises(ValueError, match="no action 'on_subscribe'"):
        read("on_subscribe", {})


def test_members_that_the_trade_does_not_use_are_passed_over() -> None:
    assert read("status", {"order_id": "HS-0001", "note": ["x"]}) == CONTENTS["status"]
