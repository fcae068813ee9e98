"""Settlement: what a contract reserved and what the meter counted become the lines of its bill.

Source: ENERGY 2.3 and 2.4. Capacity and power are paid as reserved, for the whole time from the start of charging to
the end of the return. Throughput is paid as metered: energy in counts in the charge window, energy out in the return
window, and nothing counts in between. Quote and settlement are priced by the same function from a `Usage`; they
differ only in whether the moved energy is planned or metered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from energy.battery import PowerProfile
from energy.discounts import discounted
from energy.intervals import Interval
from energy.metering import MeterInterval
from energy.offers import StorageUse
from energy.quantities import Money, round_half_up
from energy.tariffs import Line, LineTitle, Tariff, Usage, lines_total, percentage, price, taxes

_EFFICIENCY_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Metered:
    """What the meter says about one contract, in AC watt-hours, and the intervals that say it."""

    energy_in_wh: int
    energy_out_wh: int
    intervals: tuple[MeterInterval, ...]

    @property
    def estimated_intervals(self) -> int:
        """How many of the intervals were not simply read from the meter."""
        return sum(1 for interval in self.intervals if interval.is_estimated)

    @property
    def losses_wh(self) -> int:
        """What went in and did not come back: losses, and energy that was never asked for."""
        return self.energy_in_wh - self.energy_out_wh

    @property
    def efficiency(self) -> Decimal | None:
        """Energy out ÷ energy in with six decimals; None when nothing went in."""
        if self.energy_in_wh == 0:
            return None
        share = Fraction(self.energy_out_wh, self.energy_in_wh)
        return Decimal(round_half_up(share * 10**_EFFICIENCY_DIGITS)).scaleb(-_EFFICIENCY_DIGITS)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The bill of one contract: ``total`` is the sum of ``lines``, taxes included; energies are AC watt-hours."""

    lines: tuple[Line, ...]
    total: Money
    energy_in_wh: int
    energy_out_wh: int
    losses_wh: int
    efficiency: Decimal | None
    interval_count: int
    estimated_count: int


def planned_usage(use: StorageUse, profile: PowerProfile) -> Usage:
    """What a quote is priced on: everything as booked."""
    taken, returned = ((use.charge, use.energy_wh),), ((use.giveback, profile.giveback_wh),)
    return Usage(use.booked, use.energy_wh, _power_w(profile), use.energy_wh, profile.giveback_wh, taken, returned)


def metered(use: StorageUse, intervals: Iterable[MeterInterval]) -> Metered:
    """The intervals that count for this use, and what they add up to. Those outside both windows are left out.

    Raises:
        ValueError: an interval lies partly in a window; meters must count in steps that divide the windows.
    """
    taken = [interval for interval in intervals if _within(interval.interval, use.charge)]
    returned = [interval for interval in intervals if _within(interval.interval, use.giveback)]
    return Metered(
        energy_in_wh=sum(interval.energy_in_wh for interval in taken),
        energy_out_wh=sum(interval.energy_out_wh for interval in returned),
        intervals=(*taken, *returned),
    )


def settle(
    tariff: Tariff,
    use: StorageUse,
    profile: PowerProfile,
    intervals: tuple[MeterInterval, ...],
    discount: Decimal | None = None,
) -> Settlement:
    """The bill of a contract whose return window is over; ``discount`` is the percentage that was agreed on.

    Raises:
        ValueError: an interval lies partly in a window.
    """
    facts = metered(use, intervals)
    listed = price(tariff, metered_usage(use, profile, facts))
    lines = discounted(tariff, listed, discount)
    return Settlement(
        lines=lines,
        total=lines_total(lines, tariff.currency),
        energy_in_wh=facts.energy_in_wh,
        energy_out_wh=facts.energy_out_wh,
        losses_wh=facts.losses_wh,
        efficiency=facts.efficiency,
        interval_count=len(facts.intervals),
        estimated_count=facts.estimated_intervals,
    )


def cancellation_fee(tariff: Tariff, quoted: Sequence[Line], percent: Decimal) -> tuple[Line, ...]:
    """What cancelling costs: a percentage of the quoted charges without tax, then the taxes on that.

    Raises:
        ValueError: ``percent`` is not between 0 and 100.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} % is no cancellation fee")
    charges = lines_total([line for line in quoted if not line.is_tax], tariff.currency)
    fee = percentage(LineTitle.CANCELLATION_FEE, charges, percent)
    return (fee, *taxes(tariff, [fee]))


def metered_usage(use: StorageUse, profile: PowerProfile, facts: Metered) -> Usage:
    """What a bill is priced on: the energy that moved, when it moved, and what was kept free as booked."""
    taken = [(each.interval, each.energy_in_wh) for each in facts.intervals if _within(each.interval, use.charge)]
    returned = [(each.interval, each.energy_out_wh) for each in facts.intervals if _within(each.interval, use.giveback)]
    return Usage(
        booked=use.booked,
        reserved_wh=use.energy_wh,
        power_w=_power_w(profile),
        energy_in_wh=facts.energy_in_wh,
        energy_out_wh=facts.energy_out_wh,
        taken=tuple(taken),
        returned=tuple(returned),
    )


def _power_w(profile: PowerProfile) -> int:
    """The power that is kept free all the time: the greater of the two."""
    return max(profile.charge_w, profile.discharge_w)


def _within(interval: Interval, window: Interval) -> bool:
    part = interval.intersection(window)
    if part is not None and part != interval:
        raise ValueError(
            f"the meter interval from {interval.start.isoformat()} to {interval.end.isoformat()} "
            f"lies only partly between {window.start.isoformat()} and {window.end.isoformat()}"
        )
    return part is not None
