"""The envelope's codec: every field of Beckn core 1.1.1, Context, and the body around it.

Only this file and ``energy/wire`` know the shape of a 1.1 message. Bodies are compact UTF-8 JSON whose bytes equal
JavaScript's ``JSON.stringify(JSON.parse(body))`` (INTEROP 1): peers re-serialise before they verify.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import orjson

from protocol.actions import ACTIONS
from protocol.errors import Diagnosis, NotValid
from protocol.moments import duration_text, has_zone, parse_duration, parse_timestamp, timestamp_text

VERSION = "1.1.1"
_ID_LENGTH_MAX = 255
_OLD_VERSION = "core_version"


@dataclass(frozen=True, slots=True)
class Deviation:
    """A known way to leave the strict form of a context (ENERGY 1.2), which `read_context` reads all the same."""

    name: str
    member: str
    peers_write: str
    we_read: str


CITY = Deviation(
    "D1-city", "location", "`city` or `country` in `context`", "the code in `context.location`, where none is"
)
EQUAL_IDS = Deviation("D2-equal-ids", "message_id", "`message_id` equal to `transaction_id`", "both as they stand")
NO_ZONE = Deviation("D15-timestamp-without-zone", "timestamp", "`context.timestamp` without a zone", "`reading.zone`")
OLD_VERSION = Deviation("S15-core-version", "version", "`context.core_version`", "`context.version`")
DEVIATIONS = (CITY, EQUAL_IDS, NO_ZONE, OLD_VERSION)


@dataclass(frozen=True, slots=True)
class Context:
    """Who says what to whom, in which trade. ``ttl`` None: the action's default holds."""

    domain: str
    action: str
    bap_id: str
    bap_uri: str
    transaction_id: str
    message_id: str
    timestamp: datetime
    version: str = VERSION
    bpp_id: str | None = None
    bpp_uri: str | None = None
    ttl: timedelta | None = None
    city_code: str | None = None
    country_code: str | None = None
    key: str | None = None

    @property
    def holds_until(self) -> datetime:
        """``timestamp`` + ``ttl`` (or the action's default), wire time; at most the end of the year 9999."""
        action = ACTIONS.get(self.action)
        default = action.ttl if action else timedelta(seconds=30)
        try:
            return self.timestamp + (self.ttl if self.ttl is not None else default)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def answered_by(self, callback: str, now: datetime, *, bpp_id: str, bpp_uri: str) -> Context:
        """The context of the callback: same transaction and message id, our BPP named, a fresh timestamp."""
        return replace(
            self,
            action=callback,
            timestamp=now,
            ttl=ACTIONS[callback].ttl,
            bpp_id=bpp_id,
            bpp_uri=bpp_uri,
            version=VERSION,
            key=None,
        )


def write_context(context: Context) -> dict[str, Any]:
    """The strict wire form (ENERGY 1.5); absent members are left out."""
    wire: dict[str, Any] = {"domain": context.domain}
    location = {}
    if context.city_code is not None:
        location["city"] = {"code": context.city_code}
    if context.country_code is not None:
        location["country"] = {"code": context.country_code}
    if location:
        wire["location"] = location
    wire |= {
        "action": context.action,
        "version": context.version,
        "bap_id": context.bap_id,
        "bap_uri": context.bap_uri,
    }
    if context.bpp_id is not None:
        wire["bpp_id"] = context.bpp_id
    if context.bpp_uri is not None:
        wire["bpp_uri"] = context.bpp_uri
    wire |= {
        "transaction_id": context.transaction_id,
        "message_id": context.message_id,
        "timestamp": timestamp_text(context.timestamp),
    }
    if context.key is not None:
        wire["key"] = context.key
    if context.ttl is not None:
        wire["ttl"] = duration_text(context.ttl)
    return wire


def write_body(context: Context, message: Mapping[str, Any] | None, error: Mapping[str, str] | None = None) -> bytes:
    """The exact bytes of a message. ``message`` None (an error callback) leaves the member out."""
    body: dict[str, Any] = {"context": write_context(context)}
    if message is not None:
        body["message"] = message
    if error is not None:
        body["error"] = error
    return orjson.dumps(body)


def read_context(body: Mapping[str, Any], zone: tzinfo = UTC) -> Context:
    """The context of a parsed message; ``zone`` is that of times without one. `deviations_of` says what that took.

    Raises:
        NotValid: a member that the checks need is absent or not of its type; the diagnosis names it.
    """
    wire = body.get("context")
    if not isinstance(wire, dict):
        raise _wrong("", "an object", wire)
    place = wire.get("location")
    location: dict[str, Any] = place if isinstance(place, dict) else {}
    city = _code(location, "city") or _optional(wire, "city")
    return Context(
        domain=_needed(wire, "domain"),
        action=_needed(wire, "action"),
        version=_needed(wire, _OLD_VERSION if _OLD_VERSION in wire and "version" not in wire else "version"),
        bap_id=_needed(wire, "bap_id"),
        bap_uri=_needed(wire, "bap_uri"),
        bpp_id=_optional(wire, "bpp_id"),
        bpp_uri=_optional(wire, "bpp_uri"),
        transaction_id=_needed(wire, "transaction_id"),
        message_id=_needed(wire, "message_id"),
        timestamp=_timestamp(wire, zone),
        ttl=_ttl(wire),
        city_code=city,
        country_code=_code(location, "country") or _optional(wire, "country"),
        key=_optional(wire, "key"),
    )


def deviations_of(wire: Mapping[str, Any], context: Context) -> tuple[Deviation, ...]:
    """What `read_context` had to put up with to make ``context`` of this member of the body."""
    place = wire.get("location")
    location: dict[str, Any] = place if isinstance(place, dict) else {}
    found = {
        CITY: any(member in wire and _code(location, member) is None for member in ("city", "country")),
        EQUAL_IDS: context.message_id == context.transaction_id,
        NO_ZONE: not has_zone(str(wire.get("timestamp"))),
        OLD_VERSION: "version" not in wire,
    }
    return tuple(deviation for deviation, stands in found.items() if stands)


def _wrong(member: str, expected: str, got: object) -> NotValid:
    path = f"/context/{member}" if member else "/context"
    shown = "nothing" if got is None else repr(got)[:100]
    return NotValid(
        f"{path} must be {expected}, but it is {shown}.",
        Diagnosis(rule="V10-context", path=path, expected=expected, got=shown),
    )


def _needed(wire: Mapping[str, Any], member: str) -> str:
    value = wire.get(member)
    if not isinstance(value, str) or not value or len(value) > _ID_LENGTH_MAX:
        raise _wrong(member, f"a text of 1 to {_ID_LENGTH_MAX} characters", value)
    return value


def _optional(wire: Mapping[str, Any], member: str) -> str | None:
    return None if wire.get(member) is None else _needed(wire, member)


def _code(location: Mapping[str, Any], member: str) -> str | None:
    place = location.get(member)
    code = place.get("code") if isinstance(place, dict) else None
    return code if isinstance(code, str) and code else None


def _timestamp(wire: Mapping[str, Any], zone: tzinfo) -> datetime:
    text = _needed(wire, "timestamp")
    try:
        return parse_timestamp(text, zone)
    except ValueError:
        raise _wrong("timestamp", "an RFC 3339 time", text) from None


def _ttl(wire: Mapping[str, Any]) -> timedelta | None:
    text = _optional(wire, "ttl")
    if text is None:
        return None
    try:
        return parse_duration(text)
    except (ValueError, OverflowError):
        raise _wrong("ttl", "an ISO 8601 duration such as PT30S", text) from None
