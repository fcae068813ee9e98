"""Plausibility: each way in which a meter can be wrong has its own finding, and a meter that is right has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.metering import Sample
from energy.offers import Quality
from energy.plausibility import Doubt, Finding, Limits, MeterState, judge, with_new_meter
from tests.energy.examples import BATTERY, NOVEMBER

LIMITS = replace(
    Limits.of(BATTERY),
    charge_power_w=100_000,
    discharge_power_w=100_000,
    capacity_wh=400_000,
    efficiency_charge_millionths=940_000,
    efficiency_discharge_millionths=940_000,
)
MINUTE = timedelta(minutes=1)


def reading(minute: int, in_wh: int | None, out_wh: int | None = 0, **more: Any) -> Sample:
    known: dict[str, Any] = {"soc": None, "power_w": None, "quality": Quality.FRESH, "source": "test", "sequence": 1}
    return Sample("b", NOVEMBER + minute * MINUTE, energy_in_wh=in_wh, energy_out_wh=out_wh, **(known | more))


def judged(*samples: Sample, limits: Limits = LIMITS) -> tuple[list[Finding], MeterState]:
    """What is found in samples that come in this order, and the state afterwards."""
    state, findings = None, []
    for sample in samples:
        judgement = judge(limits, state, sample)
        state = judgement.state
        findings += judgement.findings
    assert state is not None
    return findings, state


def doubts(*samples: Sample) -> set[Doubt]:
    return {finding.doubt for finding in judged(*samples)[0]}


def hours(count: int, *, power_w: int, wh_per_hour: int, out_wh_per_hour: int = 0, soc: Sequence[Decimal] = ()) -> Any:
    """A sample every five minutes for some hours of constant power."""
    for step in range(count * 12 + 1):
        level = None if not soc else soc[0] + (soc[1] - soc[0]) * step / (count * 12)
        yield reading(step * 5, wh_per_hour * step // 12, out_wh_per_hour * step // 12, power_w=power_w, soc=level)


def test_a_first_sample_and_one_that_goes_on_are_not_doubted() -> None:
    findings, state = judged(reading(0, 1_000), reading(5, 5_000))
    assert findings == []
    assert state.reference is not None
    assert state.reference.energy_in_wh == 5_000


def test_a_register_that_falls_is_doubted_and_never_becomes_the_reference() -> None:
    findings, state = judged(reading(0, 5_000), reading(5, 0), reading(10, 500))
    assert [finding.doubt for finding in findings] == [Doubt.REGISTER_FELL, Doubt.REGISTER_FELL]
    assert "fell from 5000 Wh to 0 Wh" in findings[0].sentence
    assert "confirm the change" in findings[0].sentence
    assert state.reference is not None
    assert state.reference.energy_in_wh == 5_000


def test_a_zero_for_a_moment_costs_one_finding_and_the_next_reading_is_accepted() -> None:
    findings, state = judged(reading(0, 5_000), reading(5, 0), reading(10, 6_000))
    assert [finding.doubt for finding in findings] == [Doubt.REGISTER_FELL]
    assert state.reference is not None
    assert state.reference.energy_in_wh == 6_000


@pytest.mark.parametrize("bits", [23, 32])
def test_a_counter_that_wraps_is_told_as_such(bits: int) -> None:
    findings, _ = judged(reading(0, 2**bits - 50), reading(5, 30))
    assert f"begins again at {2**bits}" in findings[0].sentence


def test_a_register_that_grows_faster_than_power_allows_is_doubted() -> None:
    # In five minutes 100 kW move 8,333 Wh, and with the margin of ten percent 9,166 and the one that rounding hides.
    assert doubts(reading(0, 0), reading(5, 9_167)) == set()
    assert doubts(reading(0, 0), reading(5, 9_168)) == {Doubt.REGISTER_LEAPT}


def test_a_register_in_another_unit_is_told_with_a_hint() -> None:
    findings, _ = judged(reading(0, 5_000), reading(5, 5_000_000))
    assert findings[0].doubt is Doubt.REGISTER_LEAPT
    assert "a thousandth of it would fit" in findings[0].sentence


def test_after_a_confirmed_change_of_meters_the_new_register_is_the_reference() -> None:
    _, state = judged(reading(0, 5_000), reading(5, 0))
    judgement = judge(LIMITS, with_new_meter(state), reading(10, 10))
    assert judgement.findings == ()
    assert judgement.state.reference is not None
    assert judgement.state.reference.energy_in_wh == 10


def test_a_late_reading_is_compared_with_the_reference_and_changes_nothing() -> None:
    findings, state = judged(reading(0, 1_000), reading(10, 2_000), reading(5, 1_500), reading(5, 2_500))
    assert [finding.doubt for finding in findings] == [Doubt.REGISTER_FELL]
    assert "late reading" in findings[0].sentence
    assert state.reference is not None
    assert state.reference.energy_in_wh == 2_000


def test_the_same_reading_again_is_not_doubted() -> None:
    assert doubts(reading(0, 1_000), reading(5, 2_000), reading(5, 2_000)) == set()


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"power_w": 110_001}, Doubt.POWER_BEYOND_LIMIT),
        ({"power_w": -110_001}, Doubt.POWER_BEYOND_LIMIT),
        ({"soc": Decimal("-0.01")}, Doubt.SOC_OUT_OF_RANGE),
        ({"soc": Decimal("1.02")}, Doubt.SOC_OUT_OF_RANGE),
        ({"temperature_c": Decimal(215)}, Doubt.TEMPERATURE_OUT_OF_RANGE),
    ],
)
def test_a_value_that_no_battery_has_is_doubted(changes: dict[str, Any], doubt: Doubt) -> None:
    assert doubts(reading(0, 0, **changes)) == {doubt}


def test_a_power_in_milliwatts_is_told_with_a_hint() -> None:
    findings, _ = judged(reading(0, 0, power_w=50_000_000))
    assert "a thousandth of it would fit" in findings[0].sentence


def test_unknown_values_are_not_doubted() -> None:
    assert doubts(reading(0, None, None), reading(5, None, None), reading(10, 7, None)) == set()


def test_hours_of_charging_and_discharging_as_they_should_be_are_not_doubted() -> None:
    level = Decimal("0.1"), Decimal("0.1") + Decimal(4 * 80_000 * 94) / 100 / 400_000
    assert doubts(*hours(4, power_w=80_000, wh_per_hour=80_000, soc=level)) == set()


def test_swapped_signs_are_found_within_an_hour() -> None:
    findings, _ = judged(*hours(1, power_w=-80_000, wh_per_hour=80_000))
    assert {finding.doubt for finding in findings} == {Doubt.POWER_SIGN_SWAPPED}
    assert "power must be positive while charging" in findings[0].sentence


def test_kilowatts_sent_as_watts_are_found() -> None:
    assert doubts(*hours(1, power_w=80, wh_per_hour=80_000)) == {Doubt.POWER_UNIT_WRONG}


def test_registers_in_kilowatt_hours_sent_as_watt_hours_are_found() -> None:
    assert doubts(*hours(1, power_w=80_000, wh_per_hour=80)) == {Doubt.POWER_UNIT_WRONG}


def test_registers_that_stand_still_while_power_flows_are_found() -> None:
    assert doubts(*hours(1, power_w=80_000, wh_per_hour=0)) == {Doubt.REGISTERS_STILL}


def test_swapped_registers_are_found_by_the_state_of_charge() -> None:
    level = Decimal("0.2"), Decimal("0.4")
    charging = hours(1, power_w=80_000, wh_per_hour=0, out_wh_per_hour=80_000, soc=level)
    assert Doubt.REGISTERS_SWAPPED in doubts(*charging)


def test_a_state_of_charge_that_jumps_is_found_once() -> None:
    flat = [reading(minute, 0, soc=Decimal("0.5")) for minute in (0, 5)]
    after = [reading(minute, 0, soc=Decimal("1.0")) for minute in (10, 15, 20)]
    findings, _ = judged(*flat, *after)
    assert [finding.doubt for finding in findings] == [Doubt.SOC_UNLIKE_ENERGY]
    assert "+50" in findings[0].sentence


def test_a_power_that_nobody_repeated_for_long_proves_nothing() -> None:
    assert doubts(reading(0, 0, power_w=80_000), reading(240, 0, power_w=0), reading(245, 0, power_w=0)) == set()


@given(
    st.lists(
        st.tuples(st.integers(1, 10), st.integers(-10_000, 10_000) | st.none(), st.integers(-10_000, 20_000)),
        min_size=1,
        max_size=30,
    )
)
def test_the_reference_never_falls_and_only_plausible_readings_become_it(
    steps: list[tuple[int, int | None, int]],
) -> None:
    state, minute, last_wh = None, 0, 0
    for elapsed, in_wh, power_w in steps:
        minute += elapsed
        judgement = judge(LIMITS, state, reading(minute, in_wh, None if in_wh is None else 0, power_w=power_w))
        reference = judgement.state.reference
        if state is not None and state.reference is not None:
            assert reference is not None
            assert reference.energy_in_wh >= last_wh
            moved_wh = reference.energy_in_wh - last_wh
            elapsed_s = (reference.at - state.reference.at) / timedelta(seconds=1)
            assert (moved_wh - 1) * 3_600 <= LIMITS.power_w * elapsed_s * 1.1
        state, last_wh = judgement.state, 0 if reference is None else reference.energy_in_wh


@given(st.integers(1, 100_000), st.integers(1, 47))
def test_a_constant_power_with_its_own_registers_is_never_doubted(power_w: int, count: int) -> None:
    steps = [
        reading(5 * step, power_w * step // 12, power_w=power_w, soc=Decimal(power_w * step * 94) / 1_200 / 400_000)
        for step in range(min(count, 400_000 * 12 // power_w))
    ]
    assert not steps or {finding.doubt for finding in judged(*steps)[0]} <= {Doubt.SOC_OUT_OF_RANGE}
