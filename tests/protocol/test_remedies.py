"""The page of errors, and that every code of BECKN-005 is either raised and tested or written down as not met."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol import errors, remedies
from tests.protocol.test_errors import BECKN_005

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "errors.md"
DIVERGENCES = (PROJECT / "docs" / "divergences.md").read_text(encoding="utf-8")
NAMES = {value: name for name, value in vars(errors).items() if name.isupper() and value in BECKN_005}
NOT_MET = set(re.findall(r"^- \*\*(\d{5}) ", DIVERGENCES, re.MULTILINE))
PRODUCT = ("bpp", "bap", "node", "registry")
IMPORT = re.compile(r"^from \S+ import (?:\([^)]*\)|.*)$", re.MULTILINE)
WORD = re.compile(r'\b[A-Z][A-Z_]{5,}\b|"\d{5}"')
RULE = re.compile(r'"(V\d+-[a-z-]+)"')


def texts(*folders: str) -> Iterator[str]:
    """The code below these folders without its imports, and without this file."""
    for file in (file for folder in folders for file in (PROJECT / folder).rglob("*.py") if file != Path(__file__)):
        yield IMPORT.sub("", file.read_text(encoding="utf-8"))


def named_in(*folders: str) -> set[str]:
    """The codes that code there names, by constant or by number; an import alone does not count."""
    words = {word for text in texts(*folders) for word in WORD.findall(text)}
    return {code for code, name in NAMES.items() if name in words or f'"{code}"' in words}


# What is not in the tree of errors becomes a 500 NACK with this code, in `node.server`.
RAISED = named_in(*PRODUCT) | {errors.INTERNAL_ERROR}
TESTED = named_in("tests")


def test_every_code_of_beckn_005_has_a_name_a_cause_and_a_remedy() -> None:
    assert set(remedies.CODES) == set(NAMES) == BECKN_005
    for remedy in (*remedies.CODES.values(), *remedies.RULES.values()):
        assert remedy.cause.endswith(".")
        assert remedy.remedy.endswith(".")


@pytest.mark.parametrize("code", sorted(BECKN_005))
def test_a_code_is_raised_and_tested_or_written_down_as_not_met_with_the_reason(code: str) -> None:
    if code in NOT_MET:
        assert code not in RAISED, f"{code} is raised: take it out of docs/divergences.md"
    else:
        assert code in RAISED, f"{code} is raised by nothing: say why in docs/divergences.md"
        assert code in TESTED, f"{code} is raised, and no test asks for it"


def test_the_page_is_the_one_made_from_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == remedies.page(), (
        "docs/errors.md is old; write what protocol.remedies.page() gives into it"
    )


def test_every_anchor_stands_on_the_page_once() -> None:
    ids = re.findall(r'<a id="([^"]+)"></a>', remedies.page())
    assert len(ids) == len(set(ids)) == len(remedies.CODES) + len(remedies.RULES)
    for rule in remedies.RULES:
        assert remedies.anchor(f"{rule}x", "30000") in ids


def test_every_rule_of_the_checks_that_the_product_names_is_explained() -> None:
    named = {text for source in texts("protocol", *PRODUCT) for text in RULE.findall(source)}
    assert len(named) >= 18
    assert {rule for rule in named if remedies.rule_of(rule) is None} == set()


@pytest.mark.parametrize(
    ("rule", "anchor"),
    [
        ("V13-core-1.1.1/required", "v13-core"),
        ("V14-battery-storage-1/type", "v14"),
        ("V14-storage", "v14"),
        ("V1-duplicate-key", "v1-duplicate-key"),
        ("registry-lookup", "registry"),
        ("trade-40002", "40002"),
        ("NotValid", "40002"),
    ],
)
def test_a_refusal_is_explained_at_its_rule_or_else_at_its_code(rule: str, anchor: str) -> None:
    assert remedies.anchor(rule, "40002") == anchor
