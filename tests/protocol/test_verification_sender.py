"""Checks 4 to 7: whether it is proven who sent a message, and through which gateway."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import signing, verification
from protocol.actions import Role
from protocol.errors import (
    GatewayNotAuthenticated,
    Malformed,
    NotAuthenticated,
    NotValid,
)
from tests.protocol.network import (
    GATEWAY,
    NOW,
    NOW_S,
    OPERATOR,
    OTHER_PRODUCER,
    PRODUCER,
    STRANGER,
    Delivery,
    assert_refused,
    delivery,
    party,
)

SELECT = delivery("select")
SEARCH = delivery("search")
ON_SELECT = delivery("on_select")
# The order of the Ed25519 group: S + L signs what S signs, unless the verifier looks.
L = 2**252 + 27742317777372353535851937790883648493


def signed_at(created: int, expires: int, post: Delivery = SELECT) -> Delivery:
    """The post with a header of that window."""
    return post.with_headers(authorization=PRODUCER.sign(post.body, created=created, expires=expires))


# -- check 4: the time window --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created", "expires"),
    [
        pytest.param(NOW_S, NOW_S + 1, id="a second from now"),
        pytest.param(NOW_S + 5, NOW_S + 305, id="created within the clock skew"),
        pytest.param(NOW_S - 300, NOW_S, id="expiring now"),
        pytest.param(NOW_S - 60, NOW_S + 3_600, id="the longest window, as a peer back-dates it"),
    ],
)
def test_a_window_that_holds_now_is_admitted(created: int, expires: int) -> None:
    assert signed_at(created, expires).admit()


@pytest.mark.parametrize(
    ("created", "expires", "expected"),
    [
        pytest.param(NOW_S + 6, NOW_S + 306, "created at or before", id="created beyond the clock skew"),
        pytest.param(NOW_S - 300, NOW_S - 1, "expires at or after", id="expired a second ago"),
        pytest.param(NOW_S - 60, NOW_S + 3_601, "a window of 1 to 3660 seconds", id="a second too long"),
        pytest.param(NOW_S, NOW_S, "a window of 1 to 3660 seconds", id="no window at all"),
        pytest.param(NOW_S + 5, NOW_S + 1, "a window of 1 to 3660 seconds", id="ending before it begins"),
        pytest.param(0, 999_999_999_999, "a window of 1 to 3660 seconds", id="from 1970 until the year 33658"),
    ],
)
def test_a_window_that_does_not_hold_now_is_not_authenticated(created: int, expires: int, expected: str) -> None:
    error = assert_refused(signed_at(created, expires), NotAuthenticated, "V4-window")
    assert error.diagnosis.expected.startswith(expected)


def test_a_window_may_end_with_the_key_and_not_a_second_later() -> None:
    post = SELECT.knowing(PRODUCER.record(valid_until=NOW + timedelta(seconds=300)))
    assert signed_at(NOW_S, NOW_S + 300, post).admit()
    error = assert_refused(signed_at(NOW_S, NOW_S + 301, post), NotAuthenticated, "V4-window")
    assert "the key's validity" in error.diagnosis.expected


@given(skew_s=st.integers(-4_000, 4_000), length_s=st.integers(-4_000, 4_000))
def test_a_window_is_admitted_exactly_when_it_holds_now_and_is_no_longer_than_the_policy(
    skew_s: int, length_s: int
) -> None:
    created, expires = NOW_S + skew_s, NOW_S + skew_s + length_s
    post = signed_at(created, expires)
    if skew_s <= 5 and expires >= NOW_S and 0 < length_s <= 3_660:
        assert post.admit()
    else:
        assert_refused(post, NotAuthenticated, "V4-window")


# -- check 5: the key ----------------------------------------------------------------------------------------


def test_an_unknown_subscriber_is_not_authenticated() -> None:
    error = assert_refused(delivery("select", signer=STRANGER), NotAuthenticated, "V5-key")
    assert error.diagnosis.got == "stranger.example|key-1"


def test_an_unknown_key_of_a_known_subscriber_is_not_authenticated() -> None:
    renamed = replace(PRODUCER, key_id="key-9")
    error = assert_refused(delivery("select", signer=renamed), NotAuthenticated, "V5-key")
    assert error.diagnosis.got == "producer.example|key-9"


@pytest.mark.parametrize(
    "status", ["INITIATED", "UNDER_SUBSCRIPTION", "EXPIRED", "UNSUBSCRIBED", "INVALID_SSL", "", "subscribed"]
)
def test_a_subscriber_that_is_not_subscribed_is_not_authenticated(status: str) -> None:
    error = assert_refused(SELECT.knowing(PRODUCER.record(status=status)), NotAuthenticated, "V5-key")
    assert error.diagnosis.got == status


@pytest.mark.parametrize(
    ("valid_from", "valid_until"),
    [
        (None, None),
        (NOW, None),
        (None, NOW + timedelta(seconds=300)),
        (NOW - timedelta(days=1), NOW + timedelta(days=1)),
    ],
)
def test_a_key_that_is_valid_now_is_admitted(valid_from: datetime | None, valid_until: datetime | None) -> None:
    assert SELECT.knowing(PRODUCER.record(valid_from=valid_from, valid_until=valid_until)).admit()


@pytest.mark.parametrize(
    "validity",
    [{"valid_from": NOW + timedelta(milliseconds=1)}, {"valid_until": NOW}, {"valid_until": NOW - timedelta(days=1)}],
)
def test_a_key_that_is_not_yet_or_no_longer_valid_is_not_authenticated(validity: dict[str, datetime]) -> None:
    error = assert_refused(SELECT.knowing(PRODUCER.record(**validity)), NotAuthenticated, "V5-key")
    assert error.diagnosis.expected == "a key that is valid now"


@pytest.mark.parametrize("old_first", [True, False])
def test_while_two_keys_are_valid_either_signs(old_first: bool) -> None:
    new_producer = party("producer", Role.BAP, "key-2")
    records = [PRODUCER.record(), new_producer.record()]
    known = records if old_first else records[::-1]
    assert delivery("select", signer=PRODUCER).knowing(*known).admit().key_id == "key-1"
    assert delivery("select", signer=new_producer).knowing(*known).admit().key_id == "key-2"


def test_a_key_id_without_a_key_is_proven_by_whichever_key_of_the_subscriber_signed() -> None:
    new_producer = party("producer", Role.BAP, "key-2")
    post = delivery("select", signer=new_producer).knowing(PRODUCER.record(), new_producer.record())
    two_parts = post.headers["authorization"].replace("|key-2|", "|")
    assert post.with_headers(authorization=two_parts).admit().key_id == "key-2"


def test_an_old_key_that_has_ended_does_not_sign_beside_the_new_one() -> None:
    new_producer = party("producer", Role.BAP, "key-2")
    post = SELECT.knowing(PRODUCER.record(valid_until=NOW), new_producer.record())
    assert_refused(post, NotAuthenticated, "V5-key")


# -- check 6: the signature ----------------------------------------------------------------------------------


def test_the_signature_of_another_subscriber_s_key_is_not_authenticated() -> None:
    impostor = replace(STRANGER, subscriber_id=PRODUCER.subscriber_id)
    error = assert_refused(delivery("select", signer=impostor), NotAuthenticated, "V6-signature")
    assert error.diagnosis.expected == "a signature by producer.example|key-1 over these exact bytes"


@given(position=st.integers(0, len(SELECT.body) - 1), mask=st.integers(1, 255))
def test_one_changed_byte_anywhere_in_the_body_is_refused(position: int, mask: int) -> None:
    changed = bytearray(SELECT.body)
    changed[position] ^= mask
    with pytest.raises((Malformed, NotValid, NotAuthenticated)):
        replace(SELECT, body=bytes(changed)).admit()
    # Whatever else is wrong with them: the signature alone refuses these bytes.
    claims = verification.read(SELECT.action, SELECT.headers, SELECT.body, SELECT.policy)
    tampered = replace(claims, digest=signing.digest(bytes(changed)))
    with pytest.raises(NotAuthenticated) as caught:
        verification.judge(tampered, [PRODUCER.record()], [], SELECT.own, SELECT.policy, NOW)
    assert caught.value.diagnosis.rule == "V6-signature"


def test_space_that_json_ignores_breaks_the_signature_too() -> None:
    assert_refused(replace(SELECT, body=SELECT.body + b"\n"), NotAuthenticated, "V6-signature")


@given(bit=st.integers(0, 64 * 8 - 1))
def test_one_changed_bit_anywhere_in_the_signature_is_refused(bit: int) -> None:
    signature = bytearray(signing.parse_header(SELECT.headers["authorization"]).signature)
    signature[bit // 8] ^= 1 << bit % 8
    assert_refused(SELECT.signed(bytes(signature)), NotAuthenticated, "V6-signature")


@pytest.mark.parametrize(("written", "instead"), [(f"{NOW_S}", f"{NOW_S - 1}"), (f"{NOW_S + 300}", f"{NOW_S + 301}")])
def test_a_window_other_than_the_signed_one_is_refused(written: str, instead: str) -> None:
    header = SELECT.headers["authorization"].replace(f'"{written}"', f'"{instead}"')
    assert_refused(SELECT.with_headers(authorization=header), NotAuthenticated, "V6-signature")


def test_the_second_signature_that_the_group_s_order_makes_of_the_first_is_refused() -> None:
    signature = signing.parse_header(SELECT.headers["authorization"]).signature
    malleated = signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")
    assert_refused(SELECT.signed(malleated), NotAuthenticated, "V6-signature")


def test_the_constant_signature_that_lax_verifiers_accept_under_a_small_order_key_is_refused() -> None:
    key = b"\x01" + bytes(31)
    forged = key + bytes(32)
    Ed25519PublicKey.from_public_bytes(key).verify(forged, b"whatever somebody wants to have said")
    post = SELECT.signed(forged).knowing(PRODUCER.record(signing_public_key=key))
    assert_refused(post, NotAuthenticated, "V6-signature")


def test_a_signature_with_the_newer_digest_label_is_admitted() -> None:
    header = signing.parse_header(SELECT.headers["authorization"])
    signed = signing.signing_string(header.created, header.expires, signing.digest(SELECT.body), "BLAKE2b-512")
    assert b"digest: BLAKE2b-512=" in signed
    assert SELECT.signed(PRODUCER.key.sign(signed).signature).admit()


@pytest.mark.parametrize("label", ["SHA-512", "BLAKE-256", "blake-512"])
def test_a_signature_with_another_digest_label_is_refused(label: str) -> None:
    header = signing.parse_header(SELECT.headers["authorization"])
    signed = signing.signing_string(header.created, header.expires, signing.digest(SELECT.body), label)
    assert_refused(SELECT.signed(PRODUCER.key.sign(signed).signature), NotAuthenticated, "V6-signature")


# -- check 7: the gateway ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["search", "on_search"])
def test_a_search_or_its_answer_through_a_gateway_is_admitted_with_the_gateway_proven(action: str) -> None:
    assert delivery(action).through(GATEWAY).admit().gateway_id == "gateway.example"


@pytest.mark.parametrize(
    ("post", "rule"),
    [
        pytest.param(SEARCH.through(replace(GATEWAY, subscriber_id="no.example")), "V5-key", id="unknown"),
        pytest.param(SEARCH.through(OPERATOR), "V7-gateway", id="a battery side"),
        pytest.param(SEARCH.through(OTHER_PRODUCER), "V7-gateway", id="a producer side"),
        pytest.param(SELECT.through(GATEWAY), "V7-gateway", id="on select"),
        pytest.param(ON_SELECT.through(GATEWAY), "V7-gateway", id="on on_select"),
        pytest.param(SEARCH.through(replace(GATEWAY, key=STRANGER.key)), "V6-signature", id="another key"),
        pytest.param(SEARCH.through(GATEWAY, expires=NOW_S - 1, created=NOW_S - 9), "V4-window", id="expired"),
        pytest.param(SEARCH.through(GATEWAY, created=NOW_S + 6), "V4-window", id="from the future"),
        pytest.param(SEARCH.with_headers(x_gateway_authorization="Signature"), "V2-header", id="garbled"),
        pytest.param(SEARCH.with_headers(x_gateway_authorization=""), "V2-header", id="empty"),
    ],
)
def test_a_gateway_header_that_does_not_hold_is_refused_as_the_gateway_s(post: Delivery, rule: str) -> None:
    error = assert_refused(post, GatewayNotAuthenticated, rule)
    assert (error.http_status, error.diagnosis.path) == (401, "X-Gateway-Authorization")


def test_a_gateway_that_lost_its_subscription_is_refused() -> None:
    post = SEARCH.through(GATEWAY).knowing(PRODUCER.record(), GATEWAY.record(status="UNSUBSCRIBED"))
    assert_refused(post, GatewayNotAuthenticated, "V5-key")


def test_a_gateway_header_does_not_stand_in_for_the_sender_s() -> None:
    assert_refused(SEARCH.through(GATEWAY).with_headers(authorization=None), NotAuthenticated, "V2-header")
