"""The table of the rules."""

from __future__ import annotations

import re

from conformance.rules import RULES
from conformance.verdicts import Severity
from protocol.actions import Role

IDS = [rule.id for rule in RULES[Role.BPP]]


def test_every_rule_has_an_id_of_its_own_that_can_be_cited() -> None:
    assert len(set(IDS)) == len(IDS)
    assert all(re.fullmatch(r"[a-z_-]+", id_) for id_ in IDS)


def test_every_rule_says_what_it_asks_for_and_where_it_comes_from() -> None:
    assert all(rule.title and rule.source for rule in RULES[Role.BPP])


def test_closed_schemas_and_limits_of_ones_own_are_no_must() -> None:
    should = {rule.id for rule in RULES[Role.BPP] if rule.severity is Severity.SHOULD}

    assert {"search-storage", "flow-storage", "auth-window", "body-large"} <= should


def test_the_search_comes_before_what_builds_on_its_catalog() -> None:
    assert IDS.index("search-answer") < IDS.index("select-unknown-item") < IDS.index("flow-select")
