"""A JSON Schema with its references resolved and its annotations dropped, so that two of them can be compared.

Only the keywords that Beckn core 1.1.1 uses are known; any other one is an error, so that nothing goes unseen.
Core refers in no circle, so the result is a finite tree. Equal source objects share one result, which makes its
identity usable as the identity of the place in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from referencing import Registry
from referencing.jsonschema import DRAFT202012

Normal = dict[str, Any]

_ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "default"}
_PLAIN = {"type", "enum", "pattern", "format", "minimum", "maximum"}


class NormalForms:
    """The normal forms of the schemas in a set of documents, each known by its URI."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        resources = [(uri, DRAFT202012.create_resource(document)) for uri, document in documents.items()]
        self.registry: Registry[Any] = Registry().with_resources(resources)
        self._done: dict[int, Normal] = {}

    def at(self, reference: str) -> Normal:
        """The normal form of the schema at an absolute reference."""
        found = self.registry.resolver().lookup(reference)
        return self._of(found.contents, found.resolver)

    def _of(self, schema: Any, resolver: Any) -> Normal:
        if schema is True:
            return {}
        if id(schema) not in self._done:
            self._done[id(schema)] = self._compute(schema, resolver)
        return self._done[id(schema)]

    def _compute(self, schema: dict[str, Any], resolver: Any) -> Normal:
        own: Normal = {}
        parts = [self._of(part, resolver) for part in schema.get("allOf", ())]
        for keyword, value in schema.items():
            if keyword == "$ref":
                found = resolver.lookup(value)
                parts.append(self._of(found.contents, found.resolver))
            elif keyword == "properties":
                own["properties"] = {name: self._of(part, resolver) for name, part in value.items()}
            elif keyword in ("items", "additionalProperties"):
                own[keyword] = self._of(value, resolver)
            elif keyword == "required":
                own["required"] = sorted(value)
            elif keyword == "const":
                own["enum"] = [value]
            elif keyword in _PLAIN:
                own[keyword] = value
            else:
                assert keyword in _ANNOTATIONS | {"allOf"}, f"the keyword {keyword} is new here"
        return _both([part for part in (*parts, own) if part])


def _both(parts: list[Normal]) -> Normal:
    """One normal form that asks for all that the parts ask for."""
    if len(parts) == 1:
        return parts[0]
    merged: Normal = {}
    for part in parts:
        for keyword, value in part.items():
            merged[keyword] = _joined(keyword, merged[keyword], value) if keyword in merged else value
    return merged


def _joined(keyword: str, one: Any, other: Any) -> Any:
    if keyword == "properties":
        return {name: _both([part for part in (one.get(name), other.get(name)) if part]) for name in {**one, **other}}
    if keyword == "required":
        return sorted({*one, *other})
    assert one == other, f"two different {keyword}: {one} and {other}"
    return one


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two normal forms differ, as sentences."""
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if key not in one or key not in other:
                yield f"{path}/{key} is only in {'the second' if key in other else 'the first'}"
            else:
                yield from differences(one[key], other[key], f"{path}/{key}")
    else:
        yield f"{path}: {one!r} and {other!r}"
