"""Bargaining: what an operator answers to the price that a producer offers.

- An offer of the list price or more gets the list price: nobody is charged more for having offered more.
- An offer that is not below the floor is accepted: the quote is that offer, or less by what taxes round.
- An offer below the floor is countered. Each round gives way by the same part of the way from the list price to the
  floor, so that the last counter-offer is the floor.
- After ``rounds`` counter-offers nothing is bargained any more: the answer repeats the last quote.

The floor is a share of the list price, taxes included. No answer is ever below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from energy.discounts import discounted, percent_at_least, percent_at_most
from energy.quantities import Money
from energy.tariffs import Line, Tariff, lines_total


@dataclass(frozen=True, slots=True)
class Policy:
    """How far an operator gives way: the floor as percent of the list price, and how many counter-offers it makes."""

    floor_percent: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Bargain:
    """How far a trade was bargained: the discount on its charges in percent, what was offered last, and what is left.

    ``offered`` is None when the last selection offered no price.
    """

    discount: Decimal
    rounds_left: int
    offered: Money | None = None


def floor_of(listed: Money, policy: Policy) -> Money:
    """The least total that the operator takes, rounded up to the minor unit."""
    return Money(-(-listed.amount_minor * policy.floor_percent // 100), listed.currency)


def bargain(
    policy: Policy, tariff: Tariff, lines: Sequence[Line], offered: Money, earlier: Bargain | None, *, same_use: bool
) -> Bargain:
    """The answer to ``offered`` for a use whose list price is ``lines``; ``earlier`` is the trade's bargain so far.

    ``offered`` is in the tariff's currency; ``same_use``: the earlier quote was for this very use and can be repeated.
    """
    rounds_left = policy.rounds if earlier is None else earlier.rounds_left
    listed = lines_total(lines, tariff.currency)
    floor = floor_of(listed, policy)
    if rounds_left == 0:
        last = earlier.discount if earlier is not None and same_use else Decimal(0)
        return Bargain(last, 0, offered)
    wanted = percent_at_most(tariff, lines, offered)
    if floor <= lines_total(discounted(tariff, lines, wanted), tariff.currency) <= offered:
        return Bargain(wanted, rounds_left, offered)
    rounds_left -= 1
    given_up = (listed.amount_minor - floor.amount_minor) * (policy.rounds - rounds_left) // policy.rounds
    target = Money(listed.amount_minor - given_up, listed.currency)
    return Bargain(percent_at_least(tariff, lines, target), rounds_left, offered)
