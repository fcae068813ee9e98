"""Alerts: what an operator should look at now, each raised at one threshold and cleared at another.

A measure is a number that grows with the trouble. At or above ``raise_at`` the alert is raised, at or below
``clear_at`` it is cleared, and in between it stays as it was: so a value that swings around a threshold does not raise
and clear it over and over. What is not known (None) changes nothing. The measures:

* *stale data*: the age of the newest sample, in sample periods;
* *state of charge* below or above the band in which the battery is used, as a share beyond its limit;
* *late*: how far the energy of a contract is behind its plan, in percent of the whole;
* *over-temperature*: degrees Celsius;
* *missed set-point*: for how many seconds the battery has not done what it was told.

Times are trade time, as samples are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from energy.battery import Battery
from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import LiveState, StorageUse
from energy.quantities import decimal_text


class AlertKind(StrEnum):
    """What is the matter."""

    STALE_DATA = "stale-data"
    SOC_LOW = "soc-low"
    SOC_HIGH = "soc-high"
    LATE = "late"
    OVER_TEMPERATURE = "over-temperature"
    MISSED_SETPOINT = "missed-set-point"


@dataclass(frozen=True, slots=True)
class Band:
    """The two thresholds of a measure.

    Raises:
        ValueError: ``clear_at`` is not below ``raise_at``.
    """

    raise_at: Decimal
    clear_at: Decimal

    def __post_init__(self) -> None:
        if self.clear_at >= self.raise_at:
            raise ValueError(f"clear_at {self.clear_at} must be below raise_at {self.raise_at}")

    def is_raised(self, measure: Decimal | None, *, was_raised: bool) -> bool:
        """Whether the alert is raised at this measure."""
        if measure is None:
            return was_raised
        return measure > self.clear_at if was_raised else measure >= self.raise_at


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What an alert is about; there is at most one that is raised."""

    kind: AlertKind
    battery_id: str
    contract_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One measure of one thing; ``tell`` makes what a person is told about it, which is seldom needed."""

    key: AlertKey
    measure: Decimal | None
    tell: Callable[[], str] = str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert from when it was raised; ``acknowledged_at`` is wire time, the other times are trade time."""

    alert_id: str
    key: AlertKey
    sentence: str
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


def judged(known: Alert | None, finding: Finding, band: Band, now: datetime, alert_id: str) -> Alert | None:
    """The alert as it is after a finding: raised anew (with ``alert_id``), cleared, or as it was; None: there is none.

    ``known`` is the alert of the finding's key that is raised.
    """
    raised = band.is_raised(finding.measure, was_raised=known is not None)
    if known is None:
        return Alert(alert_id, finding.key, finding.tell(), now) if raised else None
    return known if raised else replace(known, cleared_at=now)


def of_sample(battery: Battery, sample: Sample) -> list[Finding]:
    """What a sample says of its battery."""
    battery_id, soc, celsius = battery.battery_id, sample.soc, sample.temperature_c
    low = None if soc is None else battery.soc_min - soc
    high = None if soc is None else soc - battery.soc_max
    return [
        Finding(AlertKey(AlertKind.SOC_LOW, battery_id), low, lambda: _soc_told(battery, soc)),
        Finding(AlertKey(AlertKind.SOC_HIGH, battery_id), high, lambda: _soc_told(battery, soc)),
        Finding(
            AlertKey(AlertKind.OVER_TEMPERATURE, battery_id),
            celsius,
            lambda: f"The battery has {celsius} °C: see to its cooling.",
        ),
    ]


def of_age(battery_id: str, measured_at: datetime, now: datetime, sample_period_s: int) -> Finding:
    """What the age of the newest sample says."""
    age_s = max(timedelta(0), now - measured_at) // timedelta(seconds=1)
    return Finding(
        AlertKey(AlertKind.STALE_DATA, battery_id),
        Decimal(age_s) / sample_period_s,
        lambda: f"The newest sample is {age_s} s old: look at the battery's gateway and its network.",
    )


def of_progress(contract_id: str, battery_id: str, use: StorageUse, giveback_wh: int, live: LiveState) -> Finding:
    """How far a contract is behind its plan of constant power, in percent of the whole, when it was measured.

    Of the return only that part is expected whose energy went in.
    """
    key = AlertKey(AlertKind.LATE, battery_id, contract_id)
    if live.measured_at >= use.giveback.start:
        whole_wh = giveback_wh * min(live.energy_in_wh, use.energy_wh) // use.energy_wh
        window, moved_wh, done = use.giveback, live.energy_out_wh, "returned"
    else:
        window, whole_wh, moved_wh, done = use.charge, use.energy_wh, live.energy_in_wh, "taken in"
    if whole_wh <= 0:
        return Finding(key, Decimal(0))
    behind = (_share_over(window, live.measured_at) * whole_wh - moved_wh) * 100 / whole_wh
    percent = decimal_text(round(behind, 1))
    return Finding(
        key, behind, lambda: f"Of {whole_wh} Wh, {moved_wh} Wh have been {done}: {percent} % behind the plan."
    )


def of_command(battery_id: str, commanded_w: int, measured_w: int | None, missed_s: int) -> Finding:
    """For how long a battery has not done what it was told."""
    does = "nothing that is known" if measured_w is None else f"{measured_w} W"
    return Finding(
        AlertKey(AlertKind.MISSED_SETPOINT, battery_id),
        Decimal(missed_s),
        lambda: f"Told {commanded_w} W (positive is charging), the battery does {does}, for {missed_s} s now.",
    )


def _soc_told(battery: Battery, soc: Decimal | None) -> str:
    percents = [
        "unknown" if share is None else decimal_text(round(share * 100, 1))
        for share in (soc, battery.soc_min, battery.soc_max)
    ]
    return "The state of charge is {} %; the battery is to be used between {} and {} %.".format(*percents)


def _share_over(window: Interval, moment: datetime) -> Decimal:
    elapsed = min(max(moment, window.start), window.end) - window.start
    microsecond = timedelta(microseconds=1)
    return Decimal(elapsed // microsecond) / ((window.end - window.start) // microsecond)
