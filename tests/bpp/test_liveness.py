"""When the other side hears of a contract: exactly for four reasons, each judged against what was told last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.liveness import POWER_CHANGE_PERCENT, SOC_CHANGE, TOLD_EVERY_S, Glance, Worth, silent_at, worth_telling
from energy.offers import ContractState, Quality
from tests.energy.examples import at

TOLD = Glance(ContractState.IN_PROGRESS, Quality.FRESH, Decimal("0.4"), 50_000)
SOON = at(0) + timedelta(seconds=5)
LIVELY = (ContractState.IN_PROGRESS, ContractState.HOLDING, ContractState.RETURNING)
glances = st.builds(
    Glance,
    st.sampled_from(LIVELY),
    st.sampled_from(Quality),
    st.none() | st.integers(0, 1_000).map(lambda tenths: Decimal(tenths) / 1_000),
    st.integers(-60_000, 60_000),
)


@pytest.mark.parametrize(
    ("current", "worth"),
    [
        ({}, None),
        ({"soc": Decimal("0.4049")}, None),
        ({"soc": Decimal("0.405")}, Worth.CHARGE),
        ({"soc": Decimal("0.395")}, Worth.CHARGE),
        ({"soc": None}, Worth.CHARGE),
        ({"power_w": 52_499}, None),
        ({"power_w": 52_500}, Worth.POWER),
        ({"power_w": 47_500}, Worth.POWER),
        ({"power_w": 0}, Worth.POWER),
        ({"quality": Quality.STALE}, Worth.STATE),
        ({"state": ContractState.HOLDING}, Worth.STATE),
    ],
)
def test_what_changed_little_is_not_told_and_what_changed_much_is(
    current: dict[str, object], worth: Worth | None
) -> None:
    assert worth_telling(TOLD, at(0), replace(TOLD, **current), SOON) is worth  # type: ignore[arg-type]


def test_a_battery_that_rests_is_told_of_as_soon_as_it_starts() -> None:
    resting = replace(TOLD, power_w=0, soc=None)
    assert worth_telling(resting, at(0), resting, SOON) is None
    assert worth_telling(resting, at(0), replace(resting, power_w=1), SOON) is Worth.POWER


def test_after_a_minute_of_silence_even_nothing_new_is_told() -> None:
    assert silent_at(at(0)) == at(0) + timedelta(seconds=60)
    assert worth_telling(TOLD, at(0), TOLD, at(0) + timedelta(seconds=59.999)) is None
    assert worth_telling(TOLD, at(0), TOLD, at(0) + timedelta(seconds=60)) is Worth.SILENCE


def test_the_first_state_is_always_told() -> None:
    assert worth_telling(None, None, TOLD, SOON) is Worth.STATE
    assert worth_telling(TOLD, None, TOLD, SOON) is Worth.STATE


@given(glances, glances, st.floats(0, 120))
def test_something_is_told_exactly_when_one_of_the_four_holds(told: Glance, current: Glance, silence_s: float) -> None:
    now = at(0) + timedelta(seconds=silence_s)
    if told.soc is None or current.soc is None:
        charge = (told.soc is None) != (current.soc is None)
    else:
        charge = abs(current.soc - told.soc) >= SOC_CHANGE
    change_w = abs(current.power_w - told.power_w)
    reasons = {
        Worth.STATE: (told.state, told.quality) != (current.state, current.quality),
        Worth.CHARGE: charge,
        Worth.POWER: change_w > 0 and change_w * 100 >= abs(told.power_w) * POWER_CHANGE_PERCENT,
        Worth.SILENCE: now - at(0) >= timedelta(seconds=TOLD_EVERY_S),
    }
    first = next((worth for worth, holds in reasons.items() if holds), None)
    assert worth_telling(told, at(0), current, now) is first


@given(st.lists(glances, min_size=1, max_size=60), st.lists(st.integers(1, 50), min_size=60, max_size=60))
def test_the_other_side_never_believes_what_is_further_off_than_the_limits(
    seen: Sequence[Glance], steps_s: Sequence[int]
) -> None:
    """Followed sample by sample, what was told last is at any time as near to what is as the rules promise."""
    told: Glance | None = None
    told_at: datetime | None = None
    now = at(0)
    for current, step_s in zip(seen, steps_s, strict=False):
        now += timedelta(seconds=step_s)
        if worth_telling(told, told_at, current, now) is not None:
            told, told_at = current, now
        assert told is not None
        assert told_at is not None
        assert (told.state, told.quality) == (current.state, current.quality)
        assert (told.soc is None) == (current.soc is None)
        assert told.soc is None or current.soc is None or abs(told.soc - current.soc) < SOC_CHANGE
        assert now - told_at < timedelta(seconds=TOLD_EVERY_S)
