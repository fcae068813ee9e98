"""Who is on the network: the states of a subscriber, the validity of its keys, and what a lookup asks and answers.

Source: Beckn registry 1.1.1 and INTEROP 5. A subscriber has one state, moved only along `TRANSITIONS`::

    INITIATED ──challenged──> UNDER_SUBSCRIPTION ──answered──> SUBSCRIBED ──last key ended──> EXPIRED
    EXPIRED, INVALID_SSL ──challenged again──> UNDER_SUBSCRIPTION
    UNDER_SUBSCRIPTION ──bad certificate──> INVALID_SSL
    any ──leaves──> UNSUBSCRIBED ──subscribes again──> INITIATED

It has any number of keys. A key counts from the moment its challenge was answered and within its own window, so a
SUBSCRIBED subscriber adds a key without leaving its state. Lookups answer with the valid keys of those who are
SUBSCRIBED, and ADMITTED by the operator, and with no others, because many peers look neither at the window nor
at the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from protocol.actions import Role
from protocol.errors import Diagnosis, NotValid
from protocol.keys import KEY_ID_NAMES
from protocol.moments import timestamp_text

_TEXT_LENGTH_MAX = 255


class State(StrEnum):
    """Beckn registry 1.1.1, Subscription.status."""

    INITIATED = "INITIATED"
    UNDER_SUBSCRIPTION = "UNDER_SUBSCRIPTION"
    SUBSCRIBED = "SUBSCRIBED"
    EXPIRED = "EXPIRED"
    UNSUBSCRIBED = "UNSUBSCRIBED"
    INVALID_SSL = "INVALID_SSL"


class Admission(StrEnum):
    """Whether the registry's operator lets a subscriber take part (`registry.admission`)."""

    ADMITTED = "ADMITTED"
    AWAITING = "AWAITING"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.INITIATED: frozenset({State.UNDER_SUBSCRIPTION, State.UNSUBSCRIBED}),
        # A subscriber that asks again before it has answered gets a new challenge and stays where it is.
        State.UNDER_SUBSCRIPTION: frozenset(
            {State.UNDER_SUBSCRIPTION, State.SUBSCRIBED, State.INVALID_SSL, State.UNSUBSCRIBED}
        ),
        State.SUBSCRIBED: frozenset({State.EXPIRED, State.UNSUBSCRIBED}),
        State.EXPIRED: frozenset({State.UNDER_SUBSCRIPTION, State.UNSUBSCRIBED}),
        State.INVALID_SSL: frozenset({State.UNDER_SUBSCRIPTION, State.UNSUBSCRIBED}),
        State.UNSUBSCRIBED: frozenset({State.INITIATED}),
    }
)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One platform in one role and domain. ``url`` is where its Beckn endpoints are; times are wire time.

    Without ``country`` or ``city`` it serves all of them.
    """

    subscriber_id: str
    url: str
    role: Role
    domain: str
    state: State
    created_at: datetime
    updated_at: datetime
    country: str | None = None
    city: str | None = None
    admission: Admission = Admission.ADMITTED


@dataclass(frozen=True, slots=True)
class SubscriberKey:
    """One key pair of a subscriber, its public halves in base64; ``valid_until`` None: until it is withdrawn.

    ``proven_at`` is when its challenge was answered, None while that is outstanding; ``withdrawn_at`` when it was ended
    for ever (`registry.admission`).
    """

    key_id: str
    signing_public_key: str
    encryption_public_key: str
    valid_from: datetime
    valid_until: datetime | None = None
    proven_at: datetime | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LookupQuery:
    """What a lookup asks for; None matches everything."""

    subscriber_id: str | None = None
    key_id: str | None = None
    role: Role | None = None
    domain: str | None = None
    country: str | None = None
    city: str | None = None


def advance(current: State, wanted: State) -> State:
    """``wanted``, if a subscriber may come to it from ``current``.

    Raises:
        NotValid: the step is not in the table.
    """
    possible = TRANSITIONS[current]
    if wanted in possible:
        return wanted
    expected = ", ".join(state for state in State if state in possible)
    raise NotValid(
        f"A subscriber that is {current} can not become {wanted}; possible now: {expected}.",
        Diagnosis(rule="registry-transition", path="/status", expected=expected, got=wanted),
    )


def is_valid(key: SubscriberKey, now: datetime) -> bool:
    """Whether signatures of this key count: proven, begun, and not ended. ``now`` is wire time."""
    ended = key.valid_until is not None and key.valid_until <= now
    return key.proven_at is not None and key.valid_from <= now and not ended


def is_listed(subscriber: Subscriber) -> bool:
    """Whether others are told of it at all."""
    return subscriber.state is State.SUBSCRIBED and subscriber.admission is Admission.ADMITTED


def lookup_filter(body: Mapping[str, object]) -> LookupQuery:
    """The lookup that a request's body asks for, under any of the names in use (INTEROP 5).

    Place codes may stand flat or in ``location``; null and unknown members are passed over.

    Raises:
        NotValid: a member is no short text, the type is no role, or two names of one thing disagree.
    """
    return LookupQuery(
        subscriber_id=_text(body, "subscriber_id"),
        key_id=_agreed("key_id", [_text(body, name) for name in KEY_ID_NAMES]),
        role=_role(_text(body, "type")),
        domain=_text(body, "domain"),
        country=_place_code(body, "country"),
        city=_place_code(body, "city"),
    )


def lookup_answer(entries: Iterable[tuple[Subscriber, SubscriberKey]], now: datetime) -> list[dict[str, object]]:
    """What may be trusted now: by role (BAP, BPP, BG), then subscriber, the newest of its keys first.

    The order matters: some peers read the first item and no other.
    """
    trusted = [entry for entry in entries if is_listed(entry[0]) and is_valid(entry[1], now)]
    newest_first = sorted(trusted, key=lambda entry: (entry[1].valid_from, entry[1].key_id), reverse=True)
    roles = list(Role)
    newest_first.sort(key=lambda entry: (roles.index(entry[0].role), entry[0].subscriber_id, entry[0].domain))
    return [superset_item(subscriber, key) for subscriber, key in newest_first]


def superset_item(subscriber: Subscriber, key: SubscriberKey) -> dict[str, object]:
    """One key of one subscriber under every name that some peer reads (INTEROP 5). What is unknown is left out.

    An empty time would break the decoding of a peer, so there is none.
    """
    members: dict[str, object | None] = {
        "subscriber_id": subscriber.subscriber_id,
        "url": subscriber.url,
        "subscriber_url": subscriber.url,
        "type": subscriber.role.value,
        "domain": subscriber.domain,
        "country": subscriber.country,
        "city": subscriber.city,
        "location": _location(subscriber),
        **dict.fromkeys(KEY_ID_NAMES, key.key_id),
        "signing_public_key": key.signing_public_key,
        "encr_public_key": key.encryption_public_key,
        "valid_from": timestamp_text(key.valid_from),
        "valid_until": None if key.valid_until is None else timestamp_text(key.valid_until),
        "status": subscriber.state.value,
        "created": timestamp_text(subscriber.created_at),
        "updated": timestamp_text(subscriber.updated_at),
    }
    return {name: value for name, value in members.items() if value is not None}


def _location(subscriber: Subscriber) -> dict[str, object] | None:
    codes = {"country": subscriber.country, "city": subscriber.city}
    return {name: {"code": code} for name, code in codes.items() if code is not None} or None


def _text(owner: Mapping[str, object], member: str, path: str = "") -> str | None:
    value = owner.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LENGTH_MAX:
        raise _wrong(f"{path}/{member}", f"a text of 1 to {_TEXT_LENGTH_MAX} characters", repr(value)[:100])
    return value


def _role(text: str | None) -> Role | None:
    if text is None:
        return None
    try:
        return Role(text)
    except ValueError:
        raise _wrong("/type", "BAP, BPP or BG", text) from None


def _place_code(body: Mapping[str, object], member: str) -> str | None:
    """A city's or country's code: flat, or as ``location.<member>.code``."""
    path = f"/location/{member}"
    nested = _object(_object(body, "location", "/location"), member, path)
    return _agreed(member, [_text(body, member), _text(nested, "code", path)])


def _object(owner: Mapping[str, object], member: str, path: str) -> Mapping[str, object]:
    value = owner.get(member)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(path, "an object", repr(value)[:100])
    return value


def _agreed(member: str, values: Iterable[str | None]) -> str | None:
    named = list(dict.fromkeys(value for value in values if value is not None))
    if len(named) > 1:
        raise _wrong(f"/{member}", "one value under all its names", " and ".join(named)[:100])
    return named[0] if named else None


def _wrong(path: str, expected: str, got: str) -> NotValid:
    return NotValid(
        f"{path} must be {expected}, but it is {got}.",
        Diagnosis(rule="registry-lookup", path=path, expected=expected, got=got),
    )
