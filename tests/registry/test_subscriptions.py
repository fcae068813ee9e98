from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.actions import Role
from protocol.errors import NotValid
from protocol.moments import parse_timestamp
from registry.subscriptions import (
    TRANSITIONS,
    LookupQuery,
    State,
    Subscriber,
    SubscriberKey,
    advance,
    is_valid,
    lookup_answer,
    lookup_filter,
    superset_item,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAY = timedelta(days=1)

BPP = Subscriber(
    subscriber_id="bpp.example",
    url="https://bpp.example/beckn",
    role=Role.BPP,
    domain="dent:0.1.0",
    state=State.SUBSCRIBED,
    created_at=NOW - 10 * DAY,
    updated_at=NOW - DAY,
    country="IND",
    city="std:080",
)
KEY = SubscriberKey(
    key_id="key-1",
    signing_public_key="c2lnbmluZw==",
    encryption_public_key="ZW5jcnlwdGlvbg==",
    valid_from=NOW - DAY,
    valid_until=NOW + DAY,
    proven_at=NOW - DAY,
)


def test_a_new_subscriber_reaches_subscribed_through_its_challenge_and_no_other_way() -> None:
    assert advance(advance(State.INITIATED, State.UNDER_SUBSCRIPTION), State.SUBSCRIBED) is State.SUBSCRIBED
    assert [state for state in State if State.SUBSCRIBED in TRANSITIONS[state]] == [State.UNDER_SUBSCRIPTION]


def test_a_subscriber_that_left_has_to_begin_again() -> None:
    with pytest.raises(NotValid, match="UNSUBSCRIBED can not become SUBSCRIBED; possible now: INITIATED") as refused:
        advance(State.UNSUBSCRIBED, State.SUBSCRIBED)
    assert refused.value.diagnosis.rule == "registry-transition"
    assert advance(State.UNSUBSCRIBED, State.INITIATED) is State.INITIATED


def test_every_subscriber_can_leave() -> None:
    assert all(State.UNSUBSCRIBED in TRANSITIONS[state] for state in State if state is not State.UNSUBSCRIBED)


@given(current=st.sampled_from(State), wanted=st.sampled_from(State))
def test_a_step_is_taken_if_it_is_in_the_table_and_refused_if_not(current: State, wanted: State) -> None:
    if wanted in TRANSITIONS[current]:
        assert advance(current, wanted) is wanted
    else:
        with pytest.raises(NotValid):
            advance(current, wanted)


def test_a_key_is_valid_from_the_first_instant_of_its_window_to_just_before_the_last() -> None:
    assert KEY.valid_until is not None
    assert is_valid(KEY, KEY.valid_from)
    assert not is_valid(KEY, KEY.valid_from - timedelta(microseconds=1))
    assert is_valid(KEY, KEY.valid_until - timedelta(microseconds=1))
    assert not is_valid(KEY, KEY.valid_until)


def test_a_key_whose_challenge_is_unanswered_is_not_valid() -> None:
    assert not is_valid(replace(KEY, proven_at=None), NOW)


def test_a_key_without_an_end_stays_valid() -> None:
    assert is_valid(replace(KEY, valid_until=None), NOW + 10_000 * DAY)


@pytest.mark.parametrize("name", ["key_id", "ukId", "ukid", "unique_key_id", "pub_key_id"])
def test_a_key_id_is_found_under_each_of_its_names(name: str) -> None:
    assert lookup_filter({"subscriber_id": "bpp.example", name: "key-1"}) == LookupQuery(
        subscriber_id="bpp.example", key_id="key-1"
    )


def test_a_gateway_asks_by_role_domain_and_place() -> None:
    query = LookupQuery(role=Role.BPP, domain="dent:0.1.0", country="IND", city="std:080")
    flat = {"type": "BPP", "domain": "dent:0.1.0", "country": "IND", "city": "std:080"}
    nested = {"type": "BPP", "domain": "dent:0.1.0"}
    assert lookup_filter(flat) == query
    assert lookup_filter({**nested, "location": {"country": {"code": "IND"}, "city": {"code": "std:080"}}}) == query


def test_a_text_of_255_characters_can_be_asked_for() -> None:
    assert lookup_filter({"domain": "x" * 255}).domain == "x" * 255


def test_a_lookup_with_nothing_in_it_and_unknown_members_matches_everything() -> None:
    assert lookup_filter({"nonce": "x", "domain": None, "location": {"gps": "1,2"}}) == LookupQuery()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"subscriber_id": 7}, "/subscriber_id"),
        ({"subscriber_id": ""}, "/subscriber_id"),
        ({"domain": "x" * 256}, "/domain"),
        ({"type": "REGISTRY"}, "/type"),
        ({"key_id": "one", "ukId": "other"}, "/key_id"),
        ({"location": "Bengaluru"}, "/location"),
        ({"location": {"city": "std:080"}}, "/location/city"),
        ({"location": {"city": {"code": ["std:080"]}}}, "/location/city/code"),
        ({"city": "std:080", "location": {"city": {"code": "std:044"}}}, "/city"),
    ],
)
def test_a_lookup_that_can_not_be_read_is_refused_with_its_path(body: dict[str, object], path: str) -> None:
    with pytest.raises(NotValid) as refused:
        lookup_filter(body)
    assert refused.value.diagnosis.path == path
    assert path in refused.value.sentence


short_texts = st.text("abc:08", max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | short_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["city", "code"]), inner),
    max_leaves=8,
)
members = ("subscriber_id", "key_id", "ukId", "type", "domain", "country", "city", "location")


@given(st.dictionaries(st.sampled_from(members), json_values))
def test_any_json_object_is_either_a_lookup_or_refused(body: dict[str, object]) -> None:
    try:
        outcome: LookupQuery | str = lookup_filter(body)
    except NotValid as refused:
        outcome = refused.diagnosis.path
    if isinstance(outcome, str):
        assert outcome.split("/")[1] in members
    else:
        assert outcome.subscriber_id == body.get("subscriber_id")


def test_an_item_carries_every_name_that_some_peer_reads() -> None:
    assert superset_item(BPP, KEY) == {
        "subscriber_id": "bpp.example",
        "url": "https://bpp.example/beckn",
        "subscriber_url": "https://bpp.example/beckn",
        "type": "BPP",
        "domain": "dent:0.1.0",
        "country": "IND",
        "city": "std:080",
        "location": {"country": {"code": "IND"}, "city": {"code": "std:080"}},
        "key_id": "key-1",
        "ukId": "key-1",
        "ukid": "key-1",
        "unique_key_id": "key-1",
        "pub_key_id": "key-1",
        "signing_public_key": "c2lnbmluZw==",
        "encr_public_key": "ZW5jcnlwdGlvbg==",
        "valid_from": "2026-11-19T10:00:00.000Z",
        "valid_until": "2026-11-21T10:00:00.000Z",
        "status": "SUBSCRIBED",
        "created": "2026-11-10T10:00:00.000Z",
        "updated": "2026-11-19T10:00:00.000Z",
    }


def test_an_item_leaves_out_what_is_unknown() -> None:
    item = superset_item(replace(BPP, country=None, city=None), replace(KEY, valid_until=None))
    assert not {"country", "city", "location", "valid_until"} & set(item)
    assert "null" not in json.dumps(item)
    assert parse_timestamp(str(item["valid_from"])) == KEY.valid_from


def test_an_answer_holds_valid_keys_alone_and_the_newest_of_a_subscriber_first() -> None:
    entries = [
        (BPP, replace(KEY, key_id="older", valid_from=NOW - 2 * DAY)),
        (BPP, replace(KEY, key_id="unproven", proven_at=None)),
        (BPP, replace(KEY, key_id="newer")),
        (BPP, replace(KEY, key_id="ended", valid_until=NOW)),
        (BPP, replace(KEY, key_id="to come", valid_from=NOW + DAY, valid_until=NOW + 2 * DAY)),
    ]
    assert [item["key_id"] for item in lookup_answer(entries, NOW)] == ["newer", "older"]


@pytest.mark.parametrize("state", [state for state in State if state is not State.SUBSCRIBED])
def test_an_answer_leaves_out_whoever_is_not_subscribed_whatever_its_keys(state: State) -> None:
    assert lookup_answer([(replace(BPP, state=state), KEY)], NOW) == []


def test_an_answer_is_in_the_order_bap_bpp_bg() -> None:
    others = [replace(BPP, subscriber_id=role.lower(), role=role) for role in (Role.BG, Role.BAP, Role.BPP)]
    assert [item["type"] for item in lookup_answer([(other, KEY) for other in others], NOW)] == ["BAP", "BPP", "BG"]
