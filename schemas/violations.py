"""Why a message does not fit a schema, told so that the person who sent it can mend it.

A validator's error becomes one `Violation` or several:

- A member that nobody knows gets a violation of its own, whose path is that member; so does one that is missing.
- Where several alternatives fail (``anyOf``, ``oneOf``), those of the nearest alternative are told: the one
  with the fewest errors.
- When an object that `$ref` or `allOf` brings in fails, ``unevaluatedProperties`` calls all of its members
  unknown. Members that the schema does declare at that place are left out then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from jsonschema_rs import Resolver, ValidationError

Path: TypeAlias = Sequence[str | int]

GOT_LENGTH = 200
_NAMES_SHOWN = 12
_UNKNOWN_MEMBER = {"additionalProperties", "unevaluatedProperties"}
_ALTERNATIVES = {"anyOf", "oneOf"}
_FORMATS = {
    "uuid": "a UUID such as 3f0a2a52-6f0e-4d0c-9c1e-5b1f6f1d2a77",
    "date-time": "an RFC 3339 time with its zone, such as 2026-04-01T06:30:00Z",
    "date": "a date such as 2026-04-01",
    "uri": "an absolute URI such as https://example.org/form",
    "email": "an e-mail address such as desk@example.org",
}
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} members",
    "maxProperties": "at most {} members",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a message.

    ``path`` is a JSON pointer into the message ("" is the message itself; a missing member has its own pointer),
    ``rule`` the schema family and the keyword ("core-1.1.1/required"), ``expected`` and ``got`` short texts (``got`` at
    most 200 characters), ``sentence`` what to change.
    """

    path: str
    rule: str
    expected: str
    got: str
    sentence: str


def pointer(path: Path) -> str:
    """A path as a JSON pointer (RFC 6901), each step cut to 200 characters."""
    return "".join("/" + shorten(str(step)).replace("~", "~0").replace("/", "~1") for step in path)


@dataclass(frozen=True, slots=True)
class Source:
    """The schema that a message was held against, for what an error alone does not tell."""

    document: dict[str, Any]
    resolver: Resolver

    def members(self, path: Path) -> set[str]:
        """The member names that the schema speaks of at ``path``, through ``$ref`` and all applied subschemas."""
        places = list(_applied(self.document, self.resolver))
        for step in path:
            places = [place for child in _children(places, step) for place in _applied(*child)]
        return {name for schema, _ in places for name in schema.get("properties", {})}

    def description(self, error: ValidationError) -> str:
        """The ``description`` of the schema object whose keyword failed, or ""."""
        owner = (error.absolute_keyword_location or "").rpartition("/")[0]
        found = self.resolver.lookup(owner).contents if owner else None
        return str(found.get("description", "")) if isinstance(found, dict) else ""

    def counted(self, error: ValidationError) -> str:
        """What ``contains`` asks for: 'one item whose descriptor.code is "tariff-id"'."""
        place, _, keyword = (error.absolute_keyword_location or "").rpartition("/")
        owner = self.resolver.lookup(place).contents if place else None
        asked = owner.get("contains") if isinstance(owner, dict) else None
        number = "at most one item" if keyword == "maxContains" else "an item"
        words = [f"{name} is {_quoted(value)}" for name, value in _constants(asked, "")]
        return f"{number} whose {' and '.join(words)}" if words else f"{number} that satisfies contains"


def violations(errors: Sequence[ValidationError], family: str, source: Source) -> Iterator[Violation]:
    """The errors of one message as violations, in the validator's order; ``family`` begins each rule."""
    for error in errors:
        keyword = error.kind.name
        if keyword in _UNKNOWN_MEMBER:
            yield from _unknown_members(error, errors, family, source)
        elif keyword in _ALTERNATIVES and all(branches := error.kind.as_dict()["context"]):
            yield from violations(min(branches, key=len), family, source)
        else:
            yield _violation(error, family, source)


def unreadable_text(family: str) -> Violation:
    """The violation of a message that holds half of a surrogate pair, which no UTF-8 text can hold."""
    return Violation(
        path="",
        rule=f"{family}/unicode",
        expected="text that UTF-8 can hold",
        got="a lone surrogate (\\ud800 to \\udfff)",
        sentence="Write every \\ud800-\\udfff escape as a pair, or leave it out.",
    )


def _violation(error: ValidationError, family: str, source: Source) -> Violation:
    rule = f"{family}/{error.kind.name}"
    where = pointer(error.instance_path)
    expected, got = _expected(error, source), shown(error.instance)
    if error.kind.name == "required":
        path = pointer([*error.instance_path, error.kind.value])
        sentence = f"Add {expected} to {where or 'the message'}."
        return Violation(path, rule, expected, shorten(f"nothing, in {got}"), sentence)
    if error.kind.name == "falseSchema":
        sentence = f"Take {got} out of {where or 'the message'}: it may not stand there."
    else:
        sentence = f"Change {where or 'the message'} to {expected}; it is {got}."
    return Violation(where, rule, expected, got, sentence)


def _unknown_members(
    error: ValidationError, errors: Iterable[ValidationError], family: str, source: Source
) -> Iterator[Violation]:
    known = source.members(error.instance_path)
    spurious = known if _fails_inside(error, errors) else set()
    allowed = f"only {_list(sorted(known), 'and')}" if known else "no further members"
    where = pointer(error.instance_path) or "the message"
    for name in error.kind.value:
        if name not in spurious:
            got = shown(name)
            yield Violation(
                path=pointer([*error.instance_path, name]),
                rule=f"{family}/{error.kind.name}",
                expected=allowed,
                got=got,
                sentence=f"Remove {got} from {where}, or correct its name: {allowed} may stand there.",
            )


def _fails_inside(error: ValidationError, errors: Iterable[ValidationError]) -> bool:
    """Whether anything but unknown members is wrong at or below the place of ``error``."""
    here = error.instance_path
    return any(other.kind.name not in _UNKNOWN_MEMBER and other.instance_path[: len(here)] == here for other in errors)


def _expected(error: ValidationError, source: Source) -> str:
    """What would have been right, as the object of a sentence."""
    keyword, value = error.kind.name, error.kind.value
    match keyword:
        case "required":
            return f"the member {_quoted(value)}"
        case "type":
            return " or ".join(_with_article(name) for name in value)
        case "enum" if len(value) > 1:
            return f"one of {_list(value, 'or')}"
        case "enum":
            return _quoted(value[0])
        case "const":
            return _quoted(value)
        case "pattern":
            return source.description(error) or f"text that matches {value}"
        case "format":
            return _FORMATS.get(value, f"text in the format {value}")
        case "contains":
            return source.counted(error)
        case "uniqueItems":
            return "items that all differ"
        case "falseSchema":
            return "nothing"
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(value)
    return f"something that satisfies {keyword} ({shorten(error.message)})"


def shown(value: Any) -> str:
    """A short text for a value: scalars as JSON, containers by their size, so that no message is copied."""
    if isinstance(value, dict):
        return shorten(f"an object with {_list(list(value), 'and')}" if value else "an empty object")
    if isinstance(value, list | tuple):
        return f"an array of {len(value)}" if value else "an empty array"
    return shorten(_quoted(value))


def shorten(text: str) -> str:
    """The text, cut to 200 characters."""
    return text if len(text) <= GOT_LENGTH else text[: GOT_LENGTH - 1] + "…"


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _list(values: Sequence[Any], conjunction: str) -> str:
    quoted = [_quoted(value) for value in values[:_NAMES_SHOWN]]
    if len(values) > _NAMES_SHOWN:
        quoted.append(f"{len(values) - _NAMES_SHOWN} more")
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {conjunction} {quoted[-1]}"


def _constants(schema: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The members whose value a schema fixes, by their names from here on ("descriptor.code")."""
    if not isinstance(schema, dict):
        return
    if "const" in schema:
        yield name or "value", schema["const"]
    for step, inner in schema.get("properties", {}).items():
        yield from _constants(inner, f"{name}.{step}" if name else step)


def _with_article(type_name: str) -> str:
    if type_name == "null":
        return "null"
    return f"{'an' if type_name[0] in 'aio' else 'a'} {type_name}"


def _applied(schema: Any, resolver: Resolver) -> Iterator[tuple[dict[str, Any], Resolver]]:
    """A schema, and every schema that it applies to the same place."""
    if not isinstance(schema, dict):
        return
    yield schema, resolver
    if "$ref" in schema:
        target = resolver.lookup(schema["$ref"])
        yield from _applied(target.contents, target.resolver)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            yield from _applied(part, resolver)
    for keyword in ("if", "then", "else"):
        yield from _applied(schema.get(keyword), resolver)


def _children(places: Iterable[tuple[dict[str, Any], Resolver]], step: str | int) -> Iterator[tuple[Any, Resolver]]:
    for schema, resolver in places:
        if isinstance(step, int):
            prefix = schema.get("prefixItems", [])
            yield (prefix[step] if step < len(prefix) else schema.get("items")), resolver
        else:
            yield schema.get("properties", {}).get(step), resolver
