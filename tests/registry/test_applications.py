"""Reading an application, and who may change what: the rules of `registry.applications`, without a server."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.actions import Role
from protocol.errors import NotAuthorised, NotValid
from protocol.keys import signing_public_key
from registry.applications import Application, Standing, decide, proven, read_application, signers
from registry.subscriptions import State, Subscriber, SubscriberKey, is_valid
from tests.messages import own_keys

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)
KEYS = [own_keys("bpp.test") for _ in range(4)]
URL = "http://127.0.0.1:4002/beckn"


def content(**changes: Any) -> dict[str, Any]:
    """The body of ``POST /subscribe``; a change to None takes the member away."""
    whole = {
        "subscriber_id": "bpp.test",
        "url": URL,
        "type": "BPP",
        "domain": "dent:0.1.0",
        "location": {"city": {"code": "std:080"}, "country": {"code": "IND"}},
        "key_id": KEYS[0].key_id,
        "signing_public_key": KEYS[0].signing_public_b64,
        "encr_public_key": KEYS[0].encryption_public_b64,
        "nonce": "any",
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def application(number: int = 0, **changes: Any) -> Application:
    """An application that carries the key of that number."""
    keys = KEYS[number]
    carried = {
        "key_id": keys.key_id,
        "signing_public_key": keys.signing_public_b64,
        "encr_public_key": keys.encryption_public_b64,
    }
    return read_application(content(**(carried | changes)))


def key(number: int = 0, valid_from: datetime = NOW - HOUR, valid_until: datetime | None = NOW + HOUR) -> SubscriberKey:
    """The proven key of that number."""
    keys = KEYS[number]
    return SubscriberKey(
        keys.key_id, keys.signing_public_b64, keys.encryption_public_b64, valid_from, valid_until, proven_at=NOW - HOUR
    )


ENDED: dict[str, Any] = {"valid_from": NOW - 2 * HOUR, "valid_until": NOW - HOUR}


def standing(*keys: SubscriberKey, state: State = State.SUBSCRIBED) -> Standing:
    """The subscriber of `content` with these keys."""
    entry = Subscriber("bpp.test", URL, Role.BPP, "dent:0.1.0", state, NOW - HOUR, NOW - HOUR, "IND", "std:080")
    return Standing(entry, keys)


# -- reading ------------------------------------------------------------------------------------------------


def test_an_application_is_read_with_places_flat_or_nested_and_any_name_of_the_key_id() -> None:
    nested = read_application(content())
    flat = content(location=None, city="std:080", country="IND", key_id=None, unique_key_id=KEYS[0].key_id)
    assert read_application(flat) == nested
    assert (nested.subscriber_id, nested.role, nested.city, nested.country) == ("bpp.test", Role.BPP, "std:080", "IND")
    assert nested.valid_from is nested.valid_until is None


def test_times_are_cut_to_the_milliseconds_that_are_stored_and_a_last_slash_to_none() -> None:
    read = read_application(content(valid_from="2026-11-20T10:00:00.123987+05:30", url=URL + "/"))
    assert read.valid_from == datetime(2026, 11, 20, 4, 30, 0, 123_000, tzinfo=UTC)
    assert read.url == URL


def test_keys_in_der_are_read_as_the_raw_ones() -> None:
    spki = {"signing_public_key": "302a300506032b6570032100", "encr_public_key": "302a300506032b656e032100"}
    in_der = {
        name: base64.b64encode(bytes.fromhex(prefix) + base64.b64decode(content()[name])).decode()
        for name, prefix in spki.items()
    }
    assert read_application(content(**in_der)) == read_application(content())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"subscriber_id": None}, "/subscriber_id"),
        ({"subscriber_id": "a|b"}, "/subscriber_id"),
        ({"subscriber_id": 'a"b'}, "/subscriber_id"),
        ({"subscriber_id": "a b"}, "/subscriber_id"),
        ({"subscriber_id": "bäp"}, "/subscriber_id"),
        ({"url": None}, "/url"),
        ({"url": "ftp://bpp.test"}, "/url"),
        ({"url": "http://user@bpp.test/beckn"}, "/url"),
        ({"url": "http://bpp.test/beckn?x=1"}, "/url"),
        ({"url": "http://bpp.test/beckn#x"}, "/url"),
        ({"url": "http://bpp.test/ beckn"}, "/url"),
        ({"url": "http://bpp.test:99999/"}, "/url"),
        ({"url": "http://[bpp.test/"}, "/url"),
        ({"url": "http:///beckn"}, "/url"),
        ({"url": f"http://bpp.test/{'x' * 2_000}"}, "/url"),
        ({"url": ["http://bpp.test"]}, "/url"),
        ({"type": None}, "/type"),
        ({"type": "BREG"}, "/type"),
        ({"type": "BATTERY"}, "/type"),
        ({"domain": None}, "/domain"),
        ({"key_id": None}, "/key_id"),
        ({"key_id": "key-1"}, "/key_id"),
        ({"signing_public_key": None}, "/signing_public_key"),
        ({"signing_public_key": "no base64!"}, "/signing_public_key"),
        ({"encr_public_key": None}, "/encr_public_key"),
        ({"valid_from": "yesterday"}, "/valid_from"),
        ({"valid_until": 1}, "/valid_until"),
        ({"location": "Bengaluru"}, "/location"),
    ],
)
def test_an_application_that_is_not_whole_is_refused_with_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(NotValid) as refused:
        read_application(content(**changes))
    assert refused.value.diagnosis.path == path
    assert path in refused.value.sentence


@pytest.mark.parametrize(
    ("member", "raw"),
    [
        ("signing_public_key", (1).to_bytes(32, "little")),  # the neutral element
        ("signing_public_key", bytes(32)),  # a point of order 4
        ("signing_public_key", (2**255 - 20).to_bytes(32, "little")),  # a point of order 2
        ("signing_public_key", b"\xff" * 32),  # no canonical point
        ("signing_public_key", b"\x01" * 31),
        ("encr_public_key", bytes(32)),
        ("encr_public_key", (1).to_bytes(32, "little")),
        ("encr_public_key", b"short"),
    ],
)
def test_a_weak_key_is_refused(member: str, raw: bytes) -> None:
    with pytest.raises(NotValid) as refused:
        read_application(content(**{member: base64.b64encode(raw).decode()}))
    assert refused.value.diagnosis.path == f"/{member}"


# -- who may sign -------------------------------------------------------------------------------------------


def key_ids(records: list[Any]) -> list[str]:
    return [record.key_id for record in records]


def test_a_newcomer_signs_with_the_key_that_it_carries() -> None:
    assert key_ids(signers(application(), None, NOW)) == [KEYS[0].key_id]
    assert key_ids(signers(application(1), standing(state=State.UNDER_SUBSCRIPTION), NOW)) == [KEYS[1].key_id]


def test_a_subscriber_signs_with_any_of_its_valid_keys_whatever_it_carries() -> None:
    held = standing(key(0), key(1), key(2, **ENDED))
    assert key_ids(signers(application(3), held, NOW)) == [KEYS[0].key_id, KEYS[1].key_id]


def test_when_all_keys_have_ended_one_of_them_signs_for_the_registered_url_alone() -> None:
    held = standing(key(0, **ENDED), key(1, **ENDED))
    assert key_ids(signers(application(3), held, NOW)) == [KEYS[0].key_id, KEYS[1].key_id]
    with pytest.raises(NotAuthorised) as refused:
        signers(application(0, url="http://127.0.0.1:9/beckn"), held, NOW)
    assert refused.value.diagnosis.path == "/url"


hours = st.integers(-48, 48)
windows = st.tuples(hours, st.integers(1, 96))


@given(carried=st.integers(0, 3), held=st.lists(windows, min_size=1, max_size=3), state=st.sampled_from(State))
def test_once_a_key_was_proven_no_key_but_those_proven_may_sign(
    carried: int, held: list[tuple[int, int]], state: State
) -> None:
    keys = [
        key(number, NOW + begin * HOUR, NOW + (begin + length) * HOUR) for number, (begin, length) in enumerate(held)
    ]
    allowed = {record.signing_public_key for record in signers(application(carried), standing(*keys, state=state), NOW)}
    valid = {signing_public_key(key.signing_public_key) for key in keys if is_valid(key, NOW)}
    assert allowed == (valid or {signing_public_key(key.signing_public_key) for key in keys})


# -- what becomes of it -------------------------------------------------------------------------------------


def test_a_newcomer_is_under_subscription_with_a_key_of_one_year() -> None:
    change = decide(application(), None, NOW, YEAR)
    assert change is not None
    assert (change.subscriber.state, change.subscriber.created_at) == (State.UNDER_SUBSCRIPTION, NOW)
    assert (change.key.valid_from, change.key.valid_until, change.key.proven_at) == (NOW, NOW + YEAR, None)


def test_a_subscriber_that_says_what_stands_already_changes_nothing() -> None:
    assert decide(application(), standing(key()), NOW, YEAR) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1:9/beckn"},
        {"type": "BAP"},
        {"domain": "other:1"},
        {"location": {"city": {"code": "std:044"}, "country": {"code": "IND"}}},
        {"valid_until": "2026-11-20T10:30:00Z"},
    ],
)
def test_until_its_challenge_is_answered_a_change_leaves_the_entry_as_it_was(changes: dict[str, Any]) -> None:
    held = standing(key())
    change = decide(application(**changes), held, NOW, YEAR)
    assert change is not None
    assert change.subscriber == held.subscriber


def test_once_proven_the_entry_is_what_was_asked_for_and_as_old_as_before() -> None:
    held = standing(key())
    wanted = application(url="http://127.0.0.1:9/beckn", type="BAP", location=None)
    entry = proven(held.subscriber, wanted, NOW)
    assert (entry.url, entry.role, entry.city) == ("http://127.0.0.1:9/beckn", Role.BAP, None)
    assert (entry.state, entry.created_at, entry.updated_at) == (State.SUBSCRIBED, NOW - HOUR, NOW)


def test_a_subscriber_whose_keys_have_ended_is_under_subscription_again() -> None:
    change = decide(application(), standing(key(**ENDED)), NOW, YEAR)
    assert change is not None
    assert change.subscriber.state is State.UNDER_SUBSCRIPTION
    assert change.key.valid_until == NOW + YEAR


def test_a_key_id_keeps_its_keys() -> None:
    signing, encryption = KEYS[1].signing_public_b64, KEYS[1].encryption_public_b64
    for other in (application(signing_public_key=signing), application(encr_public_key=encryption)):
        with pytest.raises(NotValid) as refused:
            decide(other, standing(key()), NOW, YEAR)
        assert refused.value.diagnosis.path == "/key_id"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"valid_from": "9999-12-31T23:59:59Z"}, "/valid_from"),
        ({"valid_from": "2027-11-20T10:00:00.001Z"}, "/valid_from"),
        ({"valid_until": "2026-11-20T10:00:00Z"}, "/valid_until"),
        ({"valid_from": "2026-11-21T00:00:00Z", "valid_until": "2026-11-21T00:00:00Z"}, "/valid_until"),
    ],
)
def test_a_window_that_never_opens_or_opens_too_late_is_refused(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(NotValid) as refused:
        decide(application(**changes), None, NOW, YEAR)
    assert refused.value.diagnosis.path == path


offsets = st.none() | st.integers(1, 24 * 300)


@given(begin=offsets, length=offsets, later=st.integers(0, 24), ended=st.booleans())
def test_an_application_that_was_proven_changes_nothing_when_it_comes_again(
    begin: int | None, length: int | None, later: int, ended: bool
) -> None:
    """Every participant sends its application on each start."""
    start = NOW + (begin or 0) * HOUR
    wanted = replace(
        application(),
        valid_from=None if begin is None else start,
        valid_until=None if length is None else start + length * HOUR,
    )
    held = standing(key(**ENDED)) if ended else None
    change = decide(wanted, held, NOW, YEAR)
    assert change is not None
    again = NOW + later * HOUR
    after = Standing(proven(change.subscriber, wanted, NOW), (replace(change.key, proven_at=NOW),))
    if is_valid(after.keys[0], again):
        assert decide(wanted, after, again, YEAR) is None
    assert after.subscriber.state is State.SUBSCRIBED
