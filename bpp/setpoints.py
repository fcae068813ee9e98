"""Set-points: what a battery is told to do, by whom, within which limits; and the port through which it is told.

A set-point always has a reversion time: who is not told again within it returns to its own control, so that a lost
connection never leaves a battery at work (SunSpec models 704 and 124; ENERGY 4, "Dispatch out"). Of several that could
command a battery one does, in this order:

1. an *emergency stop*: no power, until an operator releases it;
2. an *operator*, by hand, for a time;
3. its *contracts* with automatic dispatch, whose consent gave control away, from the start of charging to the end of
   the return: the sum of their plans, and no power while they hold;
4. nobody: the battery is left to its own control.

Contracts with manual dispatch command nothing: their provider is told what to do (`instructions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bpp.contracts import Contract
from bpp.dispatch import setpoints
from energy.battery import Battery
from energy.intervals import Interval
from energy.offers import DispatchMode
from energy.quantities import kilo_text

WHOLE_FLEET = "*"
"""The battery id of a stop of every battery."""


class Commander(StrEnum):
    """Who commands a battery."""

    STOP = "emergency-stop"
    OPERATOR = "operator"
    CONTRACTS = "contracts"


@dataclass(frozen=True, slots=True)
class Command:
    """Power at the meter (positive: charging), and after how many seconds of silence the battery is its own again."""

    battery_id: str
    power_w: int
    revert_after_s: int
    by: Commander


@dataclass(frozen=True, slots=True)
class Order:
    """A set-point that an operator gave by hand; ``until`` is wire time."""

    power_w: int
    until: datetime
    given_by: str


@dataclass(frozen=True, slots=True)
class Stop:
    """An emergency stop; ``at`` is wire time."""

    battery_id: str
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a battery should be told now, and the trade time when that has to be asked again (None: not by itself)."""

    power_w: int
    by: Commander
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a provider has to do by hand for a contract, and when."""

    contract: Contract
    what: str
    interval: Interval
    power_w: int
    energy_wh: int


class SetpointRefused(ValueError):
    """The set-point can not be given; the sentence says why."""


class SetpointLost(Exception):
    """The battery could not be reached; the sentence says why."""


class Setpoints(Protocol):
    """A way to tell batteries what to do."""

    async def tell(self, command: Command) -> None:
        """Tell it, and begin its reversion time anew.

        Raises:
            SetpointRefused: the device does not take it.
            SetpointLost: it can not be reached.
        """

    async def release(self, battery_id: str) -> None:
        """Leave the battery to its own control. Raises as `tell`."""


def check_limits(battery: Battery, power_w: int) -> None:
    """Nothing where the battery can do that.

    Raises:
        SetpointRefused: it is beyond its power.
    """
    most_w, what = (battery.charge_power_w, "charge") if power_w > 0 else (battery.discharge_power_w, "discharge")
    if abs(power_w) > most_w:
        raise SetpointRefused(
            f"{kilo_text(abs(power_w))} kW are beyond what {battery.battery_id} can {what}: {kilo_text(most_w)} kW."
        )


def limited(battery: Battery, power_w: int) -> int:
    """A planned power within the limits that the battery has now; plans are cut, facts never."""
    return max(-battery.discharge_power_w, min(power_w, battery.charge_power_w))


def wanted(
    contracts: Iterable[Contract], order: Order | None, stop: Stop | None, now: datetime, wire: datetime
) -> Wanted | None:
    """Who commands a battery and what, at trade time ``now``; None: nobody."""
    if stop is not None:
        return Wanted(0, Commander.STOP, None)
    if order is not None and wire < order.until:
        return Wanted(order.power_w, Commander.OPERATOR, None)
    automatic = [each for each in contracts if each.mode is DispatchMode.AUTOMATIC]
    running = [each.plan for each in automatic if each.use.booked.contains(now)]
    if not running:
        return None
    point = setpoints([each.plan for each in automatic], now)
    return Wanted(point.charge_w - point.discharge_w, Commander.CONTRACTS, point.valid_until)


def next_change(contracts: Iterable[Contract], now: datetime) -> datetime | None:
    """When a battery that nobody commands has to be looked at again: the next start of charging."""
    starts = [each.use.charge.start for each in contracts if each.mode is DispatchMode.AUTOMATIC]
    return min((start for start in starts if start > now), default=None)


def instructions(contracts: Iterable[Contract], window: Interval) -> Sequence[Instruction]:
    """What has to be done by hand in the window, in order of time."""
    found = []
    for contract in contracts:
        if contract.mode is not DispatchMode.MANUAL:
            continue
        plan, use = contract.profile, contract.use
        found.append(Instruction(contract, "charge", use.charge, plan.charge_w, use.energy_wh))
        if plan.giveback_wh:
            found.append(Instruction(contract, "return", use.giveback, plan.discharge_w, plan.giveback_wh))
    due = [each for each in found if each.interval.intersection(window) is not None]
    return sorted(due, key=lambda each: (each.interval.start, each.contract.contract_id))
