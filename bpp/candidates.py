"""A battery that search proposes, and what its real book says to that.

The index knows a battery's limits exactly, and its bookings not quite (`bpp.discovery`). A `Candidate` carries what is
needed to ask the book, and nothing is promised before it has answered.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from bpp.availability import always_free_stored_wh, occupancy_percent
from bpp.capacity import Book, room
from energy.battery import PowerProfile
from energy.limits import Limits
from energy.offers import StorageUse
from energy.quantities import Money, minor_digits
from energy.searches import SearchIntent, SortBy
from energy.use_prices import UsePrice

NO_LIMIT_MINOR = 2**62
Rank = tuple[str, int, int] | tuple[int, str, int]


class Found(NamedTuple):
    """A battery that serves the search. ``total`` is None for a search without windows."""

    battery_id: str
    total: Money | None
    currency: str
    away_m: int

    def rank(self, sort: SortBy | None) -> Rank:
        """Its place in the order of the search; equals are in the order of their ids."""
        return _rank(sort, self.currency, 0 if self.total is None else self.total.amount_minor, self.away_m)


class Candidate(NamedTuple):
    """A battery that may serve the search; ``bound_minor`` is its total at the lowest that occupancy makes it."""

    battery_id: str
    name: str
    words: tuple[str, ...]
    site_id: str | None
    limits: Limits
    efficiency_charge: Decimal
    away_m: int
    currency: str
    bound_minor: int
    plan: PowerProfile | None
    prices: dict[int, UsePrice]

    @property
    def yearly_energy_wh(self) -> int | None:
        """Its warranty's limit, if it has one."""
        return self.limits.yearly_energy_wh

    def least_rank(self, sort: SortBy | None) -> Rank:
        """The best place that it can have when its book has answered."""
        return _rank(sort, self.currency, self.bound_minor, self.away_m)

    def found(self, intent: SearchIntent, book: Book) -> Found | None:
        """The battery as found, if its book has room for the search, and its price then is not too high."""
        use, plan = intent.use, self.plan
        if use is None or plan is None:
            stored_wh = always_free_stored_wh(self.limits, book)
            enough = int(Decimal(stored_wh) // self.efficiency_charge) >= intent.energy_wh
            return Found(self.battery_id, None, self.currency, self.away_m) if enough else None
        if not self._fits(use, plan, book):
            return None
        total_minor = self.bound_minor
        if len(self.prices) > 1:
            percent = occupancy_percent(self.limits, book, use.booked)
            price = self.prices[max(start for start in self.prices if start <= percent)]
            total_minor = price.total_minor(max(plan.charge_w, plan.discharge_w), plan.giveback_wh)
            if total_minor > highest_minor(intent, self.currency):
                return None
        return Found(self.battery_id, Money(total_minor, self.currency), self.currency, self.away_m)

    def _fits(self, use: StorageUse, plan: PowerProfile, book: Book) -> bool:
        if book.bookings or book.site is not None or self.limits.yearly_energy_wh is not None:
            return room(self.limits, book, use.charge, use.giveback).takes(plan)
        # Most books are empty, and then the battery's own limits are all that counts.
        limits = self.limits
        return (
            plan.stored_wh <= limits.usable_energy_wh
            and plan.charge_w <= limits.charge_limit_w(plan.stored_wh)
            and plan.discharge_w <= limits.discharge_power_w
        )


def highest_minor(intent: SearchIntent, currency: str) -> int:
    """The highest total of which each kWh stored costs at most ``max_price``: the one price all can be compared by."""
    if intent.max_price is None:
        return NO_LIMIT_MINOR
    return int(intent.max_price * intent.energy_wh * 10 ** minor_digits(currency) // 1000)


def _rank(sort: SortBy | None, currency: str, amount_minor: int, away_m: int) -> Rank:
    if sort is SortBy.DISTANCE:
        return away_m, currency, amount_minor
    return currency, amount_minor, away_m
