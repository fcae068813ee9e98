"""A battery that follows a schedule and reads its own meter: the physics of ENERGY 2.1 in small steps of trade time.

- It does what its schedule orders as far as its limits allow: full power, less in the last tenth of the band (taper),
  nothing above ``soc_max``, and nothing out of the store at or below ``soc_min`` + reserve.
- Charging and discharging are two powers. A battery is many strings, so one contract may charge while another is
  returned, and each direction has a meter register of its own; they are never netted.
- A schedule ends with its ``valid_until``: a battery that hears nothing any more goes to rest (reversion).
- The standing loss never rests.
- While it is ordered to move, it is computed in steps of at most a minute, and each step keeps its power. A battery at
  rest needs no small steps: its loss over one long time is the product of those over the parts.
- The registers count AC watt-hours. Nothing is rounded on the way; the whole watt-hours of the exact sum are what a
  sample tells, so registers never fall and never drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from energy.battery import Battery, charge_limit_w, discharge_limit_w, soc, stored_after, stored_at
from energy.intervals import Interval, align_down, seconds
from energy.metering import Sample
from energy.offers import Quality

MOVING_REPORT_S = 300
RESTING_REPORT_S = 900
SOURCE = "simulator"
_STEP = timedelta(seconds=60)
_STEPS_PER_HOUR = 60
_HOUR_US = 3_600_000_000
_MICROSECOND = timedelta(microseconds=1)
_SOC_DIGITS = Decimal("0.000001")
# A new battery keeps this much above its floor, so that its own standing loss is not taken from a contract.
_CUSHION = Decimal("0.04")


@dataclass(frozen=True, slots=True)
class ScheduledPower:
    """Constant AC powers in one interval."""

    interval: Interval
    charge_w: int
    discharge_w: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a battery is ordered to do until ``valid_until``; at rest wherever no interval says otherwise.

    Intervals that overlap add up.
    """

    valid_until: datetime
    powers: tuple[ScheduledPower, ...]

    def at(self, moment: datetime) -> tuple[int, int]:
        """The AC charge and discharge power ordered at a moment."""
        if moment >= self.valid_until:
            return 0, 0
        ordered = [power for power in self.powers if power.interval.contains(moment)]
        return sum(power.charge_w for power in ordered), sum(power.discharge_w for power in ordered)

    def next_change(self, moment: datetime) -> datetime | None:
        """The first moment after this one at which the order may be another; None: it stays as it is."""
        edges = {self.valid_until}
        for power in self.powers:
            edges |= {power.interval.start, power.interval.end}
        return min((edge for edge in edges if moment < edge <= self.valid_until), default=None)


REST = Schedule(datetime(1970, 1, 1, tzinfo=UTC), ())


class SimulatedBattery:
    """One battery's state: energy in store and registers.

    ``clock`` is how far in trade time it has been computed, ``reported_at`` the time of its last sample.
    """

    def __init__(
        self,
        battery: Battery,
        clock: datetime,
        stored_wh: Decimal,
        energy_in_wh: int = 0,
        energy_out_wh: int = 0,
        sequence: int = 0,
    ) -> None:
        self.battery = battery
        self.clock = clock
        self.reported_at = clock
        self.stored_wh = stored_wh
        self._sequence = sequence
        # Watts times microseconds are whole numbers whatever the step, so the registers are exact.
        self._in_w_us = energy_in_wh * _HOUR_US
        self._out_w_us = energy_out_wh * _HOUR_US
        self._full_wh = stored_at(battery, battery.soc_max)
        self._floor_wh = stored_at(battery, battery.soc_min + battery.soc_reserve)

    @classmethod
    def new(cls, battery: Battery, clock: datetime) -> SimulatedBattery:
        """A battery that has not been used: just above its floor, registers at zero."""
        band = battery.soc_max - battery.soc_min - battery.soc_reserve
        level = battery.soc_min + battery.soc_reserve + _CUSHION * band
        return cls(battery, clock, stored_at(battery, level))

    @classmethod
    def resumed(cls, battery: Battery, latest: Sample) -> SimulatedBattery:
        """The battery where its latest sample left it; without a known state of charge as full as a new one."""
        known = cls.new(battery, latest.measured_at).stored_wh if latest.soc is None else stored_at(battery, latest.soc)
        in_wh, out_wh = latest.registers_wh or (0, 0)
        return cls(battery, latest.measured_at, known, in_wh, out_wh, sequence=latest.sequence)

    @property
    def energy_in_wh(self) -> int:
        """The register of AC energy taken in: whole watt-hours, never falling."""
        return self._in_w_us // _HOUR_US

    @property
    def energy_out_wh(self) -> int:
        """The register of AC energy given out: whole watt-hours, never falling."""
        return self._out_w_us // _HOUR_US

    def advance(self, until: datetime, schedule: Schedule) -> list[Sample]:
        """Follow the schedule up to ``until``; the samples that fell due on the way, in order.

        A moving battery reports at every full five minutes and at ``until``, one at rest at every full quarter of an
        hour. Nothing happens when ``until`` is not after the clock.
        """
        samples = []
        powers_w = self._powers(schedule)
        while self.clock < until:
            before_w = powers_w
            self._step(self._step_end(until, schedule), *before_w)
            powers_w = self._powers(schedule)
            is_moving = any(before_w + powers_w)
            if self._is_due(is_moving, until):
                samples.append(self._sample(powers_w))
        return samples

    def sample(self, schedule: Schedule = REST) -> Sample:
        """What its gateway reads now; the power is what flows from now on."""
        return self._sample(self._powers(schedule))

    def _powers(self, schedule: Schedule) -> tuple[int, int]:
        """The ordered powers as far as limits allow, and no more than one whole step can fill or empty."""
        charge_w, discharge_w = schedule.at(self.clock)
        if charge_w:
            room_w = (self._full_wh - self.stored_wh) / self.battery.efficiency_charge * _STEPS_PER_HOUR
            charge_w = min(charge_w, charge_limit_w(self.battery, self.stored_wh), max(0, int(room_w)))
        if discharge_w:
            rest_w = (self.stored_wh - self._floor_wh) * self.battery.efficiency_discharge * _STEPS_PER_HOUR
            discharge_w = min(discharge_w, discharge_limit_w(self.battery, self.stored_wh), max(0, int(rest_w)))
        return charge_w, discharge_w

    def _step_end(self, until: datetime, schedule: Schedule) -> datetime:
        """Where this step ends: ``until``, the next change of the order, the next report, or after a minute."""
        ordered = any(schedule.at(self.clock))
        ends = [until, _next_report(self.clock, MOVING_REPORT_S if ordered else RESTING_REPORT_S)]
        if ordered:
            ends.append(self.clock + _STEP)
        change = schedule.next_change(self.clock)
        return min(ends if change is None else [*ends, change])

    def _step(self, end: datetime, charge_w: int, discharge_w: int) -> None:
        duration = end - self.clock
        self.stored_wh = stored_after(self.battery, self.stored_wh, charge_w, discharge_w, seconds(duration))
        self._in_w_us += charge_w * (duration // _MICROSECOND)
        self._out_w_us += discharge_w * (duration // _MICROSECOND)
        self.clock = end

    def _is_due(self, is_moving: bool, until: datetime) -> bool:
        if is_moving:
            return self.clock == until or self.clock == align_down(self.clock, MOVING_REPORT_S)
        return self.clock == align_down(self.clock, RESTING_REPORT_S)

    def _sample(self, powers_w: tuple[int, int]) -> Sample:
        self._sequence += 1
        self.reported_at = self.clock
        charge_w, discharge_w = powers_w
        return Sample(
            battery_id=self.battery.battery_id,
            measured_at=self.clock,
            soc=soc(self.battery, self.stored_wh).quantize(_SOC_DIGITS),
            power_w=charge_w - discharge_w,
            energy_in_wh=self.energy_in_wh,
            energy_out_wh=self.energy_out_wh,
            quality=Quality.FRESH,
            source=SOURCE,
            sequence=self._sequence,
        )


def _next_report(moment: datetime, every_s: int) -> datetime:
    return align_down(moment, every_s) + timedelta(seconds=every_s)
