"""Discounts that two sides agreed on: a percentage of all charges before tax, and what it makes of a price.

A discount stands before the taxes, so that tax is paid on what is really paid (Rule 46 k), and it is a percentage, so
that the bill of a contract that moved other energy than planned can be derived in the same way. The percentage has ten
decimals: enough to reach every amount of minor units below 10^12 of them. Taxes round, so not every total can be
reached: what is agreed on is the nearest that can.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from energy.quantities import Money, round_half_up
from energy.tariffs import Line, LineTitle, Tariff, lines_total, percentage, taxes

PERCENT_DIGITS = 10


def discounted(tariff: Tariff, lines: Sequence[Line], percent: Decimal | None) -> tuple[Line, ...]:
    """The price of ``lines`` with ``percent`` off its charges, the taxes computed anew; as it is for None and zero."""
    if not percent:
        return tuple(lines)
    charges = [line for line in lines if not line.is_tax]
    cut = percentage(LineTitle.DISCOUNT, lines_total(charges, tariff.currency), -percent)
    before_tax = (*charges, cut)
    return before_tax + taxes(tariff, before_tax)


def agreed_discount(listed: Sequence[Line], quoted: Sequence[Line]) -> Decimal | None:
    """The percentage that was agreed on: of the discount that ``quoted`` has beside those of the list price."""
    own, told = ([line for line in lines if line.title is LineTitle.DISCOUNT] for lines in (listed, quoted))
    if len(told) <= len(own) or told[-1].unit != "%" or told[-1].rate is None:
        return None
    return -told[-1].rate


def percent_at_most(tariff: Tariff, lines: Sequence[Line], limit: Money) -> Decimal:
    """The least discount with which the price is at most ``limit``; zero when it is so already, at most 100."""
    return _percent(tariff, lines, limit.amount_minor)


def percent_at_least(tariff: Tariff, lines: Sequence[Line], limit: Money) -> Decimal:
    """The greatest discount with which the price is still at least ``limit``; zero when none is."""
    # One step before the first discount that goes below the limit.
    charges_minor, cut_minor = _charges_minor(tariff, lines), _cut_minor(tariff, lines, limit.amount_minor - 1)
    if _total_minor(tariff, lines, _percent_of(cut_minor, charges_minor)) >= limit.amount_minor:
        return _percent_of(cut_minor, charges_minor)
    return _percent_of(max(0, cut_minor - 1), charges_minor)


def _percent(tariff: Tariff, lines: Sequence[Line], limit_minor: int) -> Decimal:
    return _percent_of(_cut_minor(tariff, lines, limit_minor), _charges_minor(tariff, lines))


def _cut_minor(tariff: Tariff, lines: Sequence[Line], limit_minor: int) -> int:
    """The least cut of the charges, in minor units, with which the price is at most the limit; or all of them."""
    charges_minor = _charges_minor(tariff, lines)
    return bisect_left(
        range(max(0, charges_minor)),
        -limit_minor,
        key=lambda cut_minor: -_total_minor(tariff, lines, _percent_of(cut_minor, charges_minor)),
    )


def _charges_minor(tariff: Tariff, lines: Sequence[Line]) -> int:
    return lines_total([line for line in lines if not line.is_tax], tariff.currency).amount_minor


def _total_minor(tariff: Tariff, lines: Sequence[Line], percent: Decimal) -> int:
    return lines_total(discounted(tariff, lines, percent), tariff.currency).amount_minor


def _percent_of(cut_minor: int, charges_minor: int) -> Decimal:
    if cut_minor == 0:
        return Decimal(0)
    return Decimal(round_half_up(Fraction(cut_minor * 100, charges_minor) * 10**PERCENT_DIGITS)).scaleb(-PERCENT_DIGITS)
