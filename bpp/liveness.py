"""Liveness: when the other side hears of a running contract. Exactly four things are worth an ``on_status``:

1. *state*: another state of the contract, or of its data (fresh, stale, lost, suspect), or nothing was told yet;
2. *charge*: the state of charge moved by half a point or more since it was told, or became known or unknown;
3. *power*: the power changed by five percent or more of what was told, from zero by anything;
4. *silence*: nothing was told for `TOLD_EVERY_S` of wall time.

Each is judged against what was told last, never against the last sample, so that many small steps add up. The other
side reckons with these four: a change here is a change of what it may call late (`bap.monitoring.SILENT_S`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from energy.offers import ContractState, LiveState, Quality

SOC_CHANGE = Decimal("0.005")
POWER_CHANGE_PERCENT = 5
TOLD_EVERY_S = 60


class Worth(StrEnum):
    """Why something is told."""

    STATE = "state"
    CHARGE = "charge"
    POWER = "power"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Glance:
    """What is looked at: a contract's state, and its battery's values; ``power_w`` is positive while charging."""

    state: ContractState
    quality: Quality
    soc: Decimal | None
    power_w: int

    @classmethod
    def of(cls, state: ContractState, live: LiveState) -> Glance:
        """What was told."""
        return cls(state, live.quality, live.soc, live.power_w)


def worth_telling(told: Glance | None, told_at: datetime | None, current: Glance, now: datetime) -> Worth | None:
    """Why ``current`` is worth telling, the first reason of the four; None: it is not. Times are wire time."""
    if told is None or told_at is None:
        return Worth.STATE
    if (current.state, current.quality) != (told.state, told.quality):
        return Worth.STATE
    if _soc_changed(told.soc, current.soc):
        return Worth.CHARGE
    if _power_changed(told.power_w, current.power_w):
        return Worth.POWER
    return Worth.SILENCE if now >= silent_at(told_at) else None


def silent_at(told_at: datetime) -> datetime:
    """When something has to be told even if nothing changes; wire time."""
    return told_at + timedelta(seconds=TOLD_EVERY_S)


def _soc_changed(told: Decimal | None, current: Decimal | None) -> bool:
    if told is None or current is None:
        return told is not current
    return abs(current - told) >= SOC_CHANGE


def _power_changed(told_w: int, current_w: int) -> bool:
    change_w = abs(current_w - told_w)
    return change_w > 0 and change_w * 100 >= abs(told_w) * POWER_CHANGE_PERCENT
