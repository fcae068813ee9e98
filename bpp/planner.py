"""Planning: at which times within its windows a use is charged and returned, and why.

A contract's windows are promises: its energy comes in and goes back within them. Where they are longer than needed, the
operator may choose. The plan is one piece of each window, at constant power, chosen when the use is quoted:

1. All through the window is best where nothing speaks against it: the least power leaves most to others.
2. Charging is moved to where a kWh costs the site least (`Site.import_costs`, by time of use), with what is lost in
   store until the return counted as bought again at that price.
3. A piece in which the battery, its site or a curtailment leaves too little power is passed over.
4. The return keeps its window, or takes the longest piece of it that fits, the earliest of several.

The plan is booked as it is and never changed by itself (`bpp.capacity`, rule iii), so dispatch, metering and the book
see the same. Prices of the tariff and what is promised to come back follow the windows, not the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, islice

from bpp.capacity import Book, Booking, refusals, room
from energy.battery import Battery, PowerProfile, constant_power_w, profile, retained
from energy.calendars import times
from energy.intervals import SLOT_S, Interval, seconds
from energy.limits import Limits, limits_of
from energy.offers import StorageUse
from energy.quantities import decimal_text
from energy.sites import Site
from protocol.moments import timestamp_text

LENGTHS = 8
"""So many lengths of a piece are tried: eighths of the window."""
TRIES_MAX = 100
"""So many pieces are tried, the best first: a decision must not take long."""
_SLOT = timedelta(seconds=SLOT_S)
_CENTS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Placement:
    """When a use is charged and returned, and why then; ``use`` is what it was made for."""

    use: StorageUse
    charge: Interval
    giveback: Interval
    reasons: tuple[str, ...] = ()

    def planned(self, use: StorageUse) -> StorageUse:
        """The use in the windows of its plan. Of an amended use, a window stays planned that is as it was."""
        same_charge = (use.energy_wh, use.charge) == (self.use.energy_wh, self.use.charge)
        charge = self.charge if same_charge else use.charge
        giveback = self.giveback if use.giveback == self.use.giveback else use.giveback
        return replace(use, charge=charge, giveback=giveback)


def planned_profile(battery: Battery, use: StorageUse, planned: StorageUse) -> PowerProfile:
    """The powers of the use in its planned windows; what comes back is what was sold for its own windows."""
    giveback_wh, moved = profile(battery, use).giveback_wh, profile(battery, planned)
    return PowerProfile(moved.charge_w, constant_power_w(giveback_wh, planned.giveback), moved.stored_wh, giveback_wh)


def place(battery: Battery, book: Book, use: StorageUse) -> Placement | None:
    """The best plan that fits the book; None: all through both windows, or nothing fits, which the book then says.

    ``book`` has what binds the battery within the use's windows, without the use itself.
    """
    limits, site = limits_of(battery), book.site
    if (site is None or not site.import_costs) and _fits(
        limits, book, battery, Placement(use, use.charge, use.giveback)
    ):
        return None
    giveback = _giveback(limits, book, battery, use)
    for charge in islice(_charges(battery, site, use), TRIES_MAX):
        found = Placement(use, charge, giveback)
        if _fits(limits, book, battery, found):
            is_whole = (charge, giveback) == (use.charge, use.giveback)
            return None if is_whole else replace(found, reasons=_reasons(battery, book, found))
    return None


def _fits(limits: Limits, book: Book, battery: Battery, placed: Placement) -> bool:
    plan = planned_profile(battery, placed.use, placed.planned(placed.use))
    return room(limits, book, placed.charge, placed.giveback).takes(plan)


def _giveback(limits: Limits, book: Book, battery: Battery, use: StorageUse) -> Interval:
    """The first piece of the return window in which the power is free; all of it where none has."""
    giveback_wh = profile(battery, use).giveback_wh
    for piece in islice(_pieces(use.giveback), TRIES_MAX):
        if constant_power_w(giveback_wh, piece) <= room(limits, book, use.charge, piece).discharge_w:
            return piece
    return use.giveback


def _charges(battery: Battery, site: Site | None, use: StorageUse) -> list[Interval]:
    """The pieces of the charge window, the cheapest first; of equal ones the longest, then the latest."""
    costs = _slot_costs(site, use.charge)
    sums = [Fraction(0), *accumulate(costs)]
    first = use.charge.start

    def rank(piece: Interval) -> tuple[Fraction, timedelta, timedelta]:
        start, end = (piece.start - first) // _SLOT, (piece.end - first) // _SLOT
        a_kwh = (sums[end] - sums[start]) / (end - start)
        kept = Fraction(retained(battery.standing_loss_per_day, seconds(use.giveback.start - piece.end)))
        # What is lost while it is held is bought again at the same price.
        return a_kwh * (2 - kept), piece.start - piece.end, first - piece.end

    return sorted(_pieces(use.charge), key=rank)


def _pieces(window: Interval) -> Iterator[Interval]:
    """The window, and the pieces of it that begin and end at full quarters: the longest first, then the earliest."""
    slots = max(1, (window.end - window.start) // _SLOT)
    yield window
    for length in sorted({-(-slots * part // LENGTHS) for part in range(1, LENGTHS)}, reverse=True):
        if length == slots:
            continue
        for first in range(slots - length + 1):
            start = window.start + first * _SLOT
            yield Interval(start, start + length * _SLOT)


def _slot_costs(site: Site | None, window: Interval) -> list[Fraction]:
    """What a kWh costs the site in each quarter of the window."""
    slots = max(1, (window.end - window.start) // _SLOT)
    costs = [Fraction(0)] * slots
    if site is None:
        return costs
    for cost in site.import_costs:
        for piece in (window,) if cost.when is None else times(window, site.time_zone, cost.when):
            start, end = (piece.start - window.start) // _SLOT, (piece.end - window.start) // _SLOT
            for slot in range(start, end):
                costs[slot] += Fraction(cost.per_kwh)
    return costs


def _reasons(battery: Battery, book: Book, placed: Placement) -> tuple[str, ...]:
    """Why the plan is not all through both windows, one sentence each."""
    use, found = placed.use, []
    whole = Booking.of("wanted", use, profile(battery, use))
    against = refusals(limits_of(battery), book, whole)
    if placed.charge != use.charge:
        found.append(f"It is charged {_text(placed.charge)} and not all through the window {_text(use.charge)}.")
        costs = _slot_costs(book.site, use.charge)
        then = costs[
            (placed.charge.start - use.charge.start) // _SLOT : (placed.charge.end - use.charge.start) // _SLOT
        ]
        if sum(then) * len(costs) < sum(costs) * len(then):
            found.append(f"A kWh costs the site {_mean(then)} then, and {_mean(costs)} all through the window.")
    if placed.giveback != use.giveback:
        found.append(f"It is returned {_text(placed.giveback)} and not all through the window {_text(use.giveback)}.")
    return (*found, *(f"All through the windows it does not fit: {sentence}." for sentence in against))


def _mean(costs: Sequence[Fraction]) -> str:
    mean = sum(costs, Fraction(0)) / len(costs)
    return decimal_text((Decimal(mean.numerator) / mean.denominator).quantize(_CENTS))


def _text(window: Interval) -> str:
    return f"from {timestamp_text(window.start)} to {timestamp_text(window.end)}"
