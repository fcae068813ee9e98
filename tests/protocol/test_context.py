"""The envelope: every field goes out and comes back, and the bytes are those that peers make of the same JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.actions import ACTIONS
from protocol.context import VERSION, Context, read_context, write_body, write_context
from protocol.errors import NotValid

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
FULL = Context(
    domain="dent:0.1.0",
    action="select",
    bap_id="producer.example",
    bap_uri="https://producer.example/beckn",
    transaction_id="0b6b1f0e-7a55-4c1e-9d2c-5d0c8d6a7a01",
    message_id="5a3f7e52-31d6-4a06-8a44-7f0a4f6f2b02",
    timestamp=NOW,
    version="1.1.0",
    bpp_id="operator.example",
    bpp_uri="https://operator.example/beckn",
    ttl=timedelta(seconds=30),
    city_code="std:080",
    country_code="IND",
    key="one-time-key",
)
# Every member of Beckn core 1.1.1, Context; `location` carries a city and a country code.
FULL_ON_THE_WIRE = {
    "domain": "dent:0.1.0",
    "location": {"city": {"code": "std:080"}, "country": {"code": "IND"}},
    "action": "select",
    "version": "1.1.0",
    "bap_id": "producer.example",
    "bap_uri": "https://producer.example/beckn",
    "bpp_id": "operator.example",
    "bpp_uri": "https://operator.example/beckn",
    "transaction_id": "0b6b1f0e-7a55-4c1e-9d2c-5d0c8d6a7a01",
    "message_id": "5a3f7e52-31d6-4a06-8a44-7f0a4f6f2b02",
    "timestamp": "2026-11-20T10:00:00.000Z",
    "key": "one-time-key",
    "ttl": "PT30S",
}
NEEDED = ("domain", "action", "version", "bap_id", "bap_uri", "transaction_id", "message_id", "timestamp")
OPTIONAL = ("bpp_id", "bpp_uri", "ttl", "key", "location")

_TEXTS = st.text(min_size=1, max_size=255)
_MAYBE = st.none() | _TEXTS
_CONTEXTS = st.builds(
    Context,
    domain=_TEXTS,
    action=_TEXTS,
    bap_id=_TEXTS,
    bap_uri=_TEXTS,
    transaction_id=_TEXTS,
    message_id=_TEXTS,
    timestamp=st.datetimes(timezones=st.just(UTC)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
    ),
    version=_TEXTS,
    bpp_id=_MAYBE,
    bpp_uri=_MAYBE,
    ttl=st.none() | st.timedeltas(timedelta(0), timedelta(days=36_500)),
    city_code=_MAYBE,
    country_code=_MAYBE,
    key=_MAYBE,
)
# What we sign holds no floats, and JavaScript keeps integers exact up to 2^53 and moves integer-like keys (INTEROP 1).
_INTEGERS = st.integers(-(2**53), 2**53)
_KEYS = st.text().filter(lambda key: not key.isdigit())
_MESSAGES = st.dictionaries(
    _KEYS,
    st.recursive(
        st.none() | st.booleans() | _INTEGERS | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
        max_leaves=10,
    ),
    max_size=4,
)


def on_the_wire(**changes: Any) -> dict[str, Any]:
    """A whole message whose context has some members changed; None takes one away."""
    context = {name: value for name, value in (FULL_ON_THE_WIRE | changes).items() if value is not None}
    return {"context": context, "message": {}}


# -- writing and reading ------------------------------------------------------------------------------------


def test_a_context_with_every_field_is_written_as_core_names_them() -> None:
    assert write_context(FULL) == FULL_ON_THE_WIRE


def test_a_context_with_every_field_is_read() -> None:
    assert read_context(on_the_wire()) == FULL


@given(_CONTEXTS)
def test_a_written_context_is_read_back(context: Context) -> None:
    body = write_body(context, {})
    assert read_context(json.loads(body)) == context


@pytest.mark.parametrize("member", OPTIONAL)
def test_an_optional_member_may_be_absent_and_stays_so(member: str) -> None:
    context = read_context(on_the_wire(**{member: None}))
    assert write_context(context) == {name: value for name, value in FULL_ON_THE_WIRE.items() if name != member}


@pytest.mark.parametrize("member", ["bpp_id", "bpp_uri", "ttl", "key"])
def test_an_optional_member_that_is_null_is_absent(member: str) -> None:
    body = {"context": FULL_ON_THE_WIRE | {member: None}}
    assert getattr(read_context(body), member) is None


def test_a_city_and_a_country_at_the_top_of_the_context_are_read_as_the_microgrids_write_them() -> None:
    context = read_context(on_the_wire(location=None, city="std:080", country="IND"))
    assert (context.city_code, context.country_code) == ("std:080", "IND")


def test_a_city_in_its_place_wins_over_one_at_the_top() -> None:
    assert read_context(on_the_wire(city="std:011")).city_code == "std:080"


@pytest.mark.parametrize(
    "location", [{}, [], "std:080", {"city": "std:080"}, {"city": {"code": 80}}, {"city": {"name": "B"}}]
)
def test_a_location_without_codes_is_no_place(location: object) -> None:
    context = read_context(on_the_wire(location=location))
    assert (context.city_code, context.country_code) == (None, None)


def test_an_unknown_member_of_the_context_is_passed_over() -> None:
    assert read_context(on_the_wire(core_version="1.1.0", max_callbacks=3)) == FULL


# -- refusing -----------------------------------------------------------------------------------------------


def assert_not_valid(body: dict[str, Any], path: str) -> NotValid:
    with pytest.raises(NotValid) as caught:
        read_context(body)
    assert (caught.value.diagnosis.rule, caught.value.diagnosis.path) == ("V10-context", path)
    return caught.value


@pytest.mark.parametrize("member", NEEDED)
def test_a_context_without_a_needed_member_is_refused_by_its_path(member: str) -> None:
    assert assert_not_valid(on_the_wire(**{member: None}), f"/context/{member}").diagnosis.got == "nothing"


@pytest.mark.parametrize("member", [*NEEDED, "bpp_id", "bpp_uri", "ttl", "key"])
@pytest.mark.parametrize("value", [7, True, "", [], {"code": "x"}, "x" * 256], ids=repr)
def test_a_member_that_is_no_text_of_1_to_255_characters_is_refused_by_its_path(member: str, value: object) -> None:
    assert assert_not_valid(on_the_wire(**{member: value}), f"/context/{member}").sentence


def test_a_member_of_255_characters_is_read() -> None:
    assert read_context(on_the_wire(bap_id="x" * 255)).bap_id == "x" * 255


@pytest.mark.parametrize("context", [None, [], "context", 1])
def test_a_context_that_is_no_object_is_refused(context: object) -> None:
    assert assert_not_valid({"context": context}, "/context").diagnosis.expected == "an object"


def test_a_message_without_a_context_is_refused() -> None:
    assert assert_not_valid({}, "/context").diagnosis.got == "nothing"


@pytest.mark.parametrize("timestamp", ["today", "2026-11-20", "2026-02-30T10:00:00Z", "0001-01-01T00:00:00+05:30"])
def test_a_timestamp_that_is_no_time_is_refused(timestamp: str) -> None:
    assert "RFC 3339" in assert_not_valid(on_the_wire(timestamp=timestamp), "/context/timestamp").diagnosis.expected


@pytest.mark.parametrize("ttl", ["30", "PT", "half an hour", "-PT30S"])
def test_a_ttl_that_is_no_duration_is_refused(ttl: str) -> None:
    assert "PT30S" in assert_not_valid(on_the_wire(ttl=ttl), "/context/ttl").diagnosis.expected


_JSON = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)


@given(
    st.dictionaries(st.sampled_from([*NEEDED, *OPTIONAL, "city", "country"]), _JSON | st.dictionaries(st.text(), _JSON))
)
def test_any_context_is_read_or_not_valid(changes: dict[str, Any]) -> None:
    try:
        context = read_context({"context": FULL_ON_THE_WIRE | changes})
    except NotValid as error:
        path = error.diagnosis.path
        assert path.startswith("/context/")
    else:
        assert context.action


# -- bytes --------------------------------------------------------------------------------------------------


def test_a_body_is_compact_utf_8_without_escapes() -> None:
    body = write_body(FULL, {"note": "Speicher für Jörg / 30 € 🔋"})
    assert body.endswith('"message":{"note":"Speicher für Jörg / 30 € 🔋"}}'.encode())
    assert b"\\" not in body
    assert b": " not in body


@given(context=_CONTEXTS, message=_MESSAGES)
def test_a_body_is_what_a_peer_makes_of_it_by_reading_and_writing_it_again(
    context: Context, message: dict[str, Any]
) -> None:
    body = write_body(context, message)
    assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()


def test_an_error_callback_has_an_error_and_no_message() -> None:
    body = json.loads(write_body(FULL, None, {"code": "40002", "message": "Only 200 kWh are free."}))
    assert list(body) == ["context", "error"]
    assert body["error"] == {"code": "40002", "message": "Only 200 kWh are free."}


# -- lifetime and answers -----------------------------------------------------------------------------------


def test_a_message_holds_for_its_own_ttl() -> None:
    assert read_context(on_the_wire(ttl="PT10S")).holds_until == NOW + timedelta(seconds=10)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_a_message_without_ttl_holds_for_its_action_s_default(action: str) -> None:
    assert read_context(on_the_wire(action=action, ttl=None)).holds_until == NOW + ACTIONS[action].ttl


def test_a_message_of_an_unknown_action_holds_for_half_a_minute() -> None:
    assert read_context(on_the_wire(action="haggle", ttl=None)).holds_until == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    "changes",
    [{"ttl": "P9999Y"}, {"timestamp": "9999-12-31T23:59:59Z"}, {"timestamp": "9999-12-31T23:59:59Z", "ttl": None}],
)
def test_a_lifetime_beyond_the_calendar_ends_with_the_calendar(changes: dict[str, Any]) -> None:
    assert read_context(on_the_wire(**changes)).holds_until == datetime.max.replace(tzinfo=UTC)


def test_an_answer_keeps_the_trade_and_names_us_as_the_bpp() -> None:
    later = NOW + timedelta(seconds=2)
    answer = FULL.answered_by("on_select", later, bpp_id="us.example", bpp_uri="https://us.example/beckn")
    assert (answer.action, answer.version, answer.timestamp) == ("on_select", VERSION, later)
    assert (answer.bpp_id, answer.bpp_uri) == ("us.example", "https://us.example/beckn")
    assert (answer.transaction_id, answer.message_id) == (FULL.transaction_id, FULL.message_id)
    assert (answer.bap_id, answer.bap_uri, answer.domain) == (FULL.bap_id, FULL.bap_uri, FULL.domain)
    assert (answer.city_code, answer.country_code) == (FULL.city_code, FULL.country_code)


def test_an_answer_has_its_own_lifetime_and_not_the_request_s_key() -> None:
    answer = FULL.answered_by("on_select", NOW, bpp_id="us.example", bpp_uri="https://us.example/beckn")
    assert (answer.ttl, answer.key) == (ACTIONS["on_select"].ttl, None)
