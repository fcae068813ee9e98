"""The same schemas in a form that is decided in half the time; what they accept stays the same.

``unevaluatedProperties: false`` asks which members any other keyword has looked at, and a validator pays for that at
every object. Where no keyword beside it looks at a member that ``properties`` does not name, it says the same as
``additionalProperties: false``, which costs nothing. The files keep the first form, since it stays right whatever is
added to them; explanations are made from the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema_rs import Registry, Resolver

_MAPS = ("properties", "$defs", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "contains", "not", "if", "then", "else", "additionalProperties", "unevaluatedProperties")
_APPLIED_HERE = ("if", "then", "else")
_LOOKS_ANYWHERE = ("patternProperties", "additionalProperties", "dependentSchemas", "$dynamicRef", "$recursiveRef")


def decided_faster(documents: Mapping[str, dict[str, Any]], registry: Registry) -> dict[str, dict[str, Any]]:
    """Every document in that form, by its ``$id``; ``registry`` resolves the references between them."""
    return {uri: _rewritten(document, registry.resolver(uri)) for uri, document in documents.items()}


def _rewritten(schema: Any, resolver: Resolver) -> Any:
    if not isinstance(schema, dict):
        return schema
    new = dict(schema)
    for keyword in _MAPS:
        if keyword in schema:
            new[keyword] = {name: _rewritten(inner, resolver) for name, inner in schema[keyword].items()}
    for keyword in _LISTS:
        if keyword in schema:
            new[keyword] = [_rewritten(inner, resolver) for inner in schema[keyword]]
    for keyword in _SINGLE:
        if keyword in schema:
            new[keyword] = _rewritten(schema[keyword], resolver)
    if schema.get("unevaluatedProperties") is False and _closes_its_own_members(schema, resolver):
        del new["unevaluatedProperties"]
        new["additionalProperties"] = False
    return new


def _closes_its_own_members(schema: dict[str, Any], resolver: Resolver) -> bool:
    if any(keyword in schema for keyword in _LOOKS_ANYWHERE):
        return False
    own = schema.get("properties", {}).keys()
    return all(members is not None and members <= own for members in _looked_at_beside(schema, resolver))


def _looked_at_beside(schema: dict[str, Any], resolver: Resolver) -> Iterator[set[str] | None]:
    """The members that each schema applied to the same object looks at, from all depths; None: perhaps any."""
    applied = [(inner, resolver) for keyword in ("allOf", "anyOf", "oneOf") for inner in schema.get(keyword, ())]
    applied += [(schema[keyword], resolver) for keyword in _APPLIED_HERE if keyword in schema]
    if "$ref" in schema:
        target = resolver.lookup(schema["$ref"])
        applied.append((target.contents, target.resolver))
    for inner, base in applied:
        if not isinstance(inner, dict):
            continue
        yield None if any(keyword in inner for keyword in _LOOKS_ANYWHERE) else set(inner.get("properties", {}))
        yield from _looked_at_beside(inner, base)
