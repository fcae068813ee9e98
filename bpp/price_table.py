"""The prices of one use for many batteries at once, exactly those of `energy.use_prices`.

All numbers are whole, and rounding is done in whole numbers too, so nothing is lost by computing with arrays as long as
no product leaves 60 bits and no amount that is rounded is negative. Where one does, every price is computed by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from energy.battery import PowerProfile
from energy.use_prices import Ratio, UsePrice

Ints = npt.NDArray[np.int64]
MOST_MINOR = 2**62
_SAFE = 2.0**60
_NOTHING: Ratio = (0, 1)


def least_totals_minor(
    prices: Sequence[dict[int, UsePrice]], plans: dict[int, PowerProfile], price_of: Ints, plan_of: Ints
) -> Ints:
    """The total in minor units of each battery, at the occupancy that makes it lowest.

    ``price_of`` and ``plan_of`` name the prices and the plan of each battery. Totals beyond 62 bits are all the same.
    """
    least = np.full(len(price_of), MOST_MINOR, np.int64)
    if not len(price_of):
        return least
    by_step = [list(steps.values()) for steps in prices]
    for step in range(max(len(steps) for steps in by_step)):
        of_step = [steps[min(step, len(steps) - 1)] for steps in by_step]
        least = np.minimum(least, _totals_minor(of_step, plans, price_of, plan_of))
    return least


def _totals_minor(prices: Sequence[UsePrice], plans: dict[int, PowerProfile], price_of: Ints, plan_of: Ints) -> Ints:
    powers_w = np.zeros(max(plans) + 1, np.int64)
    givebacks_wh = np.zeros(max(plans) + 1, np.int64)
    for number, plan in plans.items():
        powers_w[number], givebacks_wh[number] = max(plan.charge_w, plan.discharge_w), plan.giveback_wh
    power_w, giveback_wh = powers_w[plan_of], givebacks_wh[plan_of]
    try:
        return _at_once(prices, price_of, power_w, giveback_wh)
    except OverflowError:
        each = zip(price_of.tolist(), power_w.tolist(), giveback_wh.tolist(), strict=True)
        totals = [prices[price].total_minor(power, back) for price, power, back in each]
        return np.array([min(MOST_MINOR, total) for total in totals], np.int64)


def _at_once(prices: Sequence[UsePrice], price_of: Ints, power_w: Ints, giveback_wh: Ints) -> Ints:
    """`UsePrice.total_minor` step by step.

    Raises:
        OverflowError: a number is too large, or negative where it is rounded.
    """
    charged = np.array([price.fixed_minor for price in prices], np.int64)[price_of]
    for ratios in _columns([price.of_power for price in prices], price_of):
        charged = charged + _rounded(power_w, ratios)
    for ratios in _columns([price.of_return for price in prices], price_of):
        charged = charged + _rounded(giveback_wh, ratios)
    for ratios in _columns([_ratios(price.change) for price in prices], price_of):
        charged = charged + _rounded(charged, ratios)
    for ratios in _columns([_ratios(price.discount) for price in prices], price_of):
        charged = charged - _rounded(charged, ratios)
    if any(price.least_minor is not None for price in prices):
        least = [-MOST_MINOR if price.least_minor is None else price.least_minor for price in prices]
        charged = np.maximum(charged, np.array(least, np.int64)[price_of])
    taxes = [_rounded(charged, ratios) for ratios in _columns([price.taxes for price in prices], price_of)]
    return np.asarray(sum(taxes, charged), np.int64)


def _ratios(ratio: Ratio | None) -> tuple[Ratio, ...]:
    return () if ratio is None else (ratio,)


def _columns(ratios: Sequence[tuple[Ratio, ...]], price_of: Ints) -> list[Ints]:
    """The first ratio of each, the second of each and so on, as two rows; nothing where one has fewer."""
    count = max(len(each) for each in ratios)
    filled = [(*each, *[_NOTHING] * (count - len(each))) for each in ratios]
    return [np.array([each[place] for each in filled], np.int64)[price_of].T for place in range(count)]


def _rounded(amounts: Ints, ratios: Ints) -> Ints:
    """Halves away from zero; a ratio may be negative, an amount not."""
    numerators, denominators = ratios
    largest = 2.0 * float(amounts.max()) * max(float(numerators.max()), -float(numerators.min()))
    if amounts.min() < 0 or largest + float(denominators.max()) >= _SAFE:
        raise OverflowError
    magnitudes = (2 * amounts * np.abs(numerators) + denominators) // (2 * denominators)
    return np.asarray(np.where(numerators < 0, -magnitudes, magnitudes), np.int64)
