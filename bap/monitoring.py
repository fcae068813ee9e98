"""Monitoring: what a producer should be told about a running contract, from what its operator reports.

Two things are watched: whether the news is recent, and whether the energy moves as planned. All times are trade time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from energy.intervals import Interval
from energy.offers import LiveState, StorageUse
from energy.quantities import kilo_text

LATE_S = 5
SILENT_S = 65
BEHIND_PERCENT = 10


@dataclass(frozen=True, slots=True)
class LateStatus:
    """The newest status is older than it may be."""

    age_s: int
    limit_s: int

    @property
    def sentence(self) -> str:
        """For a person."""
        return f"The newest status is {self.age_s} s old; it should be at most {self.limit_s} s."


@dataclass(frozen=True, slots=True)
class BehindPlan:
    """Less energy has moved than planned; ``returning``: on the way back. Energies are AC watt-hours."""

    expected_wh: int
    moved_wh: int
    returning: bool
    measured_at: datetime

    @property
    def sentence(self) -> str:
        """For a person."""
        done = "returned" if self.returning else "taken in"
        return (
            f"{kilo_text(self.moved_wh)} kWh had been {done} by {self.measured_at:%Y-%m-%d %H:%M:%S} UTC, "
            f"where {kilo_text(self.expected_wh)} kWh were planned."
        )


Alert = LateStatus | BehindPlan


def late_status(live: LiveState, now: datetime, limit_s: int = LATE_S) -> LateStatus | None:
    """An alert when the status was measured more than ``limit_s`` ago.

    Ask when a status arrives, with `LATE_S`: it was too long on its way. Ask again and again with `SILENT_S`: then no
    status came at all, since an operator repeats even what has not changed every minute. Where trade time runs
    faster than the wall clock, the limits are to be multiplied by its speed.
    """
    age = now - live.measured_at
    if age <= timedelta(seconds=limit_s):
        return None
    return LateStatus(age // timedelta(seconds=1), limit_s)


def behind_plan(
    use: StorageUse, giveback_wh: int | None, live: LiveState, tolerance_percent: int = BEHIND_PERCENT
) -> BehindPlan | None:
    """An alert when less energy has moved than constant power would have, by more than a share of the whole.

    It is judged at the time of the measurement, so that an old status is not taken for a slow battery. Of the return
    ``giveback_wh`` (promised for the whole use; None: nobody said how much) only that part is expected whose energy
    went in.
    """
    returning = live.measured_at >= use.giveback.start
    if returning:
        if giveback_wh is None:
            return None
        whole_wh = giveback_wh * min(live.energy_in_wh, use.energy_wh) // use.energy_wh
        expected_wh, moved_wh = _expected_wh(whole_wh, use.giveback, live.measured_at), live.energy_out_wh
    else:
        whole_wh = use.energy_wh
        expected_wh, moved_wh = _expected_wh(whole_wh, use.charge, live.measured_at), live.energy_in_wh
    if (expected_wh - moved_wh) * 100 <= whole_wh * tolerance_percent:
        return None
    return BehindPlan(expected_wh, moved_wh, returning, live.measured_at)


def alerts(
    use: StorageUse, giveback_wh: int | None, live: LiveState, now: datetime, limit_s: int = SILENT_S
) -> tuple[Alert, ...]:
    """Everything worth telling of a contract between the start of charging and the end of its return."""
    if not use.booked.contains(now):
        return ()
    found = (late_status(live, now, limit_s), behind_plan(use, giveback_wh, live))
    return tuple(alert for alert in found if alert is not None)


def _expected_wh(whole_wh: int, window: Interval, moment: datetime) -> int:
    """How much of the energy should have moved by then: in proportion to the time, rounded down."""
    elapsed = min(max(moment, window.start), window.end) - window.start
    microsecond = timedelta(microseconds=1)
    return whole_wh * (elapsed // microsecond) // ((window.end - window.start) // microsecond)
