"""Dispatch: what a battery has to do now, in which stage a contract is, and how its live state is made.

A contract's plan is fixed when it is booked: constant power in its charge window, none while it holds, constant
power in its return window. What a battery has to do is the sum of the plans of its contracts, as two powers that are
never netted against each other. Times are trade time unless said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from energy.battery import Battery, PowerProfile, retained, stored_at
from energy.intervals import Interval, seconds
from energy.metering import Sample
from energy.offers import ContractState, LiveState, Quality, StorageUse

FRESH_PERIODS = 3
LOST_PERIODS = 20
_FROM_GOOD_TO_BAD = (Quality.FRESH, Quality.SUSPECT, Quality.STALE, Quality.LOST)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one contract has the battery do."""

    contract_id: str
    use: StorageUse
    profile: PowerProfile


@dataclass(frozen=True, slots=True)
class SetPoint:
    """AC powers that hold until ``valid_until``; None: no plan changes any more."""

    charge_w: int
    discharge_w: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class ScheduledPower:
    """Constant AC powers in one interval."""

    interval: Interval
    charge_w: int
    discharge_w: int


def setpoints(plans: Sequence[Plan], now: datetime) -> SetPoint:
    """What one battery does at ``now``: the sum of its plans, until the next window of any of them begins or ends."""
    return SetPoint(
        charge_w=sum(plan.profile.charge_w for plan in plans if plan.use.charge.contains(now)),
        discharge_w=sum(plan.profile.discharge_w for plan in plans if plan.use.giveback.contains(now)),
        valid_until=min((edge for plan in plans for edge in _edges(plan.use) if edge > now), default=None),
    )


def schedule(plans: Sequence[Plan], start: datetime, until: datetime) -> tuple[ScheduledPower, ...]:
    """What one battery does from ``start`` to ``until``, without gaps; neighbours differ in power."""
    pieces: list[ScheduledPower] = []
    while start < until:
        point = setpoints(plans, start)
        end = until if point.valid_until is None else min(point.valid_until, until)
        piece = ScheduledPower(Interval(start, end), point.charge_w, point.discharge_w)
        if pieces and _same_power(pieces[-1], piece):
            piece = replace(piece, interval=Interval(pieces.pop().interval.start, end))
        pieces.append(piece)
        start = end
    return tuple(pieces)


def stage(use: StorageUse, now: datetime, giveback_wh: int) -> ContractState:
    """Where a confirmed contract stands by the clock: confirmed, charging, holding, returning, completed.

    With nothing to return it is holding until the end of its return window, as long as it occupies the battery.
    """
    if now < use.charge.start:
        return ContractState.CONFIRMED
    if now < use.charge.end:
        return ContractState.IN_PROGRESS
    if now < use.giveback.end:
        returning = now >= use.giveback.start and giveback_wh > 0
        return ContractState.RETURNING if returning else ContractState.HOLDING
    return ContractState.COMPLETED


def begun(state: ContractState, *, has_moved: bool) -> ContractState:
    """The state of a contract with manual dispatch: charging has not started before energy moves (ENERGY 1.1)."""
    return ContractState.NOT_STARTED if state is ContractState.IN_PROGRESS and not has_moved else state


def next_transition(use: StorageUse, now: datetime) -> datetime | None:
    """When `stage` has to be asked again; None after the return window."""
    return min((edge for edge in _edges(use) if edge > now), default=None)


def live_state(
    plan: Plan,
    battery: Battery,
    sample: Sample,
    *,
    energy_in_wh: int,
    energy_out_wh: int,
    now: datetime,
    sample_period_s: int,
) -> LiveState:
    """The battery's latest sample as the plan's contract sees it; what the sample does not know is unknown here.

    ``energy_in_wh`` and ``energy_out_wh`` are what the meter counted for this contract up to the sample. Losses are
    what went in, has not come back and is not in store. An unknown power is told as zero.
    """
    stored_for_order_wh = stored_for(plan, battery, energy_in_wh, energy_out_wh, sample.measured_at)
    return LiveState(
        measured_at=sample.measured_at,
        soc=sample.soc,
        stored_wh=None if sample.soc is None else int(stored_at(battery, sample.soc)),
        power_w=sample.power_w or 0,
        energy_in_wh=energy_in_wh,
        energy_out_wh=energy_out_wh,
        stored_for_order_wh=stored_for_order_wh,
        losses_wh=energy_in_wh - energy_out_wh - stored_for_order_wh,
        quality=quality_of(sample, now, sample_period_s),
        age_s=_age(sample, now) // timedelta(seconds=1),
    )


def stored_for(plan: Plan, battery: Battery, energy_in_wh: int, energy_out_wh: int, moment: datetime) -> int:
    """What is in the battery for this contract, in watt-hours, never less than none: an account, not a measurement.

    What went in × charge efficiency, less what came out ÷ discharge efficiency. The standing loss counts from the end
    of charging to the start of the return, as it does in what was promised (`energy.battery.profile`).
    """
    charged, returning = plan.use.charge.end, plan.use.giveback.start
    held_s = seconds(min(max(moment, charged), returning) - charged)
    kept_wh = energy_in_wh * battery.efficiency_charge * retained(battery.standing_loss_per_day, held_s)
    return max(0, int(kept_wh - energy_out_wh / battery.efficiency_discharge))


def quality_of(sample: Sample, now: datetime, sample_period_s: int) -> Quality:
    """The worse of what the gateway said of the sample and what its age says.

    By age it is fresh up to three sample periods, then stale, and lost after twenty.
    """
    age, period = _age(sample, now), timedelta(seconds=sample_period_s)
    by_age = Quality.FRESH
    if age > FRESH_PERIODS * period:
        by_age = Quality.LOST if age > LOST_PERIODS * period else Quality.STALE
    return max(sample.quality, by_age, key=_FROM_GOOD_TO_BAD.index)


def _edges(use: StorageUse) -> tuple[datetime, ...]:
    return use.charge.start, use.charge.end, use.giveback.start, use.giveback.end


def _same_power(one: ScheduledPower, other: ScheduledPower) -> bool:
    return (one.charge_w, one.discharge_w) == (other.charge_w, other.discharge_w)


def _age(sample: Sample, now: datetime) -> timedelta:
    """How old the sample is; nothing when the gateway's clock runs ahead of ours."""
    return max(timedelta(0), now - sample.measured_at)
