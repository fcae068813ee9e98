"""The page about the lifecycle tells what the table says."""

from __future__ import annotations

from pathlib import Path

from protocol.lifecycle import TRANSITIONS, diagram

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"


def test_the_picture_on_the_page_is_the_one_made_from_the_table() -> None:
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text(encoding="utf-8")


def test_the_picture_shows_every_step_of_the_table() -> None:
    drawn = diagram()
    for (stage, step), following in TRANSITIONS.items():
        line = next(line for line in drawn.splitlines() if line.startswith(f"    {stage} --> {following}:"))
        assert step in line
