"""The spoilt bodies are spoilt in one way each, and who takes them, or breaks on them, fails."""

from __future__ import annotations

import gzip
import json

import pytest

from conformance.checks import bodies
from conformance.checks.bodies import Spoiler
from conformance.verdicts import Outcome
from protocol.errors import Malformed
from protocol.jsontext import parse_object
from tests.conformance.targets import Failing, Silent, Target, outcomes_on

BODY = b'{"context":{"action":"search"},"message":{"intent":{"item":{"id":"1"}}}}'
RULES = ("body-", "nack-")


@pytest.mark.parametrize("spoil", [bodies.not_json, bodies.in_an_array, bodies.with_a_key_twice, bodies.nested_deeply])
def test_a_spoilt_body_is_no_acceptable_json(spoil: Spoiler) -> None:
    assert parse_object(BODY, max_depth=64)

    with pytest.raises(Malformed):
        parse_object(spoil(BODY), max_depth=64)


def test_the_deep_body_is_the_same_message_500_levels_deeper() -> None:
    parsed = json.loads(bodies.nested_deeply(BODY))
    nested, depth = parsed["message"]["intent"].pop("nested"), 0
    while True:
        depth += 1
        if not nested:
            break
        (nested,) = nested

    assert depth == bodies.DEEP_LEVELS
    assert parsed == json.loads(BODY)


def test_the_large_body_is_the_same_message_with_five_megabytes_of_text() -> None:
    large = bodies.of_five_megabytes(BODY)
    parsed = json.loads(large)

    assert len(large) > bodies.LARGE_BYTES
    assert len(parsed["message"]["intent"].pop("short_desc")) == bodies.LARGE_BYTES
    assert parsed == json.loads(BODY)


def test_the_compressed_body_is_the_same_message_in_gzip() -> None:
    assert gzip.decompress(bodies.compressed(BODY)) == BODY


def test_a_target_that_reads_bodies_with_care_passes_every_rule_of_them() -> None:
    assert outcomes_on(Silent, *RULES) == {Outcome.PASSED}


@pytest.mark.parametrize("kind", [Target, Failing])
def test_a_target_that_takes_everything_or_breaks_fails_every_rule_of_bodies(kind: type[Target]) -> None:
    assert outcomes_on(kind, *RULES) == {Outcome.FAILED}
