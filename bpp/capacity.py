"""Capacity has one owner: whether one more booking fits a battery, and what is still free (ENERGY 2.2).

A booking is a fixed plan: constant charge power in its charge window, constant discharge power in its return
window, and its energy in store from the start of the first to the end of the second. For every battery, at
every instant:

    (i)   the sum of ``stored_wh`` over [charge start, return end)  <=  usable energy
    (ii)  the sum of ``charge_w`` over the charge windows           <=  charge power,
          and of ``discharge_w`` over the return windows            <=  discharge power
    (iii) a booking never changes its plan, so what was promised for its return window can be returned
    (iv)  the sum of ``charge_w``  <=  what the battery takes in with that much in store (`energy.limits`, taper)
    (v)   the sums of ``charge_w`` and of ``discharge_w`` over all batteries of a site
          <=  what the site's connection lets through then, curtailments included
    (vi)  the sum of ``stored_wh`` of a calendar year               <=  what the warranty lets through

Loads change only where a window or a curtailment begins or ends, so looking at every piece between two such moments
is exact: nothing is sampled. Call `refusals` and write the booking in the same ``write(fn)``: then two confirmations
at once can not sell the same kWh. ``free_…`` functions are in `bpp.availability`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile, pairwise, takewhile
from typing import NamedTuple

from energy.battery import PowerProfile
from energy.intervals import Interval
from energy.limits import Limits
from energy.offers import StorageUse
from energy.quantities import kilo_text
from energy.sites import Site
from protocol.moments import timestamp_text

NO_LIMIT_W = 10**18
"""Stands for a site's limit where there is none: more than any battery's power."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What one quote or contract keeps free of one battery; powers are AC, ``stored_wh`` is in the battery.

    Raises:
        ValueError: the return begins before charging ends, or a value is negative.
    """

    booking_id: str
    charge: Interval
    giveback: Interval
    charge_w: int
    discharge_w: int
    stored_wh: int

    def __post_init__(self) -> None:
        if self.giveback.start < self.charge.end:
            raise ValueError(f"booking {self.booking_id} returns energy before it has been charged")
        if min(self.charge_w, self.discharge_w, self.stored_wh) < 0:
            raise ValueError(f"booking {self.booking_id} has a negative power or energy")

    @classmethod
    def of(cls, booking_id: str, use: StorageUse, plan: PowerProfile) -> Booking:
        """The booking of a use by its power profile."""
        return cls(booking_id, use.charge, use.giveback, plan.charge_w, plan.discharge_w, plan.stored_wh)

    @property
    def booked(self) -> Interval:
        """As long as its energy occupies the battery."""
        return Interval(self.charge.start, self.giveback.end)


@dataclass(frozen=True, slots=True)
class Book:
    """What binds one battery besides its own limits: everything a decision has to be given.

    ``bookings`` are the battery's; where its warranty has a limit, those of the whole year, over or not.
    ``neighbours`` are those of the other batteries of its ``site``.
    """

    bookings: Sequence[Booking] = ()
    site: Site | None = None
    neighbours: Sequence[Booking] = ()

    def without(self, booking_id: str) -> Book:
        """The same without one booking, so that an update is not measured against itself."""
        others = [booking for booking in self.bookings if booking.booking_id != booking_id]
        return Book(others, self.site, self.neighbours)

    def sold_in_wh(self, year: int) -> int:
        """The stored energy of the bookings that begin in that calendar year (UTC); what moves none wears nothing."""
        begun = (booking for booking in self.bookings if booking.charge.start.year == year)
        return sum(booking.stored_wh for booking in begun if booking.charge_w)


class Piece(NamedTuple):
    """A piece of time in which nothing changes: what is sold of the battery, and what its site still lets through."""

    start: datetime
    end: datetime
    stored_wh: int
    charge_w: int
    discharge_w: int
    import_free_w: int
    export_free_w: int

    @property
    def interval(self) -> Interval:
        """From when to when."""
        return Interval(self.start, self.end)


def pieces(book: Book, window: Interval, *more_edges: datetime) -> list[Piece]:
    """The window cut wherever a load or a limit changes, and at ``more_edges``."""
    own = [booking for booking in book.bookings if booking.booked.overlaps(window)]
    near = [booking for booking in book.neighbours if booking.booked.overlaps(window)]
    edges = {window.start, window.end, *more_edges}
    for booking in (*own, *near):
        edges |= {booking.charge.start, booking.charge.end, booking.giveback.start, booking.giveback.end}
    if book.site is not None:
        for curtailment in book.site.curtailments:
            edges |= {curtailment.interval.start, curtailment.interval.end}
    cuts = sorted(edge for edge in edges if window.start <= edge <= window.end)
    return [_piece(book.site, own, near, start, end) for start, end in pairwise(cuts)]


def refusals(limits: Limits, book: Book, wanted: Booking) -> list[str]:
    """Why ``wanted`` does not fit into the book: one sentence for each limit it breaks; empty: it fits.

    A booking of the same id is left out of the book, so that an update is not measured against itself.
    """
    others = book.without(wanted.booking_id)
    cut = pieces(
        others, wanted.booked, wanted.charge.start, wanted.charge.end, wanted.giveback.start, wanted.giveback.end
    )
    charging = [piece for piece in cut if wanted.charge.contains(piece.start)]
    returning = [piece for piece in cut if wanted.giveback.contains(piece.start)]
    checks = (
        _refusal("energy", "kWh", wanted.stored_wh, [(limits.usable_energy_wh - p.stored_wh, p) for p in cut]),
        _refusal("charge power", "kW", wanted.charge_w, [(limits.charge_power_w - p.charge_w, p) for p in charging]),
        _taper_refusal(limits, cut, wanted),
        _refusal(
            "discharge power",
            "kW",
            wanted.discharge_w,
            [(limits.discharge_power_w - p.discharge_w, p) for p in returning],
        ),
        _refusal("power into the site", "kW", wanted.charge_w, [(p.import_free_w, p) for p in charging]),
        _refusal("power out of the site", "kW", wanted.discharge_w, [(p.export_free_w, p) for p in returning]),
        _warranty_refusal(limits, others, wanted),
    )
    return [sentence for sentence in checks if sentence is not None]


class Room(NamedTuple):
    """What is left for one more use of given windows, as the few numbers that decide it.

    ``beside`` are the pieces of the charge window as (stored, charge power) of the others; while they charge outside of
    it, ``stored_beside_wh`` is what may come into store without taking their power from them.
    """

    limits: Limits
    stored_wh: int
    charge_w: int
    discharge_w: int
    stored_beside_wh: int
    beside: tuple[tuple[int, int], ...]

    def takes(self, plan: PowerProfile) -> bool:
        """Whether `refusals` has nothing against a booking with this plan in these windows."""
        if not (
            (plan.stored_wh <= self.stored_wh or plan.stored_wh == 0)
            and (plan.charge_w <= self.charge_w or plan.charge_w == 0)
            and (plan.discharge_w <= self.discharge_w or plan.discharge_w == 0)
            and (plan.stored_wh <= self.stored_beside_wh or plan.stored_wh == 0)
        ):
            return False
        return (plan.stored_wh, plan.charge_w) == (0, 0) or all(
            self.limits.charge_limit_w(stored_wh + plan.stored_wh) >= charge_w + plan.charge_w
            for stored_wh, charge_w in self.beside
        )


def room(limits: Limits, book: Book, charge: Interval, giveback: Interval) -> Room:
    """What is left between the start of ``charge`` and the end of ``giveback``."""
    cut = pieces(book, Interval(charge.start, giveback.end), charge.end, giveback.start)
    charging = [piece for piece in cut if charge.contains(piece.start)]
    returning = [piece for piece in cut if giveback.contains(piece.start)]
    beside = [piece for piece in cut if piece.charge_w and not charge.contains(piece.start)]
    stored_wh = limits.usable_energy_wh - max(piece.stored_wh for piece in cut)
    if limits.yearly_energy_wh is not None:
        stored_wh = min(stored_wh, limits.yearly_energy_wh - book.sold_in_wh(charge.start.year))
    return Room(
        limits=limits,
        stored_wh=max(0, stored_wh),
        charge_w=max(0, min(min(limits.charge_power_w - p.charge_w, p.import_free_w) for p in charging)),
        discharge_w=max(0, min(min(limits.discharge_power_w - p.discharge_w, p.export_free_w) for p in returning)),
        stored_beside_wh=max(
            0, min((limits.stored_limit_wh(p.charge_w) - p.stored_wh for p in beside), default=limits.usable_energy_wh)
        ),
        beside=tuple({(piece.stored_wh, piece.charge_w) for piece in charging}),
    )


def _piece(site: Site | None, own: Sequence[Booking], near: Sequence[Booking], start: datetime, end: datetime) -> Piece:
    stored_wh = sum(b.stored_wh for b in own if b.charge.start <= start < b.giveback.end)
    charge_w, discharge_w = _powers(own, start)
    import_free_w = export_free_w = NO_LIMIT_W
    if site is not None:
        beside_in_w, beside_out_w = _powers(near, start)
        import_limit_w, export_limit_w = site.import_limit_at(start), site.export_limit_at(start)
        if import_limit_w is not None:
            import_free_w = import_limit_w - charge_w - beside_in_w
        if export_limit_w is not None:
            export_free_w = export_limit_w - discharge_w - beside_out_w
    return Piece(start, end, stored_wh, charge_w, discharge_w, import_free_w, export_free_w)


def _powers(bookings: Sequence[Booking], moment: datetime) -> tuple[int, int]:
    charge_w = sum(b.charge_w for b in bookings if b.charge.start <= moment < b.charge.end)
    return charge_w, sum(b.discharge_w for b in bookings if b.giveback.start <= moment < b.giveback.end)


def _refusal(name: str, unit: str, wanted: int, free: Sequence[tuple[int, Piece]]) -> str | None:
    """A sentence about the first time when least is free, or None when ``wanted`` fits into every piece.

    Nothing always fits, even where a limit has been lowered under what was booked before.
    """
    least = min(amount for amount, _ in free)
    if wanted == 0 or wanted <= least:
        return None
    from_tightest = dropwhile(lambda pair: pair[0] > least, free)
    tightest = [piece for _, piece in takewhile(lambda pair: pair[0] == least, from_tightest)]
    when = _from_to(tightest[0].start, tightest[-1].end)
    return f"{name}: {kilo_text(wanted)} {unit} wanted, {kilo_text(max(0, least))} {unit} free {when}"


def _taper_refusal(limits: Limits, cut: Sequence[Piece], wanted: Booking) -> str | None:
    """The first piece in which the battery would be too full for the power that all together charge it with."""
    for piece in cut:
        own_w = wanted.charge_w if wanted.charge.contains(piece.start) else 0
        charge_w = piece.charge_w + own_w
        stored_wh = piece.stored_wh + wanted.stored_wh
        limit_w = limits.charge_limit_w(stored_wh)
        # What others charge is only ever refused for the energy that this booking would add.
        adds = own_w > 0 or (wanted.stored_wh > 0 and piece.charge_w > 0)
        # Where not even an empty battery would do, the sentences about energy and charge power have said so.
        is_said = stored_wh > limits.usable_energy_wh or (own_w > 0 and charge_w > limits.charge_power_w)
        if adds and limit_w < charge_w and not is_said:
            return (
                f"charge power of a battery that is nearly full: {kilo_text(charge_w)} kW wanted, with what is booked, "
                f"{kilo_text(limit_w)} kW taken in {_from_to(piece.start, piece.end)}"
            )
    return None


def _warranty_refusal(limits: Limits, others: Book, wanted: Booking) -> str | None:
    if limits.yearly_energy_wh is None or wanted.stored_wh == 0 or wanted.charge_w == 0:
        return None
    year = wanted.charge.start.year
    free_wh = limits.yearly_energy_wh - others.sold_in_wh(year)
    if wanted.stored_wh <= free_wh:
        return None
    return (
        f"energy under the warranty: {kilo_text(wanted.stored_wh)} kWh wanted, {kilo_text(max(0, free_wh))} kWh "
        f"left in {year}"
    )


def _from_to(start: datetime, end: datetime) -> str:
    return f"from {timestamp_text(start)} to {timestamp_text(end)}"
