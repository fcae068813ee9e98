"""What a platform asks of the registry with ``POST /subscribe``, who may ask it, and what becomes of it.

1. The first time a platform signs with the key that its application carries.
2. As soon as one of its keys was proven, only its own keys count: those valid now. When all of them have ended, it may
   come back with one of them that was not withdrawn, but only at the URL that is registered. When all of them were
   withdrawn, it may come back there with a new one, and the operator has to approve (`registry.admission`).
3. What an application would change becomes live when its challenge was answered at the application's URL; until then
   the entry and its keys stand as they were. An application that changes nothing is answered at once: every
   participant sends one on each start.
4. A key id names one pair of keys for ever, and once withdrawn none at all.

Source: Beckn registry 1.1.1, /subscribe. Times are wire time, cut to the milliseconds that are stored.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from protocol.actions import Role
from protocol.errors import Diagnosis, NotAuthorised, NotValid
from protocol.keys import KeyRecord, KeyUnusable, encryption_public_key, signing_public_key
from protocol.moments import parse_timestamp, timestamp_text
from protocol.policy import SUBSCRIBED
from protocol.urls import same_url
from registry.subscriptions import Admission, State, Subscriber, SubscriberKey, advance, is_valid, lookup_filter

ROLES = (Role.BAP, Role.BPP, Role.BG)
_URL_LENGTH_MAX = 2_000
# An id stands inside quotes and before a bar in a signature header's keyId.
_NOT_IN_AN_ID = frozenset(' |",\\')
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Application:
    """The entry that a platform wants, with one of its keys (raw 32 bytes in base64).

    A time that is None was left to the registry.
    """

    subscriber_id: str
    url: str
    role: Role
    domain: str
    country: str | None
    city: str | None
    key_id: str
    signing_public_key: str
    encryption_public_key: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry holds of a subscriber: its entry and its proven keys, whatever their windows."""

    subscriber: Subscriber
    keys: tuple[SubscriberKey, ...]

    def key(self, key_id: str) -> SubscriberKey | None:
        """The proven key of that id."""
        return next((key for key in self.keys if key.key_id == key_id), None)


@dataclass(frozen=True, slots=True)
class Change:
    """An application that was let in: the entry as it stands while the challenge is out, and the key to be proven."""

    subscriber: Subscriber
    key: SubscriberKey


# -- reading ------------------------------------------------------------------------------------------------


def read_application(content: Mapping[str, object]) -> Application:
    """The application in a request's JSON object. Members that we do not use, such as ``nonce``, are passed over.

    Raises:
        NotValid: a member is absent or not of its form, or a key is weak.
    """
    named = lookup_filter(content)
    if named.role not in ROLES:
        raise _wrong("/type", "BAP, BPP or BG", str(named.role))
    return Application(
        subscriber_id=_subscriber_id(named.subscriber_id),
        url=_url(content.get("url")),
        role=named.role,
        domain=_given(named.domain, "/domain"),
        country=named.country,
        city=named.city,
        key_id=_uuid(named.key_id),
        signing_public_key=_signing_key(content.get("signing_public_key")),
        encryption_public_key=_encryption_key(content.get("encr_public_key")),
        valid_from=_time(content, "valid_from"),
        valid_until=_time(content, "valid_until"),
    )


def _given(value: str | None, path: str) -> str:
    if value is None:
        raise _wrong(path, "a text", "nothing")
    return value


def _subscriber_id(value: str | None) -> str:
    text = _given(value, "/subscriber_id")
    if not text.isascii() or not text.isprintable() or _NOT_IN_AN_ID & set(text):
        raise _wrong("/subscriber_id", 'printable ASCII without spaces, |, ", comma and backslash', repr(text))
    return text


def _uuid(value: str | None) -> str:
    text = _given(value, "/key_id")
    if _UUID.fullmatch(text) is None:
        raise _wrong("/key_id", "a UUID", repr(text))
    return text


def _url(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _URL_LENGTH_MAX or not value.isprintable() or " " in value:
        raise _wrong("/url", "an http or https URL", repr(value)[:100])
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or "@" in value or "?" in value or "#" in value:
        raise _wrong("/url", "an http or https URL without user, query and fragment", repr(value)[:100])
    return value.rstrip("/")


def _signing_key(value: object) -> str:
    try:
        return base64.b64encode(signing_public_key(_text(value, "/signing_public_key"))).decode()
    except KeyUnusable as error:
        raise _wrong("/signing_public_key", "a usable Ed25519 public key in base64", str(error)) from None


def _encryption_key(value: object) -> str:
    try:
        key = encryption_public_key(_text(value, "/encr_public_key"))
    except KeyUnusable as error:
        raise _wrong("/encr_public_key", "a usable X25519 public key in base64", str(error)) from None
    return base64.b64encode(key.public_bytes_raw()).decode()


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, "a text", type(value).__name__)
    return value


def _time(content: Mapping[str, object], member: str) -> datetime | None:
    value = content.get(member)
    if value is None:
        return None
    try:
        return _to_milliseconds(parse_timestamp(_text(value, f"/{member}")))
    except ValueError:
        raise _wrong(f"/{member}", "an RFC 3339 time", repr(value)[:40]) from None


def _to_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


# -- deciding -----------------------------------------------------------------------------------------------


def signers(application: Application, standing: Standing | None, now: datetime) -> list[KeyRecord]:
    """The keys of which one must have signed the application (rules 1 and 2).

    Raises:
        NotAuthorised: all keys of the subscriber have ended and the URL is not the registered one.
    """
    if standing is None or not standing.keys:
        return [carried_key(application)]
    entry = standing.subscriber
    valid = [key for key in standing.keys if is_valid(key, now)]
    if valid:
        return [key_record(entry, key) for key in valid]
    if not same_url(application.url, entry.url):
        raise NotAuthorised(
            f"/url must be {entry.url}: every key of this subscriber has ended, so it has to come back where it was.",
            Diagnosis("registry-url", "/url", entry.url, application.url),
        )
    # Their windows are over, or not yet begun; what counts here is who holds them.
    kept = [key for key in standing.keys if key.withdrawn_at is None]
    if not kept:
        return [carried_key(application)]
    return [replace(key_record(entry, key), valid_from=None, valid_until=None) for key in kept]


def key_record(entry: Subscriber, key: SubscriberKey) -> KeyRecord:
    """A proven key in the form that signatures are checked with."""
    return KeyRecord(
        subscriber_id=entry.subscriber_id,
        key_id=key.key_id,
        signing_public_key=signing_public_key(key.signing_public_key),
        role=entry.role,
        url=entry.url,
        status=SUBSCRIBED,
        valid_from=key.valid_from,
        valid_until=key.valid_until,
    )


def carried_key(application: Application) -> KeyRecord:
    """The key that an application carries, in the same form; it proves no more than who sent the application."""
    return KeyRecord(
        subscriber_id=application.subscriber_id,
        key_id=application.key_id,
        signing_public_key=signing_public_key(application.signing_public_key),
        role=application.role,
        url=application.url,
        status=SUBSCRIBED,
    )


def decide(
    application: Application,
    standing: Standing | None,
    now: datetime,
    validity: timedelta,
    newcomers: Admission = Admission.ADMITTED,
) -> Change | None:
    """What an application whose signature holds would change (rules 3 and 4); None for nothing.

    ``validity`` is how long a key counts whose subscriber does not say, ``newcomers`` where one begins.

    Raises:
        NotValid: the key's window has no future, or its id belongs to other keys.
    """
    known = standing.key(application.key_id) if standing is not None else None
    if known is not None and known.withdrawn_at is not None:
        raise _wrong("/key_id", "a fresh id for a new key", f"{known.key_id}, which was withdrawn")
    key = _proposed_key(application, known, now, validity)
    if standing is None or not standing.keys:
        first = _entry(application, State.INITIATED, newcomers, created_at=now, now=now)
        return Change(replace(first, state=advance(first.state, State.UNDER_SUBSCRIPTION)), key)
    entry = standing.subscriber
    if known is not None and (known.signing_public_key, known.encryption_public_key) != (
        key.signing_public_key,
        key.encryption_public_key,
    ):
        raise _wrong("/key_id", "a fresh id for a new key", f"{key.key_id}, which belongs to another key")
    if same_entry(application, entry) and known is not None and replace(known, proven_at=None) == key:
        return None
    if all(held.withdrawn_at is not None for held in standing.keys):
        entry = replace(entry, admission=Admission.AWAITING)
    return Change(replace(entry, state=_while_challenged(standing, now)), key)


def same_entry(application: Application, entry: Subscriber) -> bool:
    """Whether the application says of the subscriber what stands already."""
    wanted = _entry(application, entry.state, entry.admission, created_at=entry.created_at, now=entry.updated_at)
    return wanted == entry


def proven(entry: Subscriber, application: Application, now: datetime) -> Subscriber:
    """The entry once the application's challenge was answered.

    Raises:
        NotValid: the subscriber has left meanwhile.
    """
    state = entry.state
    if state is State.INVALID_SSL:
        state = advance(state, State.UNDER_SUBSCRIPTION)
    if state is not State.SUBSCRIBED:
        state = advance(state, State.SUBSCRIBED)
    return _entry(application, state, entry.admission, created_at=entry.created_at, now=now)


def _while_challenged(standing: Standing, now: datetime) -> State:
    state = standing.subscriber.state
    if state is State.SUBSCRIBED and any(key.valid_until is None or key.valid_until > now for key in standing.keys):
        return state
    if state is State.SUBSCRIBED:
        state = advance(state, State.EXPIRED)
    if state is State.UNSUBSCRIBED:
        state = advance(state, State.INITIATED)
    return advance(state, State.UNDER_SUBSCRIPTION)


def _entry(
    application: Application, state: State, admission: Admission, *, created_at: datetime, now: datetime
) -> Subscriber:
    return Subscriber(
        subscriber_id=application.subscriber_id,
        url=application.url,
        role=application.role,
        domain=application.domain,
        state=state,
        created_at=created_at,
        updated_at=now,
        country=application.country,
        city=application.city,
        admission=admission,
    )


def _proposed_key(
    application: Application, known: SubscriberKey | None, now: datetime, validity: timedelta
) -> SubscriberKey:
    if known is not None and not is_valid(known, now):
        known = None  # Its window is over: what the application leaves open begins anew.
    valid_from = application.valid_from or (known.valid_from if known else _to_milliseconds(now))
    if valid_from > now + validity:
        raise _wrong("/valid_from", f"at most {validity.days} days ahead", timestamp_text(valid_from))
    valid_until = application.valid_until or (known.valid_until if known else valid_from + validity)
    if valid_until is not None and valid_until <= max(valid_from, now):
        raise _wrong("/valid_until", "later than valid_from and than now", timestamp_text(valid_until))
    return SubscriberKey(
        key_id=application.key_id,
        signing_public_key=application.signing_public_key,
        encryption_public_key=application.encryption_public_key,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _wrong(path: str, expected: str, got: str) -> NotValid:
    return NotValid(
        f"{path} must be {expected}, but it is {got[:100]}.", Diagnosis("registry-subscribe", path, expected, got)
    )
