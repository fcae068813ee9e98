from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bap.monitoring import SILENT_S, BehindPlan, LateStatus, alerts, behind_plan, late_status
from energy.offers import LiveState, Quality, StorageUse
from tests.energy.examples import USE, at, uses

GIVEBACK_WH = 263_845
LIVE = LiveState(
    measured_at=at(2),
    soc=Decimal("0.4"),
    stored_wh=190_000,
    power_w=75_000,
    energy_in_wh=150_000,
    energy_out_wh=0,
    stored_for_order_wh=141_000,
    losses_wh=9_000,
    quality=Quality.FRESH,
    age_s=1,
)


def after(seconds: float) -> object:
    return late_status(LIVE, at(2) + timedelta(seconds=seconds))


def test_a_status_of_up_to_five_seconds_is_in_time_and_an_older_one_is_late() -> None:
    assert after(5) is None
    assert after(-30) is None
    assert after(5.001) == LateStatus(age_s=5, limit_s=5)
    assert after(7) == LateStatus(age_s=7, limit_s=5)
    assert LateStatus(age_s=7, limit_s=5).sentence == "The newest status is 7 s old; it should be at most 5 s."


def test_charging_at_constant_power_is_on_plan() -> None:
    assert behind_plan(USE, GIVEBACK_WH, LIVE) is None


def test_charging_is_behind_when_more_than_a_tenth_of_the_whole_is_missing() -> None:
    assert behind_plan(USE, GIVEBACK_WH, replace(LIVE, energy_in_wh=120_000)) is None
    alert = behind_plan(USE, GIVEBACK_WH, replace(LIVE, energy_in_wh=119_999))
    assert alert == BehindPlan(expected_wh=150_000, moved_wh=119_999, returning=False, measured_at=at(2))
    assert alert.sentence == ("119.999 kWh had been taken in by 2026-11-01 02:00:00 UTC, where 150 kWh were planned.")


def test_energy_that_never_came_is_missed_for_as_long_as_it_is_held() -> None:
    alert = behind_plan(USE, GIVEBACK_WH, replace(LIVE, measured_at=at(60), energy_in_wh=200_000))
    assert alert is not None
    assert (alert.expected_wh, alert.returning) == (300_000, False)


def test_when_the_return_begins_it_is_the_return_that_is_watched() -> None:
    assert behind_plan(USE, GIVEBACK_WH, replace(LIVE, measured_at=at(116), energy_in_wh=200_000)) is None


def test_a_return_is_behind_when_too_little_has_come_back() -> None:
    half_way = replace(LIVE, measured_at=at(118), energy_in_wh=300_000, energy_out_wh=131_922)
    assert behind_plan(USE, GIVEBACK_WH, half_way) is None
    alert = behind_plan(USE, GIVEBACK_WH, replace(half_way, energy_out_wh=100_000))
    assert alert == BehindPlan(expected_wh=131_922, moved_wh=100_000, returning=True, measured_at=at(118))
    assert "100 kWh had been returned" in alert.sentence


def test_of_half_the_energy_only_half_is_expected_back() -> None:
    half = replace(LIVE, measured_at=at(120), energy_in_wh=150_000, energy_out_wh=131_922)
    assert behind_plan(USE, GIVEBACK_WH, half) is None
    assert behind_plan(USE, GIVEBACK_WH, replace(half, energy_out_wh=100_000)) is not None


def test_an_old_status_is_not_taken_for_a_slow_battery() -> None:
    now = at(3)
    assert alerts(USE, GIVEBACK_WH, LIVE, now) == (LateStatus(age_s=3600, limit_s=SILENT_S),)


def test_a_contract_with_recent_news_and_on_plan_raises_nothing() -> None:
    assert alerts(USE, GIVEBACK_WH, LIVE, at(2) + timedelta(seconds=60)) == ()


def test_a_slow_battery_that_also_fell_silent_raises_two_alerts() -> None:
    slow = replace(LIVE, energy_in_wh=0)
    found = alerts(USE, GIVEBACK_WH, slow, at(2) + timedelta(seconds=66))
    assert [type(alert) for alert in found] == [LateStatus, BehindPlan]


@pytest.mark.parametrize("now", [-0.01, 120])
def test_before_and_after_its_windows_a_contract_raises_nothing(now: float) -> None:
    assert alerts(USE, GIVEBACK_WH, replace(LIVE, energy_in_wh=0), at(now)) == ()


@given(use=uses(), share=st.fractions(0, 1))
def test_energy_that_moves_at_constant_power_never_raises_an_alert(use: StorageUse, share: float) -> None:
    length = use.charge.end - use.charge.start
    elapsed = timedelta(microseconds=int(length / timedelta(microseconds=1) * share))
    live = replace(
        LIVE,
        measured_at=use.charge.start + elapsed,
        energy_in_wh=use.energy_wh * (elapsed // timedelta(microseconds=1)) // (length // timedelta(microseconds=1)),
    )
    assert behind_plan(use, 0, live) is None
