"""Battery physics: what fits in, what is left after a while, what comes out again.

Source: ENERGY 2.1. Contracts and meters count AC watt-hours at the meter; ``stored_wh`` is energy inside the
battery, counted from empty. In × charge efficiency, out ÷ discharge efficiency, and the store loses a share
of itself over time:

    S(t+dt) = eps × S(t) + eta_c × P_charge × dt − P_discharge × dt ÷ eta_d,   eps = (1 − d) ^ (dt ÷ 24 h)

Charge and discharge are two non-negative powers, never one with a sign. Facts are never clamped, plans are: a
state of charge outside the limits is computed with as it came, while a power limit outside them is zero. All
shares and efficiencies are `Decimal` fractions of one. Every result comes from one fixed decimal precision,
whatever the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from functools import lru_cache
from typing import Protocol

from energy.intervals import Interval, seconds
from energy.offers import Place, StorageUse
from energy.searches import BatterySpecification

TAPER_FROM = Decimal("0.9")
TAPER_FLOOR = Decimal("0.05")
_DAY_S = 86_400
_HOUR_US = 3_600_000_000
_MICROSECOND = timedelta(microseconds=1)
_CONTEXT = Context(prec=34)


@dataclass(frozen=True, slots=True)
class Battery:
    """One battery: what it is (ENERGY 2.1), where it is, and between which limits it is used.

    ``meter_address`` is its DER address (``der://meter/...``). ``soc_min`` to ``soc_max`` is the band that is
    used, ``soc_reserve`` the share above ``soc_min`` that its owner keeps. ``cycles`` is what its management system
    counted (NCyc). The warranty limits what may be stored and returned in a calendar year, as energy, as equivalent
    full cycles, or both; None: no limit.

    Raises:
        ValueError: the values contradict each other; the sentence names the field.
    """

    battery_id: str
    name: str
    place: Place
    meter_address: str
    energy_nominal_wh: int
    charge_power_w: int
    discharge_power_w: int
    soc_min: Decimal
    soc_max: Decimal
    soc_reserve: Decimal
    soh: Decimal
    efficiency_charge: Decimal
    efficiency_discharge: Decimal
    standing_loss_per_day: Decimal
    chemistry: str
    site_id: str | None = None
    cycles: Decimal = Decimal(0)
    warranty_energy_wh_per_year: int | None = None
    warranty_cycles_per_year: Decimal | None = None

    def __post_init__(self) -> None:
        _check_presence(self)
        _check_shares(self)
        _check_wear(self)
        if not (-90 <= self.place.latitude <= 90 and -180 <= self.place.longitude <= 180):
            raise ValueError(f"place {self.place.latitude},{self.place.longitude} is not on the globe")

    @property
    def capacity_wh(self) -> Decimal:
        """All it can hold today: E_nom × SoH."""
        with localcontext(_CONTEXT):
            return self.energy_nominal_wh * self.soh

    @property
    def usable_energy_wh(self) -> int:
        """What may be sold, inside the battery: E_nom × SoH × (soc_max − soc_min − reserve), rounded down."""
        with localcontext(_CONTEXT):
            return _floor(self.capacity_wh * (self.soc_max - self.soc_min - self.soc_reserve))

    @property
    def efficiency_round_trip(self) -> Decimal:
        """eta_c × eta_d."""
        return self.efficiency_charge * self.efficiency_discharge

    @property
    def yearly_energy_wh(self) -> int | None:
        """The most energy, inside the battery, that its warranty lets through in a year; a full cycle is E_use."""
        limits_wh = [] if self.warranty_energy_wh_per_year is None else [self.warranty_energy_wh_per_year]
        if self.warranty_cycles_per_year is not None:
            with localcontext(_CONTEXT):
                limits_wh.append(_floor(self.warranty_cycles_per_year * self.usable_energy_wh))
        return min(limits_wh, default=None)

    @property
    def specification(self) -> BatterySpecification:
        """What an offer tells about it."""
        names = [field.name for field in fields(BatterySpecification)]
        return BatterySpecification(**{name: getattr(self, name) for name in names})


class Losing(Protocol):
    """What has to be known of a battery to tell what comes back of what goes in."""

    @property
    def efficiency_charge(self) -> Decimal:
        """eta_c."""

    @property
    def efficiency_discharge(self) -> Decimal:
        """eta_d."""

    @property
    def standing_loss_per_day(self) -> Decimal:
        """d."""


@dataclass(frozen=True, slots=True)
class PowerProfile:
    """The fixed plan of one storage use: constant power in each window (ENERGY 2.2, rule iii).

    ``charge_w`` and ``discharge_w`` are AC; ``stored_wh`` is what the capacity book reserves in the battery
    from start of charging to end of return; ``giveback_wh`` is the AC energy that will come back.
    """

    charge_w: int
    discharge_w: int
    stored_wh: int
    giveback_wh: int


def profile(battery: Losing, use: StorageUse) -> PowerProfile:
    """How the battery would serve the use; whether that fits its limits is for the capacity book to say.

    What an offer tells of a battery is enough, so a buyer computes the same profile as the operator.
    Power is rounded up, and the reserved energy is what that power puts into the store; the promised energy is
    rounded down. No more comes back than is asked back.

    Raises:
        ValueError: no energy, or the return begins before charging ends.
    """
    if use.energy_wh <= 0:
        raise ValueError(f"{use.energy_wh} Wh is no amount of energy to store")
    if use.giveback.start < use.charge.end:
        raise ValueError("the energy is given back before it has been charged")
    held_s = seconds(use.giveback.start - use.charge.end)
    with localcontext(_CONTEXT):
        stored = use.energy_wh * battery.efficiency_charge
        kept = stored * retained(battery.standing_loss_per_day, held_s)
        promised_wh = _floor(kept * battery.efficiency_discharge)
    giveback_wh = promised_wh if use.return_wh is None else min(promised_wh, use.return_wh)
    charge_w = constant_power_w(use.energy_wh, use.charge)
    return PowerProfile(
        charge_w=charge_w,
        discharge_w=constant_power_w(giveback_wh, use.giveback),
        stored_wh=_taken_in_wh(battery, charge_w, use.charge),
        giveback_wh=giveback_wh,
    )


@lru_cache(maxsize=4096)
def retained(standing_loss_per_day: Decimal, held_s: Decimal) -> Decimal:
    """eps: the share of the stored energy that is still there after ``held_s`` seconds.

    Raises:
        ValueError: a negative duration.
    """
    if held_s < 0:
        raise ValueError(f"energy can not be held for {held_s} seconds")
    with localcontext(_CONTEXT):
        return (1 - standing_loss_per_day) ** (held_s / _DAY_S)


def stored_after(battery: Battery, stored_wh: Decimal, charge_w: int, discharge_w: int, duration_s: Decimal) -> Decimal:
    """The stored energy after ``duration_s`` at constant AC powers: the recursion above, never clamped.

    Raises:
        ValueError: a negative power or duration.
    """
    if charge_w < 0 or discharge_w < 0:
        raise ValueError("charge and discharge power are two values that are never negative")
    with localcontext(_CONTEXT):
        hours = duration_s / 3600
        kept = stored_wh * retained(battery.standing_loss_per_day, duration_s)
        taken = battery.efficiency_charge * charge_w * hours
        return kept + taken - discharge_w * hours / battery.efficiency_discharge


def charge_limit_w(battery: Battery, stored_wh: Decimal) -> int:
    """The highest AC charge power now: full up to 90 % of the band, zero at and above ``soc_max``.

    In between it falls linearly, towards 5 % of full power.
    """
    with localcontext(_CONTEXT):
        level = soc(battery, stored_wh)
        if level >= battery.soc_max:
            return 0
        knee = battery.soc_min + TAPER_FROM * (battery.soc_max - battery.soc_min)
        beyond = max(Decimal(0), level - knee) / (battery.soc_max - knee)
        return _floor(battery.charge_power_w * (1 - beyond * (1 - TAPER_FLOOR)))


def discharge_limit_w(battery: Battery, stored_wh: Decimal) -> int:
    """The highest AC discharge power now: full above ``soc_min`` + reserve, zero at and below."""
    floor = battery.soc_min + battery.soc_reserve
    return battery.discharge_power_w if soc(battery, stored_wh) > floor else 0


def soc(battery: Battery, stored_wh: Decimal) -> Decimal:
    """State of charge: stored ÷ (E_nom × SoH), a fraction of one, never clamped."""
    with localcontext(_CONTEXT):
        return stored_wh / battery.capacity_wh


def stored_at(battery: Battery, level: Decimal) -> Decimal:
    """Watt-hours in store at a state of charge; the inverse of `soc`."""
    with localcontext(_CONTEXT):
        return level * battery.capacity_wh


def metered_efficiency(
    battery: Battery, energy_in_wh: int, energy_out_wh: int, stored_change_wh: Decimal = Decimal(0)
) -> Decimal | None:
    """Round-trip efficiency over a period: E_out ÷ (E_in − dS ÷ eta_c); None when nothing was taken in.

    ``stored_change_wh`` is the stored energy at the end less that at the start; zero on closed cycles.
    """
    with localcontext(_CONTEXT):
        taken = energy_in_wh - stored_change_wh / battery.efficiency_charge
        return energy_out_wh / taken if taken > 0 else None


def equivalent_full_cycles(battery: Battery, energy_out_wh: int) -> Decimal:
    """EFC: all discharged energy ÷ usable energy (ENERGY 2.1)."""
    with localcontext(_CONTEXT):
        return Decimal(energy_out_wh) / battery.usable_energy_wh


def availability(available_w: Sequence[int], contracted_w: int) -> Decimal | None:
    """The mean over the intervals of min(1, available ÷ contracted power); None without intervals.

    Raises:
        ValueError: ``contracted_w`` is not positive.
    """
    if contracted_w <= 0:
        raise ValueError(f"{contracted_w} W is no contracted power")
    if not available_w:
        return None
    with localcontext(_CONTEXT):
        counted_w = sum(min(power_w, contracted_w) for power_w in available_w)
        return Decimal(counted_w) / (contracted_w * len(available_w))


def constant_power_w(energy_wh: int, window: Interval) -> int:
    """The least whole AC power that moves the energy within the window."""
    return -(-energy_wh * _HOUR_US // ((window.end - window.start) // _MICROSECOND))


def _taken_in_wh(battery: Losing, charge_w: int, window: Interval) -> int:
    """What a constant AC charge power puts into the store within the window, rounded up."""
    with localcontext(_CONTEXT):
        taken = battery.efficiency_charge * charge_w * ((window.end - window.start) // _MICROSECOND) / _HOUR_US
        return int(taken.to_integral_value(ROUND_CEILING))


def _floor(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_FLOOR))


def _check_presence(battery: Battery) -> None:
    for name in ("battery_id", "name", "meter_address", "chemistry"):
        if not getattr(battery, name).strip():
            raise ValueError(f"{name} of a battery is empty")
    for name in ("energy_nominal_wh", "charge_power_w", "discharge_power_w"):
        if getattr(battery, name) <= 0:
            raise ValueError(f"{name} of battery {battery.battery_id} is {getattr(battery, name)}, not positive")


def _check_shares(battery: Battery) -> None:
    for name in ("soh", "efficiency_charge", "efficiency_discharge"):
        if not 0 < getattr(battery, name) <= 1:
            raise ValueError(f"{name} of battery {battery.battery_id} is {getattr(battery, name)}, not in (0, 1]")
    loss = battery.standing_loss_per_day
    if not 0 <= loss < 1:
        raise ValueError(f"standing_loss_per_day of battery {battery.battery_id} is {loss}, not in [0, 1)")
    if battery.soc_min < 0 or battery.soc_max > 1 or battery.soc_reserve < 0:
        raise ValueError(f"the SoC limits of battery {battery.battery_id} are not within 0 and 1")
    if battery.usable_energy_wh <= 0:
        raise ValueError(f"soc_min + soc_reserve of battery {battery.battery_id} leave nothing below soc_max")


def _check_wear(battery: Battery) -> None:
    for name in ("cycles", "warranty_energy_wh_per_year", "warranty_cycles_per_year"):
        value = getattr(battery, name)
        if value is not None and value < 0:
            raise ValueError(f"{name} of battery {battery.battery_id} is {value}, but wear is never negative")
