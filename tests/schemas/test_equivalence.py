"""Our schemas of Beckn core 1.1.1 say the same as its OpenAPI file, proven twice.

By structure: with references resolved and annotations dropped, every action, the ACK body and all 57 objects are
equal. By verdict: messages that break each keyword of the file at least once, and random ones, are judged alike by
the file in ``jsonschema`` (the reference implementation) and by ours in ``jsonschema-rs``. What may differ is in
docs/divergences.md, "Schemas"; each such value and both verdicts stand in `WANTED_DIFFERENCES`.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from schemas.loader import BASE_URI, CORE_FAMILY, CORE_FOLDER, MessageSchema
from tests.schemas.normal_form import Normal, NormalForms, differences
from tests.schemas.samples import Mistake, broken, mistakes, placed, sites, valid

PROJECT = Path(__file__).parents[2]
SPECIFICATION = PROJECT.parent / "shared" / "spec" / "beckn-core-1.1.1.yaml"
OURS = PROJECT / "schemas" / CORE_FOLDER
ACTIONS = sorted(file.stem for file in OURS.glob("*.json") if file.stem != "ack")
OBJECTS = sorted(file.stem for file in (OURS / "objects").glob("*.json"))
# Nothing in a message leads to these, so they are judged by themselves.
UNREACHED = ("Region", "Domain")
ROOTS = (*ACTIONS, "ack", *UNREACHED)
PLANNED = 60
RANDOM = 50

pytestmark = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="the specification ../shared/spec/beckn-core-1.1.1.yaml is not here"
)


@cache
def _theirs() -> NormalForms:
    return NormalForms({"core:": _specification()})


@cache
def _specification() -> Any:
    return yaml.load(SPECIFICATION.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _ours() -> NormalForms:
    documents = (json.loads(file.read_bytes()) for file in OURS.rglob("*.json"))
    return NormalForms({document["$id"]: document for document in documents})


def _their_reference(root: str) -> str:
    if root in OBJECTS:
        return f"core:#/components/schemas/{root}"
    path, body = (root, "requestBody") if root != "ack" else ("init", "responses/default")
    return f"core:#/paths/~1{path}/post/{body}/content/application~1json/schema"


def _our_reference(root: str) -> str:
    return f"{BASE_URI}{CORE_FOLDER}/{'objects/' if root in OBJECTS else ''}{root}.json"


@cache
def _reference_validator(root: str, formats: bool) -> Draft202012Validator:
    checker = Draft202012Validator.FORMAT_CHECKER if formats else None
    return Draft202012Validator({"$ref": _their_reference(root)}, registry=_theirs().registry, format_checker=checker)


@cache
def _our_validator(root: str, formats: bool) -> MessageSchema:
    return MessageSchema(_our_reference(root), CORE_FAMILY, formats=formats)


def _verdicts(root: str, message: Any, formats: bool) -> tuple[bool, bool]:
    """(the file's verdict, ours)."""
    return _reference_validator(root, formats).is_valid(message), _our_validator(root, formats).is_valid(message)


@cache
def _plan() -> dict[str, list[Mistake]]:
    """For each root the keywords that it breaks: those broken least so far come first, until all were broken."""
    times: Counter[tuple[int, str]] = Counter()
    plan: dict[str, list[Mistake]] = {}
    for root in ROOTS:
        found = [mistake for site in sites(_root(root)) for mistake in mistakes(site, Random(root))]
        found.sort(key=_times(times))
        plan[root] = found[:PLANNED]
        times.update((id(mistake.site.schema), mistake.keyword) for mistake in plan[root])
    return plan


def _times(times: Counter[tuple[int, str]]) -> Any:
    return lambda mistake: times[id(mistake.site.schema), mistake.keyword]


def _root(root: str) -> Normal:
    return _theirs().at(_their_reference(root))


def test_there_is_a_file_of_ours_for_each_of_the_twenty_actions_and_fifty_seven_objects() -> None:
    specification = _specification()
    assert sorted(specification["components"]["schemas"]) == OBJECTS
    assert sorted(path.removeprefix("/") for path in specification["paths"]) == ACTIONS
    assert (len(ACTIONS), len(OBJECTS)) == (20, 57)


@pytest.mark.parametrize("root", [*ACTIONS, "ack", *OBJECTS])
def test_structure_is_that_of_the_specification(root: str) -> None:
    theirs, ours = _root(root), _ours().at(_our_reference(root))
    unwanted = [found for found in differences(theirs, ours) if not _is_the_digit_class(found)]
    assert unwanted == []


def _is_the_digit_class(difference: str) -> bool:
    """S1: ours writes [0-9] where core writes the digit class, which dialects read differently."""
    _, _, patterns = difference.partition("/pattern: ")
    theirs, _, ours = patterns.partition(" and ")
    return bool(ours) and theirs.replace(r"\\d", "[0-9]") == ours


def test_every_keyword_of_the_file_that_a_message_can_break_is_broken() -> None:
    possible = {
        (id(site.schema), mistake.keyword)
        for root in ROOTS
        for site in sites(_root(root))
        for mistake in mistakes(site, Random(0))
    }
    planned = {(id(mistake.site.schema), mistake.keyword) for chosen in _plan().values() for mistake in chosen}
    assert len(possible) > 500
    assert planned == possible


@pytest.mark.parametrize("root", ROOTS)
def test_each_planned_mistake_and_its_mended_form_are_judged_as_the_specification_judges(root: str) -> None:
    random = Random(f"{root} planned")
    for mistake in _plan()[root]:
        site = mistake.site
        wrong = placed(_root(root), site.path, random.choice(mistake.values), random)
        right = placed(_root(root), site.path, valid(site.schema, random, 0.3), random)
        for formats in (False, True):
            refused = formats or mistake.keyword != "format"
            assert _verdicts(root, wrong, formats) == (not refused, not refused), (mistake.keyword, wrong)
            assert _verdicts(root, right, formats) == (True, True), right


@pytest.mark.parametrize("root", ROOTS)
def test_random_messages_and_broken_copies_are_judged_as_the_specification_judges(root: str) -> None:
    random = Random(f"{root} random")
    for _ in range(RANDOM):
        message = valid(_root(root), random, random.choice((0.2, 0.4, 0.7)))
        assert _verdicts(root, message, True) == (True, True), message
        spoilt = broken(message, _root(root), random)
        assert spoilt is not None
        wrong, mistake = spoilt
        accepted = mistake.keyword == "format"
        assert _verdicts(root, wrong, True) == (False, False), (mistake.keyword, wrong)
        assert _verdicts(root, wrong, False) == (accepted, accepted), (mistake.keyword, wrong)


UUID, TIME, URI, EMAIL = "/context/message_id", "/context/timestamp", "/context/bap_uri", "/message/order/billing/email"
GPS = "/context/location/gps"

# (paragraph of docs/divergences.md, member, value, formats asserted?, the file in jsonschema, ours)
WANTED_DIFFERENCES = [
    ("S1", GPS, "١,٢", False, True, False),
    ("S1", GPS, "12.97,77.59\n", False, True, False),
    ("S1", GPS, "12.97,\u008577.59", False, True, False),
    ("S1", GPS, "12.97,\ufeff77.59", False, False, True),
    ("S2", UUID, "٣be0a1c6-6a37-4b55-9d8a-0d8f1f4a8f10", True, True, False),
    ("S2", TIME, "2026-04-01T06:30:00Z\n", True, True, False),
    ("S2", URI, "https://bhadra.example\n", True, True, False),
    ("S3", TIME, "2016-12-31T23:59:60Z", True, False, True),
    ("S3", TIME, "0000-01-01T00:00:00Z", True, False, True),
    ("S4", EMAIL, "@bhadra.example", True, True, False),
    ("S4", EMAIL, "desk@", True, True, False),
    ("S4", EMAIL, "two words@bhadra.example", True, True, False),
    ("S4", EMAIL, "desk@@bhadra.example", True, True, False),
    ("S4", EMAIL, "ü@bhadra.example", True, True, False),
    ("S4", EMAIL, "Desk <desk@bhadra.example>", True, True, False),
    ("S5", "/message/order/\ud800", "any", False, True, False),
]


@pytest.mark.parametrize(("paragraph", "member", "value", "formats", "theirs", "ours"), WANTED_DIFFERENCES)
def test_a_wanted_difference_is_as_documented(
    paragraph: str, member: str, value: str, formats: bool, theirs: bool, ours: bool
) -> None:
    message: dict[str, Any] = {"context": {"action": "select"}, "message": {"order": {}}}
    *way, name = member.removeprefix("/").split("/")
    place = message
    for step in way:
        place = place.setdefault(step, {})
    place[name] = value
    assert _verdicts("select", message, formats) == (theirs, ours)
    assert f"**{paragraph} " in (PROJECT / "docs" / "divergences.md").read_text(encoding="utf-8")
