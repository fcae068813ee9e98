"""The documents name tests: each of them exists, and every row of the threat model has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
NAMED = re.compile(r"`(tests/[\w/.]*[\w])(?:::(\w+))?/?`")
ANY_TEST = re.compile(r"`(?:[\w/]*/)?test_\w+\.py`")


def threats() -> Iterator[tuple[str, str]]:
    """What each row of the threat model is about, and its cell of tests."""
    for line in (PROJECT / "docs" / "threat-model.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[-1] != "test" and set(line) - set("|- "):
            yield " ".join(cells[:-1]), cells[-1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    for path, function in NAMED.findall(document.read_text(encoding="utf-8")):
        assert (PROJECT / path).exists(), f"{document.name} names {path}, which is not there"
        if function:
            assert f"def {function}(" in (PROJECT / path).read_text(encoding="utf-8"), function


def test_every_row_of_the_threat_model_names_a_test_by_its_whole_path() -> None:
    rows = list(threats())
    assert len(rows) > 30
    assert [threat for threat, tests in rows if not NAMED.search(tests)] == []
    assert [name for _, tests in rows for name in ANY_TEST.findall(tests) if not name.startswith("`tests/")] == []
