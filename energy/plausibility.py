"""Plausibility: what of a sample can not be, judged by the battery's limits and by what came before.

Source: ENERGY 2.4 and 5. Nothing is dropped and nothing clamped here: a sample with findings is kept as it came and
flagged. The rules:

1. A register never falls, and never grows by more than the power limit × time × 1.1 (`energy.metering`, rule 1). A
   reading that breaks this never becomes the reference of later ones, until a person confirms another meter.
2. A power beyond the limit of its direction × 1.1, a state of charge outside 0 to 100 %, a temperature no battery has.
3. Over a window of at most `WINDOW`, once enough energy has moved to tell: the reported power × time against the
   registers (another sign, or another unit), and the state of charge against the registers (charge and discharge
   swapped, or a state of charge that is not this battery's).

Samples that come late are compared with the reference only. Unknown values are not judged: unknown is a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from energy.battery import Battery
from energy.metering import Sample, has_grown_plausibly

WINDOW = timedelta(hours=4)
HOLDS_AT_MOST = timedelta(minutes=20)
"""A power is taken to have held until the next sample, if that comes within this time."""
ENOUGH_PERCENT = 5
ENOUGH_WH = 2_000
UNIT_RATIO = 300
SOC_SURE_PERCENT = 2
SOC_TOLERANCE_PERCENT = 5
_POWER_MARGIN_PERCENT = 110
_THOUSAND = 1_000
_HINT_FROM = 20
_MILLION = 1_000_000
_SOC_LEAST, _SOC_MOST = Decimal(0), Decimal("1.01")
_TEMPERATURE_LEAST_C, _TEMPERATURE_MOST_C = -60, 120
_HOUR_US = 3_600_000_000
_MICROSECOND = timedelta(microseconds=1)
# Counters of 16, 23, 24 and 32 bits begin again at zero; a drop from close below one of these looks like it.
_WRAPS = tuple(2**bits for bits in (16, 23, 24, 31, 32))
_WRAP_NEAR_PERCENT = 98


class Doubt(StrEnum):
    """What can be wrong with a sample; the values are what operators see and filter by."""

    REGISTER_FELL = "register-fell"
    REGISTER_LEAPT = "register-leapt"
    POWER_BEYOND_LIMIT = "power-beyond-limit"
    POWER_SIGN_SWAPPED = "power-sign-swapped"
    POWER_UNIT_WRONG = "power-unit-wrong"
    REGISTERS_STILL = "registers-still"
    REGISTERS_SWAPPED = "registers-swapped"
    SOC_OUT_OF_RANGE = "soc-out-of-range"
    SOC_UNLIKE_ENERGY = "soc-unlike-energy"
    TEMPERATURE_OUT_OF_RANGE = "temperature-out-of-range"


ENDED_BY_METER_CHANGE = frozenset({Doubt.REGISTER_FELL, Doubt.REGISTER_LEAPT})


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt, and a sentence that says what was seen and what to look at."""

    doubt: Doubt
    sentence: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a battery can do at most, in integers: efficiencies in millionths."""

    charge_power_w: int
    discharge_power_w: int
    capacity_wh: int
    efficiency_charge_millionths: int
    efficiency_discharge_millionths: int

    @classmethod
    def of(cls, battery: Battery) -> Limits:
        """The limits of a battery of the fleet."""
        return cls(
            battery.charge_power_w,
            battery.discharge_power_w,
            int(battery.capacity_wh),
            int(battery.efficiency_charge * _MILLION),
            int(battery.efficiency_discharge * _MILLION),
        )

    @property
    def power_w(self) -> int:
        """The greatest power, either way."""
        return max(self.charge_power_w, self.discharge_power_w)

    @property
    def enough_wh(self) -> int:
        """As much energy has to move before power and registers can be told apart, whatever their resolution."""
        return max(self.capacity_wh * ENOUGH_PERCENT // 100, ENOUGH_WH)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point that later samples are compared with."""

    at: datetime
    energy_in_wh: int
    energy_out_wh: int
    soc_millionths: int | None


@dataclass(frozen=True, slots=True)
class MeterState:
    """What judging has to know of the samples so far.

    ``reference`` is the last reading whose registers were accepted, ``start`` that at which the window begins.
    ``power_w_us`` is the reported power × time since then, None once it is not known for the whole window.
    """

    newest_at: datetime
    power_w: int | None = None
    reference: Mark | None = None
    start: Mark | None = None
    power_w_us: int | None = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found, and the state to judge the next sample by."""

    findings: tuple[Finding, ...]
    state: MeterState


def judge(limits: Limits, state: MeterState | None, sample: Sample) -> Judgement:
    """Judge one sample; ``state`` None: it is the battery's first."""
    findings = list(_by_itself(limits, sample))
    if state is not None and sample.measured_at <= state.newest_at:
        return Judgement((*findings, *_late(state, sample)), state)
    mark = _mark(sample)
    if state is None:
        return Judgement(tuple(findings), MeterState(sample.measured_at, sample.power_w, mark, mark))
    against = () if mark is None or state.reference is None else _registers(limits, state.reference, mark)
    findings += against
    going_on = _going_on(state, sample)
    if mark is None or against:
        return Judgement(tuple(findings), going_on)
    going_on = replace(going_on, reference=mark)
    if state.start is None:
        return Judgement(tuple(findings), _window_from(going_on, mark))
    compared = (*_power_against_registers(limits, going_on, mark), *_soc_against_registers(limits, state.start, mark))
    is_over = mark.at - state.start.at >= WINDOW or any(one.doubt is Doubt.SOC_UNLIKE_ENERGY for one in compared)
    return Judgement((*findings, *compared), _window_from(going_on, mark) if is_over else going_on)


def with_new_meter(state: MeterState) -> MeterState:
    """The state after a person has confirmed another meter: the next reading becomes the reference as it is."""
    return replace(state, reference=None, start=None)


def _by_itself(limits: Limits, sample: Sample) -> Sequence[Finding]:
    """Rule 2."""
    findings = []
    power_w = sample.power_w or 0
    limit_w = limits.charge_power_w if power_w > 0 else limits.discharge_power_w
    if abs(power_w) * 100 > limit_w * _POWER_MARGIN_PERCENT:
        hint = _unit_hint(abs(power_w), limit_w)
        findings.append(
            Finding(Doubt.POWER_BEYOND_LIMIT, f"The power of {power_w} W is beyond the limit of {limit_w} W{hint}.")
        )
    if sample.soc is not None and not _SOC_LEAST <= sample.soc <= _SOC_MOST:
        percent = sample.soc.scaleb(2)
        sentence = f"The state of charge of {percent:f} % is not between 0 and 100 %: check its register and scale."
        findings.append(Finding(Doubt.SOC_OUT_OF_RANGE, sentence))
    celsius = sample.temperature_c
    if celsius is not None and not _TEMPERATURE_LEAST_C <= celsius <= _TEMPERATURE_MOST_C:
        sentence = f"No battery has {celsius:f} °C: check the sensor, its register and scale."
        findings.append(Finding(Doubt.TEMPERATURE_OUT_OF_RANGE, sentence))
    return findings


def _late(state: MeterState, sample: Sample) -> Sequence[Finding]:
    """A reading from before the reference can not show more than that."""
    mark, reference = _mark(sample), state.reference
    if mark is None or reference is None or mark.at > reference.at:
        return ()
    for name, earlier_wh, later_wh in _registers_of(mark, reference):
        if earlier_wh > later_wh:
            sentence = (
                f"This late reading of {_time(mark.at)} has {earlier_wh} Wh in the register of energy {name}, more "
                f"than the {later_wh} Wh of {_time(reference.at)}: is it of the same meter, and is its clock right?"
            )
            return (Finding(Doubt.REGISTER_FELL, sentence),)
    return ()


def _registers(limits: Limits, before: Mark, now: Mark) -> Sequence[Finding]:
    """Rule 1."""
    findings = []
    for name, before_wh, now_wh in _registers_of(before, now):
        if has_grown_plausibly((before.at, before_wh), (now.at, now_wh), limits.power_w):
            continue
        if now_wh < before_wh:
            findings.append(_fell(name, before_wh, now_wh))
        else:
            findings.append(_leapt(limits, name, now_wh - before_wh, now.at - before.at))
    return findings


def _fell(name: str, before_wh: int, now_wh: int) -> Finding:
    why = "If the meter was replaced or reset, confirm the change"
    for wrap in _WRAPS:
        if wrap * _WRAP_NEAR_PERCENT <= before_wh * 100 <= wrap * 100:
            why = f"It looks like a counter that begins again at {wrap}; if so, confirm a change of meters"
    sentence = (
        f"The register of energy {name} fell from {before_wh} Wh to {now_wh} Wh. Nothing is booked until it passes "
        f"{before_wh} Wh again. {why}."
    )
    return Finding(Doubt.REGISTER_FELL, sentence)


def _leapt(limits: Limits, name: str, grown_wh: int, elapsed: timedelta) -> Finding:
    elapsed_s = elapsed // timedelta(seconds=1)
    most_wh = limits.power_w * (elapsed // _MICROSECOND) * _POWER_MARGIN_PERCENT // (_HOUR_US * 100)
    hint = _unit_hint(grown_wh, most_wh)
    sentence = (
        f"The register of energy {name} grew by {grown_wh} Wh in {elapsed_s} s, where {limits.power_w} W can move "
        f"{most_wh} Wh at most{hint}. It is not booked; if the meter was replaced, confirm the change."
    )
    return Finding(Doubt.REGISTER_LEAPT, sentence)


def _power_against_registers(limits: Limits, state: MeterState, now: Mark) -> Sequence[Finding]:
    """Rule 3, power."""
    start = state.start
    if start is None or state.power_w_us is None:
        return ()
    by_power_wh = state.power_w_us // _HOUR_US
    net_wh = (now.energy_in_wh - start.energy_in_wh) - (now.energy_out_wh - start.energy_out_wh)
    if max(abs(by_power_wh), abs(net_wh)) < limits.enough_wh:
        return ()
    told = f"Since {_time(start.at)} the power says {by_power_wh:+d} Wh and the registers say {net_wh:+d} Wh"
    if by_power_wh * net_wh < 0 and 2 * min(abs(by_power_wh), abs(net_wh)) > max(abs(by_power_wh), abs(net_wh)):
        sentence = f"{told}: power must be positive while charging; check its sign."
        return (Finding(Doubt.POWER_SIGN_SWAPPED, sentence),)
    if abs(by_power_wh) >= UNIT_RATIO * max(1, abs(net_wh)) and net_wh == 0:
        return (Finding(Doubt.REGISTERS_STILL, f"{told}: the registers stand still; check where they are read from."),)
    if max(abs(by_power_wh), abs(net_wh)) >= UNIT_RATIO * max(1, min(abs(by_power_wh), abs(net_wh))):
        sentence = f"{told}: that is about a thousand times as much; check which is in kilo and which is not."
        return (Finding(Doubt.POWER_UNIT_WRONG, sentence),)
    return ()


def _soc_against_registers(limits: Limits, start: Mark, now: Mark) -> Sequence[Finding]:
    """Rule 3, state of charge."""
    if start.soc_millionths is None or now.soc_millionths is None:
        return ()
    in_wh, out_wh = now.energy_in_wh - start.energy_in_wh, now.energy_out_wh - start.energy_out_wh
    expected_wh = (
        in_wh * limits.efficiency_charge_millionths // _MILLION
        - out_wh * _MILLION // limits.efficiency_discharge_millionths
    )
    actual_wh = (now.soc_millionths - start.soc_millionths) * limits.capacity_wh // _MILLION
    tolerance_wh = limits.capacity_wh * SOC_TOLERANCE_PERCENT // 100 + (in_wh + out_wh) // 10
    if abs(actual_wh - expected_wh) <= tolerance_wh:
        return ()
    points = Decimal(now.soc_millionths - start.soc_millionths).scaleb(-4)
    told = (
        f"Since {_time(start.at)} the state of charge changed by {points:+f} points, which is {actual_wh:+d} Wh, "
        f"while the registers say {expected_wh:+d} Wh in store"
    )
    sure_wh = limits.capacity_wh * SOC_SURE_PERCENT // 100
    if actual_wh * expected_wh < 0 and min(abs(actual_wh), abs(expected_wh)) >= sure_wh:
        sentence = f"{told}: are the registers of charge and discharge swapped?"
        return (Finding(Doubt.REGISTERS_SWAPPED, sentence),)
    sentence = f"{told}: check the battery's nameplate, or whether the state of charge is that of another battery."
    return (Finding(Doubt.SOC_UNLIKE_ENERGY, sentence),)


def _going_on(state: MeterState, sample: Sample) -> MeterState:
    """The state with this sample as the newest one: the power before it held until now."""
    elapsed = sample.measured_at - state.newest_at
    moved = None
    if state.power_w_us is not None and state.power_w is not None and elapsed <= HOLDS_AT_MOST:
        moved = state.power_w_us + state.power_w * (elapsed // _MICROSECOND)
    return replace(state, newest_at=sample.measured_at, power_w=sample.power_w, power_w_us=moved)


def _window_from(state: MeterState, mark: Mark) -> MeterState:
    return replace(state, start=mark, power_w_us=0)


def _mark(sample: Sample) -> Mark | None:
    registers = sample.registers_wh
    if registers is None:
        return None
    return Mark(sample.measured_at, *registers, None if sample.soc is None else int(sample.soc * _MILLION))


def _registers_of(before: Mark, now: Mark) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    return ("in", before.energy_in_wh, now.energy_in_wh), ("out", before.energy_out_wh, now.energy_out_wh)


def _unit_hint(value: int, most: int) -> str:
    is_thousandfold = most * _HINT_FROM <= value <= most * _THOUSAND
    return ": a thousandth of it would fit, so check its unit and scale" if is_thousandfold else ""


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
