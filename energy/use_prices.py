"""A tariff made ready for one use: what any battery's plan of that use costs in total, with a few whole-number steps.

Search compares thousands of prices. All of its candidates serve the same amount in the same windows, so of a tariff
only the power and the returned energy differ from battery to battery: the rest is computed once. The total is exactly
that of `energy.tariffs.price`, rounding included, which a property test holds it to.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from energy.offers import StorageUse
from energy.quantities import minor_digits
from energy.tariffs import (
    Rate,
    RateUnit,
    Tariff,
    Usage,
    at_occupancy,
    discount_percent,
    least_charge,
    months,
    quantity_of,
)

Ratio = tuple[int, int]
"""A numerator and a denominator."""
_OF_POWER = frozenset({RateUnit.KW_MONTH, RateUnit.KW})
_NOTHING = Decimal(0)
_PERCENT = 100


class UsePrice(NamedTuple):
    """The parts of a price: what is the same for every battery in minor units, ratios for each W and each Wh returned,
    and the percentages on the sum, each as numerator and denominator.
    """

    currency: str
    fixed_minor: int
    of_power: tuple[Ratio, ...]
    of_return: tuple[Ratio, ...]
    change: Ratio | None
    discount: Ratio | None
    least_minor: int | None
    taxes: tuple[Ratio, ...]

    def total_minor(self, power_w: int, giveback_wh: int) -> int:
        """The total, taxes included, in minor units."""
        charged = self.fixed_minor
        for numerator, denominator in self.of_power:
            charged += _rounded(numerator * power_w, denominator)
        for numerator, denominator in self.of_return:
            charged += _rounded(numerator * giveback_wh, denominator)
        if self.change is not None:
            charged += _rounded(charged * self.change[0], self.change[1])
        if self.discount is not None:
            charged -= _rounded(charged * self.discount[0], self.discount[1])
        if self.least_minor is not None:
            charged = max(charged, self.least_minor)
        total = charged
        for numerator, denominator in self.taxes:
            total += _rounded(charged * numerator, denominator)
        return total


class UsePricing:
    """Makes tariffs ready for one use."""

    def __init__(self, use: StorageUse) -> None:
        self._use = use
        count, parts = months(use.booked).as_integer_ratio()
        # How much a rate for all times is paid for, of one W and one Wh returned.
        self._quantities: dict[RateUnit, Ratio] = {
            RateUnit.KWH_MONTH: (use.energy_wh * count, parts * 1000),
            RateUnit.KW_MONTH: (count, parts * 1000),
            RateUnit.KWH_STORED: (use.energy_wh, 1000),
            RateUnit.KWH_DISCHARGED: (1, 1000),
            RateUnit.KW: (1, 1000),
            RateUnit.FLAT: (1, 1),
        }

    def of(self, tariff: Tariff) -> UsePrice:
        """The tariff made ready. A change by occupancy counts where it is fixed, and not where it is open."""
        scale = 10 ** minor_digits(tariff.currency)
        least = least_charge(tariff, self._use.energy_wh)
        fixed_minor = 0
        of_power: list[Ratio] = []
        of_return: list[Ratio] = []
        for rate in tariff.rates:
            numerator, denominator = _ratio(rate.price)
            count, parts = self._quantities[rate.unit] if rate.when is None else self._timed(tariff, rate)
            ratio = (numerator * count * scale, denominator * parts)
            if rate.unit in _OF_POWER:
                of_power.append(ratio)
            elif rate.unit is RateUnit.KWH_DISCHARGED:
                of_return.append(ratio)
            else:
                fixed_minor += _rounded(*ratio)
        return UsePrice(
            currency=tariff.currency,
            fixed_minor=fixed_minor,
            of_power=tuple(of_power),
            of_return=tuple(of_return),
            change=_percent(tariff.change_percent or _NOTHING),
            discount=_percent(discount_percent(tariff, self._use.energy_wh, self._use.booked)),
            least_minor=None if least is None else least.amount_minor,
            taxes=tuple([tax for part in tariff.tax.parts if (tax := _percent(part.percent)) is not None]),
        )

    def by_occupancy(self, tariff: Tariff) -> dict[int, UsePrice]:
        """The same by the occupancy, in percent, from which it holds; one entry where occupancy changes nothing."""
        if not tariff.occupancy:
            return {0: self.of(tariff)}
        starts = {0, *(step.from_percent for step in tariff.occupancy)}
        return {start: self.of(at_occupancy(tariff, start)) for start in sorted(starts)}

    def _timed(self, tariff: Tariff, rate: Rate) -> Ratio:
        """The quantity of a rate that has its times."""
        use = self._use
        taken, returned = ((use.charge, use.energy_wh),), ((use.giveback, 1),)
        usage = Usage(use.booked, use.energy_wh, 1, use.energy_wh, 1, taken, returned)
        return quantity_of(rate, usage, tariff.time_zone).as_integer_ratio()


@lru_cache(maxsize=4096)
def _ratio(number: Decimal) -> Ratio:
    return number.as_integer_ratio()


@lru_cache(maxsize=4096)
def _percent(percent: Decimal) -> Ratio | None:
    """None for nothing, which needs no rounding either."""
    numerator, denominator = percent.as_integer_ratio()
    return (numerator, denominator * _PERCENT) if numerator else None


def _rounded(numerator: int, denominator: int) -> int:
    """The nearest whole number, halves away from zero."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((denominator - 2 * numerator) // (2 * denominator))
