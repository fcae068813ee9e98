"""``docs/contracts.md`` lists the cancellation reasons as the code has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy.cancellations import REASONS, Reason, Side

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.reason_id)
def test_the_page_lists_each_reason_with_who_may_say_it(reason: Reason) -> None:
    said = ["yes" if side in reason.sides else "" for side in (Side.CONSUMER, Side.PROVIDER)]
    row = f"| {reason.reason_id} | {reason.text} | {said[0]} | {said[1]} |".replace("|  |", "| |")
    assert row in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_page_lists_no_other_reason() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3].removeprefix("| ").isdigit()]
    assert len(rows) == len(REASONS)
