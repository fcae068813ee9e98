"""What a Beckn message says, whether it is valid, and which tolerances it needs: the reading behind ``explain``.

The checks are those of `protocol.verification` and `node.reading`, except that nothing is judged by the clock (a file
may be old) or by a receiver's own settings, and that reading goes on after a refusal: everything is told at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from energy.wire.v1.tolerances import TOLERANT
from energy.wire.v1.tolerances.actions import meant_action
from node.reading import check_readable, is_strict, read_deviating
from protocol import signing
from protocol.actions import ACTIONS
from protocol.authentication import authenticate
from protocol.context import Context, read_context
from protocol.errors import BecknError, Diagnosis, Malformed, NotAuthenticated, NotValid
from protocol.jsontext import parse_object
from protocol.keys import KeyId, KeyRecord
from protocol.policy import Policy
from protocol.verification import Verified
from schemas.loader import core, storage

WHAT: Mapping[str, str] = {
    "search": "a producer looks for batteries",
    "on_search": "an operator names its batteries",
    "select": "a producer asks for a quote",
    "on_select": "an operator quotes",
    "init": "a producer says who pays and asks for the terms",
    "on_init": "an operator names its terms",
    "confirm": "a producer accepts quote and terms",
    "on_confirm": "an operator confirms the contract",
    "status": "a producer asks how its contract stands",
    "on_status": "an operator tells how a contract stands",
    "track": "a producer asks where live values are",
    "on_track": "an operator tells where live values are",
    "update": "a producer asks for a change",
    "on_update": "an operator tells the contract after a change",
    "cancel": "a producer ends its contract",
    "on_cancel": "an operator tells the contract after its end",
    "rating": "a producer rates",
    "on_rating": "an operator thanks for a rating",
    "support": "a producer asks whom to call",
    "on_support": "an operator tells whom to call",
}
Records = Callable[[KeyId], Sequence[KeyRecord]]
_POLICY = Policy(max_body_bytes=64 * 1024 * 1024)
_LEADING_ACTION = re.compile(r"(on_)?[a-z]+")


class Verdict(StrEnum):
    """Valid as it stands, valid for a tolerant reader, or refused; the exit codes 0, 1 and 2."""

    VALID = "valid"
    TOLERATED = "tolerated"
    REFUSED = "refused"

    @property
    def exit_code(self) -> int:
        """Of ``beckn-battery explain``."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message and what came with it. ``action`` is that of its path or name; ``headers`` have lower-case names."""

    body: bytes = field(repr=False)
    action: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: ``of`` is "wire", "strict", "tolerant" or "signature"."""

    of: str
    sentence: str
    diagnosis: Diagnosis
    code: str


@dataclass(slots=True)
class Explanation:
    """All that can be told of one message. ``signature`` is a sentence."""

    action: str | None = None
    context: Context | None = None
    tolerances: tuple[str, ...] = ()
    signature: str = "there is no signature header"
    findings: list[Finding] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Refused by any finding but those of the strict reading alone."""
        kinds = {finding.of for finding in self.findings}
        if kinds - {"strict"}:
            return Verdict.REFUSED
        return Verdict.TOLERATED if kinds or self.tolerances else Verdict.VALID

    def of(self, *kinds: str) -> list[Finding]:
        """The findings of these kinds."""
        return [finding for finding in self.findings if finding.of in kinds]

    def note(self, of: str, error: BecknError) -> None:
        """Write a refusal down."""
        self.findings.append(Finding(of, error.sentence, error.diagnosis, error.code))


def explain(letter: Letter, records: Records | None) -> Explanation:
    """Read the message to its end. ``records`` gives the registry's records of a key id; None: nobody was asked."""
    told = Explanation()
    try:
        content = parse_object(letter.body, _POLICY.max_depth)
    except Malformed as error:
        told.note("wire", error)
        return told
    message = _read_context(told, content, letter.action)
    if told.action is not None:
        _read_strictly(told, told.action, message)
        _read_tolerantly(told, told.action, message)
    _check_signatures(told, letter, records)
    return told


def action_of_name(name: str) -> str | None:
    """The action that a file's name begins with: "on_select-2.json" is an ``on_select``."""
    match = _LEADING_ACTION.match(PurePath(name).name)
    return match[0] if match is not None and match[0] in ACTIONS else None


def _read_context(told: Explanation, content: Mapping[str, Any], known: str | None) -> Mapping[str, Any]:
    """What is to be read on: the message, with the action that it has where it names another one (ENERGY 1.2, D3)."""
    wire = content.get("context")
    named = wire.get("action") if isinstance(wire, dict) else None
    said = named if isinstance(named, str) and named in ACTIONS else None
    message = content.get("message")
    told.action = known or (meant_action(said, message) if said is not None and isinstance(message, dict) else said)
    try:
        told.context = read_context(content)
    except NotValid as error:
        told.note("wire", error)
    if not isinstance(wire, dict) or not isinstance(named, str) or named == told.action:
        return content
    expected = f"one of {', '.join(ACTIONS)}"
    if told.action is not None:
        expected = f"{told.action}, as the path says" if known else f"{told.action}, by the message's shape"
    sentence = f"/context/action says {named[:100]!r}, but must be {expected}; a platform refuses the message."
    told.note("wire", NotValid(sentence, Diagnosis("V10-action", "/context/action", expected, named[:100])))
    return {**content, "context": {**wire, "action": told.action}}


def _read_strictly(told: Explanation, action: str, content: Mapping[str, Any]) -> None:
    for schema, check in ((core(action, formats=True), "V13"), (storage(action), "V14")):
        for violation in schema.explain(content):
            diagnosis = Diagnosis(f"{check}-{violation.rule}", violation.path, violation.expected, violation.got)
            told.note("strict", NotValid(violation.sentence, diagnosis))
    if not told.of("strict") and _says_something(action, content):
        try:
            check_readable(action, _message(content))
        except NotValid as error:
            told.note("strict", error)


def _read_tolerantly(told: Explanation, action: str, content: Mapping[str, Any]) -> None:
    if told.context is None:
        return  # Its refusal is noted already, and nobody reads a message without knowing whose it is.
    strict = not told.of("strict") and is_strict(told.context)
    try:
        if not strict:
            told.tolerances = read_deviating(_as_if_verified(action, told.context, content), TOLERANT)
    except NotValid as error:
        told.note("tolerant", error)


def _as_if_verified(action: str, context: Context, content: Mapping[str, Any]) -> Verified:
    """For a reading that does not ask who signed."""
    context = replace(context, action=action)
    return Verified(
        action, sender_id="", key_id="", gateway_id=None, context=context, body=b"", digest=b"", content=content
    )


def _says_something(action: str, content: Mapping[str, Any]) -> bool:
    """Whether there is something to read: a callback that says no has an error instead."""
    return not (ACTIONS[action].is_callback and isinstance(content.get("error"), dict))


def _message(content: Mapping[str, Any]) -> Mapping[str, Any]:
    message = content.get("message")
    return message if isinstance(message, dict) else {}


def _check_signatures(told: Explanation, letter: Letter, records: Records | None) -> None:
    names = (signing.AUTHORIZATION, signing.GATEWAY_AUTHORIZATION)
    given = [(name, letter.headers[name.lower()]) for name in names if name.lower() in letter.headers]
    if given:
        told.signature = "; ".join(_checked(told, letter.body, name, value, records) for name, value in given)


def _checked(told: Explanation, body: bytes, name: str, value: str, records: Records | None) -> str:
    """One header, judged by the time at which it was made."""
    try:
        header = signing.parse_header(value, name)
        window = f"signed at {_time(header.created)} for {header.expires - header.created} s"
        if records is None:
            return f"{name} by {header.key_id.text}, {window}; not checked: name --keys or --registry"
        made_at = datetime.fromtimestamp(header.created, UTC)
        key = authenticate(header, signing.digest(body), records(header.key_id), _POLICY, made_at, name)
    except NotAuthenticated as error:
        told.note("signature", error)
        return f"{name} does not hold"
    return f"{name} holds: by {key.subscriber_id}|{key.key_id}, {window}"


def _time(unix_s: int) -> str:
    try:
        return datetime.fromtimestamp(unix_s, UTC).isoformat()
    except (ValueError, OverflowError):
        return str(unix_s)
