"""The life of a transaction: what the table allows leads where it says, everything else is refused."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.actions import ACTIONS, REQUESTS
from protocol.errors import TradeRefused
from protocol.lifecycle import SETTLE, TRANSITIONS, Stage, after

LEGAL = {
    "NEW": {"select": "SELECTED"},
    "SELECTED": {"select": "SELECTED", "init": "INITIALISED"},
    "INITIALISED": {"select": "SELECTED", "init": "INITIALISED", "confirm": "ACTIVE"},
    "ACTIVE": {
        "status": "ACTIVE",
        "track": "ACTIVE",
        "update": "ACTIVE",
        "rating": "ACTIVE",
        "support": "ACTIVE",
        "cancel": "CANCELLED",
        "settle": "COMPLETE",
    },
    "COMPLETE": dict.fromkeys(("status", "track", "update", "rating", "support"), "COMPLETE"),
    "CANCELLED": dict.fromkeys(("status", "update", "rating", "support"), "CANCELLED"),
}
STEPS = [*ACTIONS, SETTLE, "haggle", ""]
ILLEGAL = [(stage, step) for stage, step in product(Stage, STEPS) if step not in LEGAL[stage]]


def test_the_table_is_the_one_that_both_sides_walk() -> None:
    assert {
        (Stage(stage), step): Stage(to) for stage, steps in LEGAL.items() for step, to in steps.items()
    } == TRANSITIONS


@pytest.mark.parametrize(("stage", "step"), sorted(TRANSITIONS))
def test_a_step_of_the_table_leads_where_the_table_says(stage: Stage, step: str) -> None:
    assert after(stage, step) is TRANSITIONS[stage, step]


@pytest.mark.parametrize(("stage", "step"), ILLEGAL)
def test_a_step_that_is_not_in_the_table_is_refused_with_what_is_possible(stage: Stage, step: str) -> None:
    with pytest.raises(TradeRefused) as caught:
        after(stage, step)
    assert caught.value.trade_code == {"cancel": "50001", "update": "50002"}.get(step, "40001")
    assert caught.value.diagnosis.path == "/context/action"
    possible = caught.value.sentence.partition("possible now: ")[2].removesuffix(".").split(", ")
    assert set(possible) == set(LEGAL[stage]) - {SETTLE}


def test_a_second_confirm_is_refused() -> None:
    with pytest.raises(TradeRefused, match="confirm is not possible while the transaction is ACTIVE"):
        after(Stage.ACTIVE, "confirm")


def test_the_whole_trade_walks_from_new_to_complete() -> None:
    stage = Stage.NEW
    for step in ("select", "init", "confirm", "status", "update", SETTLE, "rating"):
        stage = after(stage, step)
    assert stage is Stage.COMPLETE


@given(st.lists(st.sampled_from([*REQUESTS, SETTLE])))
def test_no_sequence_of_steps_leaves_a_finished_transaction_or_reopens_a_confirmed_one(steps: list[str]) -> None:
    order = [Stage.NEW, Stage.SELECTED, Stage.INITIALISED]
    stage = Stage.NEW
    for step in steps:
        before = stage
        try:
            stage = after(before, step)
        except TradeRefused:
            continue
        assert stage is before or before in {*order, Stage.ACTIVE}
        assert stage not in order or before in order
