"""Seeded messages made from a schema's normal form: valid ones, and ones with a single known mistake.

The values are our own. Formats are sampled only where JSON Schema implementations agree about them; where they
do not, ``test_equivalence.py`` names the value and both verdicts.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.schemas.normal_form import Normal

Path = tuple[str | int, ...]

ANY_MEMBER = "anything"
TEXTS = ["", "a", "kWh", "300.000", "Bhadra Storage", "ಬೆಂಗಳೂರು", "x" * 70]
ANY_VALUES: list[Any] = [None, True, 0, 1.5, "text", [], ["a", 1], {}, {"a": {"b": None}}]
WRONG_TYPES: dict[str, list[Any]] = {
    "string": [None, True, 7, 1.5, ["a"], {"value": "a"}],
    "boolean": [None, 0, 1, "true", []],
    "integer": [None, False, 1.5, "1", [1], {}],
    "array": [None, {}, "a", 0],
    "object": [None, [], "a", 3, True],
}
GOOD_FORMATS = {
    "uuid": ["5be0a1c6-6a37-4b55-9d8a-0d8f1f4a8f10", "5BE0A1C6-6A37-4B55-9D8A-0D8F1F4A8F10"],
    "date-time": ["2026-04-01T06:30:00Z", "2026-04-01T12:00:00.250+05:30", "2024-02-29t00:00:00z"],
    "date": ["2026-04-01", "2024-02-29"],
    "uri": ["https://bhadra.example/beckn", "http://127.0.0.1:4002/x?y=1#z", "der://meter/7", "urn:a:b"],
    "email": ["desk@bhadra.example", "a+b@c.example"],
    "phone": ["+91 80 5550 0100", "not a phone at all"],
}
BAD_FORMATS = {
    "uuid": ["", "5be0a1c6", "5be0a1c66a374b559d8a0d8f1f4a8f10", "5be0a1c6-6a37-4b55-9d8a-0d8f1f4a8f1g"],
    "date-time": ["", "2026-04-01", "2026-04-01T06:30:00", "2026-04-31T06:30:00Z", "2026-04-01 06:30:00Z"],
    "date": ["", "2026-4-1", "2026-02-29", "01.04.2026"],
    "uri": ["", "/beckn/select", "bhadra.example", "https://bhadra example", "https://x.example/ü"],
    "email": ["", "desk", "desk at bhadra.example"],
    "phone": [],
}
GOOD_PATTERNS = {
    "decimal": ["0", "8", "-12.50", "+.5", "300.000", "rupees 8", "8."],
    "gps": ["12.971599,77.594566", "-90,180", "+90.0, -180.00", "0,0", "8.5,  -99.9"],
}
BAD_PATTERNS = {
    "decimal": ["", "eight", ".", "-"],
    "gps": ["", "12.97", "91,0", "12.97;77.59", "12.97,181", "12.,77", " 12.97,77.59", "12.97,77.59 "],
}


@dataclass(frozen=True, slots=True)
class Site:
    """One subschema, and the way to it from the message's root (0 for the items of an array)."""

    path: Path
    schema: Normal


@dataclass(frozen=True, slots=True)
class Mistake:
    """A keyword of a site, and values that break it. A ``format`` is broken only for who asserts formats."""

    site: Site
    keyword: str
    values: tuple[Any, ...]


def sites(root: Normal) -> list[Site]:
    """Every subschema of ``root`` once, by a shortest way to it."""
    found: dict[int, Site] = {}
    queue = deque([Site((), root)])
    while queue:
        site = queue.popleft()
        if id(site.schema) not in found:
            found[id(site.schema)] = site
            queue.extend(Site((*site.path, step), schema) for step, schema in children(site.schema))
    return list(found.values())


def children(schema: Normal) -> Iterator[tuple[str | int, Normal]]:
    """The steps that lead on from a schema."""
    yield from schema.get("properties", {}).items()
    if "items" in schema:
        yield 0, schema["items"]
    if "additionalProperties" in schema:
        yield ANY_MEMBER, schema["additionalProperties"]


def mistakes(site: Site, random: Random) -> Iterator[Mistake]:
    """Each keyword of the site that a value can break."""
    schema = site.schema
    if "type" in schema:
        yield Mistake(site, "type", tuple(WRONG_TYPES[schema["type"]]))
    if "enum" in schema:
        yield Mistake(site, "enum", ("", "no such word", schema["enum"][0] + " "))
    if "pattern" in schema:
        yield Mistake(site, "pattern", tuple(BAD_PATTERNS[_pattern(schema)]))
    if bad := BAD_FORMATS[schema["format"]] if "format" in schema else []:
        yield Mistake(site, "format", tuple(bad))
    if "minimum" in schema:
        yield Mistake(site, "minimum", (schema["minimum"] - 1, -(10**30)))
    if "maximum" in schema:
        yield Mistake(site, "maximum", (schema["maximum"] + 1, 10**30))
    for name in schema.get("required", ()):
        whole = valid(schema, random, 0)
        yield Mistake(site, f"required {name}", ({key: whole[key] for key in whole if key != name},))


def valid(schema: Normal, random: Random, richness: float) -> Any:
    """A valid value. ``richness``: how likely an optional member or item is; it falls by half with each level."""
    if "enum" in schema:
        return random.choice(schema["enum"])
    if "pattern" in schema:
        return random.choice(GOOD_PATTERNS[_pattern(schema)])
    if "format" in schema:
        return random.choice(GOOD_FORMATS[schema["format"]])
    kind = schema.get("type", "object" if "properties" in schema and random.random() < 0.8 else "anything")
    if kind == "object":
        return _valid_object(schema, random, richness)
    if kind == "array":
        return [valid(schema["items"], random, richness / 2) for _ in range(random.choice((0, 1, 1, 2)))]
    if kind == "integer":
        return random.choice([value for value in (-1, 0, 1, 1.0, 2, 10**20) if _within(schema, value)])
    if kind == "anything" and "properties" in schema:
        return random.choice([value for value in ANY_VALUES if not isinstance(value, dict)])
    plain: dict[str, list[Any]] = {"boolean": [True, False], "string": TEXTS, "anything": ANY_VALUES}
    return random.choice(plain[kind])


def placed(root: Normal, path: Path, value: Any, random: Random) -> Any:
    """A valid message but for ``value``, which stands at ``path``; only what is required stands beside it."""
    if not path:
        return value
    step, *rest = path
    if step == 0:
        return [placed(root["items"], tuple(rest), value, random)]
    inner = root.get("properties", {}).get(step) or root["additionalProperties"]
    return {**_valid_object(root, random, 0), step: placed(inner, tuple(rest), value, random)}


def broken(message: Any, root: Normal, random: Random) -> tuple[Any, Mistake] | None:
    """A copy of a valid message with one mistake somewhere, or None if it holds nothing to break."""
    choices = [mistake for site in _present(message, Site((), root)) for mistake in mistakes(site, random)]
    if not choices:
        return None
    mistake = random.choice(choices)
    holder = [copy.deepcopy(message)]
    place: Any = holder
    steps = (0, *mistake.site.path)
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = random.choice(mistake.values)
    return holder[0], mistake


def _present(value: Any, site: Site) -> Iterator[Site]:
    """The sites that a message reaches, with their real places in it."""
    yield site
    schema = site.schema
    if isinstance(value, dict):
        for name, member in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if inner is not None:
                yield from _present(member, Site((*site.path, name), inner))
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _present(item, Site((*site.path, index), schema["items"]))


def _valid_object(schema: Normal, random: Random, richness: float) -> dict[str, Any]:
    required = schema.get("required", ())
    members = {
        name: valid(inner, random, richness / 2)
        for name, inner in schema.get("properties", {}).items()
        if name in required or random.random() < richness
    }
    if "additionalProperties" in schema and random.random() < richness:
        members[ANY_MEMBER] = valid(schema["additionalProperties"], random, richness / 2)
    elif "additionalProperties" not in schema and random.random() < richness / 4:
        members["x-unknown"] = random.choice(ANY_VALUES)
    return members


def _within(schema: Normal, value: float) -> bool:
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def _pattern(schema: Normal) -> str:
    return "gps" if schema["pattern"].startswith("^") else "decimal"
