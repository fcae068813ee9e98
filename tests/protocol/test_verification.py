"""The ordered checks as a whole; then 1 to 3 and 12 and 13, each by what it admits and refuses.

4 to 7 are in ``test_verification_sender.py``, 8 to 10 in ``test_verification_context.py``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import signing, verification
from protocol.actions import ACTIONS, Role
from protocol.errors import (
    Expired,
    GatewayNotAuthenticated,
    Malformed,
    NotAuthenticated,
    NotAuthorised,
    NotValid,
    Refused,
    TooLarge,
    UnsupportedMedia,
    WrongAction,
)
from protocol.moments import timestamp_text
from protocol.policy import Policy
from tests.protocol.network import (
    MESSAGES,
    NOW,
    NOW_S,
    OPERATOR,
    PRODUCER,
    STRANGER,
    Delivery,
    as_bytes,
    assert_refused,
    content,
    delivery,
    delivery_of,
)

SELECT = delivery("select")


def assert_refused_by_core(post: Delivery) -> NotValid:
    with pytest.raises(NotValid) as caught:
        post.admit()
    assert caught.value.diagnosis.rule.startswith("V13-core-1.1.1/")
    assert caught.value.http_status == 400
    return caught.value


# -- what is let in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", sorted(MESSAGES))
def test_a_message_as_it_should_be_is_admitted_with_its_sender_proven(action: str) -> None:
    post = delivery(action)
    verified = post.admit()
    sender = PRODUCER if ACTIONS[action].sender is Role.BAP else OPERATOR
    assert (verified.action, verified.sender_id, verified.key_id) == (action, sender.subscriber_id, "key-1")
    assert (verified.body, verified.digest) == (post.body, signing.digest(post.body))
    assert verified.content == json.loads(post.body)
    assert verified.message == MESSAGES[action]
    assert (verified.gateway_id, verified.error) == (None, None)


def test_an_error_callback_is_admitted_with_its_error_and_no_message() -> None:
    error = {"code": "40002", "message": "Only 200 kWh are free."}
    body = as_bytes({"context": content("on_select")["context"], "error": error})
    verified = delivery_of("on_select", body).admit()
    assert (verified.error, verified.message) == (error, {})


def test_a_stored_message_is_restored_as_it_was_verified() -> None:
    verified = SELECT.admit()
    stored = (verified.action, verified.sender_id, verified.key_id, verified.gateway_id, verified.body)
    assert verification.restore(*stored) == verified


def test_neither_claims_nor_a_verified_message_show_their_body_in_a_log() -> None:
    claims = verification.read(SELECT.action, SELECT.headers, SELECT.body, SELECT.policy)
    assert "battery-7" not in repr(claims) + repr(SELECT.admit())


# -- the order of the checks ---------------------------------------------------------------------------------


def test_each_check_speaks_before_the_next_one() -> None:
    """A post with everything wrong, mended from the first check to the last, is refused by each in its turn."""
    everything_wrong = {
        "action": "init",
        "bap_id": "someone.example",
        "bap_uri": "https://evil.example",
        "timestamp": timestamp_text(NOW - timedelta(days=1)),
    }
    wrong = content("select", **everything_wrong) | {"message": {}}
    post = (
        delivery_of("select", as_bytes(wrong))
        .through(STRANGER)
        .with_headers(content_type="text/plain", authorization="?")
    )
    assert_refused(post, UnsupportedMedia, "V1-media")
    post = post.with_headers(content_type="application/json")
    assert_refused(post, NotAuthenticated, "V2-header")
    signed = PRODUCER.sign(post.body, created=NOW_S - 9, expires=NOW_S - 1)
    assert_refused(post.with_headers(authorization=signed), NotAuthenticated, "V4-window")
    signed = PRODUCER.sign(post.body)
    post = post.with_headers(authorization=signed)
    assert_refused(post.knowing(), NotAuthenticated, "V5-key")
    assert_refused(post.knowing(replace(PRODUCER, key=STRANGER.key).record()), NotAuthenticated, "V6-signature")
    assert_refused(post, GatewayNotAuthenticated, "V5-key")
    for mended, error, rule in [
        ({}, NotAuthorised, "V8-signer"),
        ({"bap_id": PRODUCER.subscriber_id}, NotAuthorised, "V9-url"),
        ({"bap_uri": PRODUCER.url}, WrongAction, "V10-action"),
        ({"action": "select"}, Expired, "V12-ttl"),
    ]:
        wrong["context"] |= mended
        assert_refused(delivery_of("select", as_bytes(wrong)), error, rule)
    wrong["context"]["timestamp"] = timestamp_text(NOW)
    assert_refused_by_core(delivery_of("select", as_bytes(wrong)))


# -- check 1: the bytes --------------------------------------------------------------------------------------


def test_a_body_of_exactly_the_limit_is_admitted_and_one_byte_more_is_too_large() -> None:
    size = len(SELECT.body)
    assert replace(SELECT, policy=Policy(max_body_bytes=size)).admit()
    error = assert_refused(replace(SELECT, policy=Policy(max_body_bytes=size - 1)), TooLarge, "V1-size")
    assert (error.http_status, error.diagnosis.got) == (413, str(size))


def test_a_body_of_ten_megabytes_is_too_large_by_default() -> None:
    body = b'{"context":"' + b"x" * 10_000_000 + b'"}'
    assert_refused(delivery_of("select", body), TooLarge, "V1-size")


@pytest.mark.parametrize("media", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_admitted_in_any_spelling_of_its_media_type(media: str) -> None:
    assert SELECT.with_headers(content_type=media).admit()


@pytest.mark.parametrize(
    "media", [None, "", "text/plain", "text/json", "application/xml", "application/jsonp", "\udcff"]
)
def test_another_media_type_is_unsupported(media: str | None) -> None:
    error = assert_refused(SELECT.with_headers(content_type=media), UnsupportedMedia, "V1-media")
    assert (error.http_status, error.diagnosis.path) == (415, "Content-Type")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "", "identity, gzip"])
def test_a_compressed_body_is_unsupported(encoding: str) -> None:
    error = assert_refused(SELECT.with_headers(content_encoding=encoding), UnsupportedMedia, "V1-encoding")
    assert (error.http_status, error.diagnosis.path) == (415, "Content-Encoding")


def test_the_content_encoding_identity_is_none() -> None:
    assert SELECT.with_headers(content_encoding="Identity").admit()


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        pytest.param(b"", "V1-body", id="empty"),
        pytest.param(b'{"context":"\xff"}', "V1-body", id="not UTF-8"),
        pytest.param(b"context=select", "V1-body", id="not JSON"),
        pytest.param(b"[]", "V1-body", id="an array"),
        pytest.param(b'{"context":{},"context":{}}', "V1-duplicate-key", id="a key twice"),
        pytest.param(b'{"a":' * 500 + b"1" + b"}" * 500, "V1-body", id="500 levels deep"),
        pytest.param(b'{"a":NaN}', "V1-body", id="NaN"),
        pytest.param(b'{"a":1e999}', "V1-body", id="1e999"),
        pytest.param(b'{"a":"\\ud800"}', "V1-body", id="a lone surrogate"),
        pytest.param(b'{"a":' + b"9" * 5_000 + b"}", "V1-body", id="an integer of 5,000 digits"),
    ],
)
def test_bytes_that_are_no_acceptable_json_are_malformed_whoever_signed_them(body: bytes, rule: str) -> None:
    assert assert_refused(delivery_of("select", body), Malformed, rule).http_status == 400


def test_the_bytes_are_judged_before_the_header() -> None:
    assert_refused(delivery_of("select", b"[]").with_headers(authorization=None), Malformed, "V1-body")


def test_a_proven_message_without_a_readable_context_is_not_valid() -> None:
    error = assert_refused(delivery_of("select", b'{"context":{}}'), NotValid, "V10-context")
    assert error.diagnosis.path == "/context/domain"


# -- checks 2 and 3: the header ------------------------------------------------------------------------------


def test_a_message_without_a_header_is_not_authenticated() -> None:
    error = assert_refused(SELECT.with_headers(authorization=None), NotAuthenticated, "V2-header")
    assert (error.http_status, error.diagnosis.path) == (401, "Authorization")


@pytest.mark.parametrize("value", ["", "Bearer 1234", "Signature keyId=", "\udcff\udcfe"])
def test_a_garbled_header_is_not_authenticated(value: str) -> None:
    assert_refused(SELECT.with_headers(authorization=value), NotAuthenticated, "V2-header")


@pytest.mark.parametrize(
    ("written", "instead"), [('algorithm="ed25519"', 'algorithm="rsa-sha256"'), ("|ed25519", "|rsa")]
)
def test_another_algorithm_is_not_authenticated(written: str, instead: str) -> None:
    header = SELECT.headers["authorization"].replace(written, instead)
    assert_refused(SELECT.with_headers(authorization=header), NotAuthenticated, "V3-algorithm")


# -- check 12: the message's own lifetime --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "ttl", "holds_s"),
    [("select", "PT10S", 10), ("select", "PT1H", 3_600), ("select", None, 30), ("on_select", None, 300)],
)
def test_a_message_is_admitted_until_its_ttl_has_passed(action: str, ttl: str | None, holds_s: int) -> None:
    age = timedelta(seconds=holds_s)
    assert delivery(action, ttl=ttl, timestamp=timestamp_text(NOW - age)).admit()
    late = delivery(action, ttl=ttl, timestamp=timestamp_text(NOW - age - timedelta(milliseconds=1)))
    error = assert_refused(late, Expired, "V12-ttl")
    assert (error.http_status, error.diagnosis.path) == (400, "/context/ttl")


def test_a_timestamp_an_hour_ahead_is_admitted_and_one_far_in_the_future_is_not() -> None:
    assert delivery("select", timestamp=timestamp_text(NOW + timedelta(seconds=3_660))).admit()
    error = assert_refused(delivery("select", timestamp=timestamp_text(NOW + timedelta(days=1))), Expired, "V12-ttl")
    assert error.diagnosis.path == "/context/timestamp"


def test_a_lifetime_beyond_the_calendar_does_not_break_the_check() -> None:
    assert delivery("select", ttl="P9999Y").admit()
    assert_refused(delivery("select", timestamp="9999-12-31T23:59:59Z"), Expired, "V12-ttl")


# -- check 13: Beckn core 1.1.1 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "path"),
    [
        pytest.param({}, "/message/order", id="a missing order"),
        pytest.param({"order": []}, "/message/order", id="an order that is a list"),
        pytest.param({"order": {"items": "battery-7"}}, "/message/order/items", id="items that are a text"),
        pytest.param({"order": {"items": [{"id": 7}]}}, "/message/order/items/0/id", id="an id that is a number"),
        pytest.param({"order": {"id": 10**400}}, "/message/order/id", id="an id that is a number of 401 digits"),
    ],
)
def test_a_message_that_core_refuses_is_not_valid_and_the_path_says_where(message: object, path: str) -> None:
    body = as_bytes(content("select") | {"message": message})
    error = assert_refused_by_core(delivery_of("select", body))
    assert error.diagnosis.path == path
    assert error.diagnosis.expected


def test_a_request_without_a_message_is_not_valid() -> None:
    assert_refused_by_core(delivery_of("select", as_bytes({"context": content("select")["context"]})))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_ORDER_MEMBERS = st.sampled_from(
    ["id", "provider", "items", "fulfillments", "quote", "payments", "billing", "status", "new"]
)


@given(order=st.dictionaries(_ORDER_MEMBERS, _JSON, max_size=4), more=st.dictionaries(st.text(), _JSON, max_size=2))
def test_whatever_a_proven_sender_says_is_admitted_or_refused_and_nothing_else(
    order: dict[str, Any], more: dict[str, Any]
) -> None:
    body = as_bytes(more | content("select") | {"message": {"order": order}})
    try:
        verified = delivery_of("select", body).admit()
    except Refused as error:
        rule = error.diagnosis.rule
        assert rule.startswith("V13-")
    else:
        assert verified.message == {"order": order}
