"""Checks 8 to 10: whether the proven sender may say this to us, from these URLs, at this path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import (
    NotAuthorised,
    WrongAction,
)
from protocol.policy import Policy
from protocol.urls import same_url
from tests.protocol.network import (
    GATEWAY,
    OPERATOR,
    OTHER_OPERATOR,
    OTHER_PRODUCER,
    PRODUCER,
    Delivery,
    as_bytes,
    assert_refused,
    content,
    delivery,
    delivery_of,
)

SEARCH = delivery("search")


# -- check 8: who says what to whom --------------------------------------------------------------------------


def test_a_signer_who_is_not_the_context_s_bap_is_not_authorised() -> None:
    error = assert_refused(delivery("select", signer=OTHER_PRODUCER), NotAuthorised, "V8-signer")
    assert (error.http_status, error.diagnosis.path) == (403, "/context/bap_id")


def test_a_signer_who_is_not_the_context_s_bpp_is_not_authorised() -> None:
    error = assert_refused(delivery("on_select", signer=OTHER_OPERATOR), NotAuthorised, "V8-signer")
    assert error.diagnosis.path == "/context/bpp_id"


def test_a_callback_that_names_no_bpp_is_not_authorised() -> None:
    assert_refused(delivery("on_select", bpp_id=None, bpp_uri=None), NotAuthorised, "V8-signer")


@pytest.mark.parametrize("signer", [OPERATOR, GATEWAY], ids=["BPP", "BG"])
def test_a_select_from_anyone_but_a_bap_is_not_authorised(signer: Any) -> None:
    post = delivery("select", signer=signer, bap_id=signer.subscriber_id, bap_uri=signer.url)
    assert assert_refused(post, NotAuthorised, "V8-role").diagnosis.got == signer.role


def test_a_callback_from_a_bap_is_not_authorised() -> None:
    post = delivery("on_select", signer=OTHER_PRODUCER, bpp_id=OTHER_PRODUCER.subscriber_id, bpp_uri=OTHER_PRODUCER.url)
    assert_refused(post, NotAuthorised, "V8-role")


@pytest.mark.parametrize(("action", "own"), [("select", OTHER_OPERATOR), ("on_select", OTHER_PRODUCER)])
def test_a_message_for_another_participant_is_not_authorised(action: str, own: Any) -> None:
    error = assert_refused(delivery(action, own=own), NotAuthorised, "V8-receiver")
    assert error.diagnosis.expected == own.subscriber_id


def test_a_broadcast_search_that_names_no_bpp_is_admitted() -> None:
    assert SEARCH.admit().context.bpp_id is None


def test_a_search_that_names_us_is_admitted_and_one_that_names_another_bpp_is_not_authorised() -> None:
    named: dict[str, Any] = {"bpp_id": OPERATOR.subscriber_id, "bpp_uri": OPERATOR.url}
    assert delivery("search", **named).admit().context.bpp_id == OPERATOR.subscriber_id
    assert_refused(delivery("search", own=OTHER_OPERATOR, **named), NotAuthorised, "V8-receiver")


@pytest.mark.parametrize("action", ["select", "status"])
def test_a_request_that_is_no_search_and_names_no_bpp_is_not_authorised(action: str) -> None:
    error = assert_refused(delivery(action, bpp_id=None, bpp_uri=None), NotAuthorised, "V8-receiver")
    assert error.diagnosis.path == "/context/bpp_id"


@pytest.mark.parametrize("action", ["search", "on_search"])
def test_a_gateway_admits_a_search_and_an_on_search_between_others(action: str) -> None:
    verified = delivery(action, own=GATEWAY).admit()
    assert verified.sender_id == (PRODUCER if action == "search" else OPERATOR).subscriber_id


@pytest.mark.parametrize(("action", "signer"), [("search", OTHER_PRODUCER), ("on_search", OTHER_OPERATOR)])
def test_a_gateway_does_not_admit_what_another_than_the_named_sender_signed(action: str, signer: Any) -> None:
    assert_refused(delivery(action, signer=signer, own=GATEWAY), NotAuthorised, "V8-signer")


# -- check 9: URLs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("post", "path"),
    [
        pytest.param(
            delivery("select", bap_uri="https://evil.example/beckn"), "/context/bap_uri", id="the sender's, BAP"
        ),
        pytest.param(delivery("select", bpp_uri="https://evil.example/beckn"), "/context/bpp_uri", id="ours, BPP"),
        pytest.param(delivery("select", bpp_uri=None), "/context/bpp_uri", id="ours, missing"),
        pytest.param(
            delivery("on_select", bpp_uri="https://evil.example/beckn"), "/context/bpp_uri", id="the sender's, BPP"
        ),
        pytest.param(delivery("on_select", bap_uri="https://evil.example/beckn"), "/context/bap_uri", id="ours, BAP"),
        pytest.param(delivery("search", bap_uri="https://evil.example/beckn"), "/context/bap_uri", id="a broadcast's"),
        pytest.param(
            delivery("search", own=GATEWAY, bap_uri="https://evil.example/beckn"),
            "/context/bap_uri",
            id="a relayed search's",
        ),
        pytest.param(
            delivery("on_search", own=GATEWAY, bpp_uri="https://evil.example/"),
            "/context/bpp_uri",
            id="a relayed answer's",
        ),
    ],
)
def test_a_url_that_is_not_the_registered_one_is_not_authorised(post: Delivery, path: str) -> None:
    assert assert_refused(post, NotAuthorised, "V9-url").diagnosis.path == path


REGISTERED = "https://producer.example/beckn"


@pytest.mark.parametrize(
    "url",
    [
        f"{REGISTERED}/",
        "HTTPS://Producer.EXAMPLE/beckn",
        "https://producer.example:443/beckn",
        "https://Producer.example:443/beckn/",
    ],
)
def test_a_last_slash_the_host_s_case_and_the_default_port_make_no_other_url(url: str) -> None:
    assert same_url(url, REGISTERED)
    assert delivery("select", bap_uri=url).admit()


@pytest.mark.parametrize(
    "url",
    [
        "http://producer.example/beckn",
        "https://producer.example:8443/beckn",
        "https://producer.example",
        "https://producer.example/Beckn",
        "https://producer.example/beckn/v2",
        "https://producer.example/beckn//",
        "https://producer.example//beckn",
        "https://producer.example.evil.example/beckn",
        "https://user@producer.example/beckn",
        "https://None@producer.example/beckn",
        "https://:secret@producer.example/beckn",
        "https://@producer.example/beckn",
        f"{REGISTERED}?to=evil.example",
        f"{REGISTERED}?",
        f"{REGISTERED}#part",
        f"{REGISTERED}#",
        f" {REGISTERED}",
        "https://producer.example/bec\nkn",
        "https://producer.example:99999999/beckn",
        "https://[producer.example/beckn",
        "producer.example/beckn",
        "https://",
    ],
)
def test_another_scheme_port_path_userinfo_query_or_fragment_makes_another_url(url: str) -> None:
    assert not same_url(url, REGISTERED)
    assert not same_url(REGISTERED, url)
    assert_refused(delivery("select", bap_uri=url), NotAuthorised, "V9-url")


@pytest.mark.parametrize(
    ("one", "other"), [("http://127.0.0.1:80/b", "http://127.0.0.1/b/"), ("http://[::1]:4002/", "http://[::1]:4002")]
)
def test_addresses_are_compared_like_names(one: str, other: str) -> None:
    assert same_url(one, other)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_are_compared_the_same_both_ways_round(one: str, other: str) -> None:
    assert same_url(one, one)
    assert same_url(one, other) == same_url(other, one)
    assert same_url(f"https://{one}/b", f"https://{other}/b") == same_url(f"https://{other}/b", f"https://{one}/b")


# -- check 10: action, version, domain -----------------------------------------------------------------------


def test_a_message_posted_to_another_action_s_path_is_a_wrong_action() -> None:
    body = as_bytes(content("select"))
    error = assert_refused(delivery_of("init", body), WrongAction, "V10-action")
    assert (error.diagnosis.path, error.diagnosis.got) == ("/context/action", "select")


@pytest.mark.parametrize("version", ["1.1.1", "1.1.0", "1.1", "1.1.99"])
def test_every_version_1_1_is_admitted(version: str) -> None:
    assert delivery("select", version=version).admit().context.version == version


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0", "1.10.0", "1.2.0", "1", "11.1.1", "v1.1.1"])
def test_another_version_is_a_wrong_action(version: str) -> None:
    error = assert_refused(delivery("select", version=version), WrongAction, "V10-action")
    assert (error.diagnosis.path, error.diagnosis.expected) == ("/context/version", "1.1.x")


def test_another_domain_is_a_wrong_action_and_a_configured_alias_is_admitted() -> None:
    post = delivery("select", domain="uei:0.1.0")
    error = assert_refused(post, WrongAction, "V10-action")
    assert (error.diagnosis.path, error.diagnosis.expected) == ("/context/domain", "dent:0.1.0")
    assert replace(post, policy=Policy(domains=("dent:0.1.0", "uei:0.1.0"))).admit()
