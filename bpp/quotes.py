"""Quotes: whether a use can be asked for at all, and what it costs.

Whether the battery has room for it is not decided here but by ``bpp.capacity``, in the transaction that books it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bpp.catalog import ListedBattery, use_lines
from energy.discounts import discounted
from energy.intervals import SLOT_S, Interval, is_aligned
from energy.offers import Quote, StorageUse
from energy.quantities import kilo_text
from energy.tariffs import lines_total
from protocol.moments import timestamp_text

HORIZON = timedelta(days=366)


class UseProblem(NamedTuple):
    """What is wrong with a use: the field of `StorageUse` and a sentence that says what to change."""

    path: str
    sentence: str


def use_problems(use: StorageUse, now: datetime, listed: ListedBattery) -> list[UseProblem]:
    """Why the use can not be quoted on this battery; empty when it can. ``now`` is trade time."""
    return [*window_problems(use, now), *_energy_problems(use, listed)]


def quote_for(
    listed: ListedBattery, use: StorageUse, quote_id: str, ttl_s: int, discount: Decimal | None = None
) -> Quote:
    """The price of a use without problems, line by line; it can be accepted for ``ttl_s`` seconds of wire time.

    ``discount`` is the percentage off the charges that was bargained for (`bpp.bargaining`).

    Raises:
        ValueError: it is no storage use (`energy.battery.profile`).
    """
    lines = discounted(listed.tariff, use_lines(listed, use), discount)
    return Quote(quote_id, lines, lines_total(lines, listed.tariff.currency), ttl_s)


def window_problems(use: StorageUse, now: datetime) -> list[UseProblem]:
    """Why no battery can be booked for these windows; empty when one can. ``now`` is trade time."""
    return list(_window_problems(use, now))


def _window_problems(use: StorageUse, now: datetime) -> Iterator[UseProblem]:
    for path, window in (("charge", use.charge), ("giveback", use.giveback)):
        if not is_aligned(window, SLOT_S):
            yield UseProblem(path, f"Begin and end {_text(window)} at full quarters of an hour, in UTC.")
    if use.charge.start < now:
        yield UseProblem("charge", f"Charging would begin in the past: name a time from {timestamp_text(now)} on.")
    if use.giveback.start < use.charge.end:
        sentence = "Energy can be returned only once it is charged: begin the return at {} or later."
        yield UseProblem("giveback", sentence.format(timestamp_text(use.charge.end)))
    if use.giveback.end > now + HORIZON:
        latest = timestamp_text(now + HORIZON)
        yield UseProblem("giveback", f"Batteries are booked {HORIZON.days} days ahead: end the return by {latest}.")


def _energy_problems(use: StorageUse, listed: ListedBattery) -> Iterator[UseProblem]:
    least_wh = max(1, listed.min_energy_wh)
    if use.energy_wh < least_wh:
        yield UseProblem(
            "energy_wh",
            f"{kilo_text(use.energy_wh)} kWh is too little for this battery: store {kilo_text(least_wh)} kWh or more.",
        )


def _text(window: Interval) -> str:
    return f"the window from {timestamp_text(window.start)} to {timestamp_text(window.end)}"
