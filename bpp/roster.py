"""Keeping the fleet: which batteries are taken in and changed, taken out of service, returned, and retired.

1. A battery belongs to the account that added it. For another account it does not exist, but for its id being taken.
2. A change that breaks what was sold is refused with the contracts that it breaks, unless the operator says that it is
   so all the same: a battery that has aged is a fact. Contracts keep the terms on which they were made.
3. Out of service, a battery is not offered; its contracts go on. It can be retired when none of them is running, to
   come, or not billed, and nothing holds it; then it takes no change any more.

Every function runs in the transaction that it is given, and locks what it decides on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bpp.capacity import refusals
from bpp.catalog import ListedBattery
from bpp.fleet_json import Mistake
from bpp.store import books, fleet, roster
from bpp.store.roster import Entry, ServiceState
from energy.battery import Battery
from energy.limits import limits_of
from energy.offers import CancellationTerms
from node.clocks import Moment
from protocol.moments import timestamp_text

IS_RETIRED = "This battery is retired for good; add it under another battery_id."
IS_TAKEN = "This battery_id is taken; choose another one."


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps the fleet, and when.

    ``sees_only``: the account whose batteries alone exist; None: all do. What is added belongs to ``account``.
    ``despite_contracts``: change a battery also where that breaks what was sold.
    """

    account: str
    sees_only: str | None
    cancellation: CancellationTerms
    moment: Moment
    despite_contracts: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a battery that somebody wants: mistakes refuse it."""

    is_new: bool
    is_changed: bool
    mistakes: tuple[Mistake, ...] = ()


class StateRefused(Exception):
    """A battery can not go into that state; ``obstacles`` are what is in the way, each with a sentence."""

    def __init__(self, sentence: str, obstacles: Sequence[Mistake] = ()) -> None:
        super().__init__(sentence)
        self.obstacles = tuple(obstacles)


def judge(tx: Connection, keeper: Keeper, wanted: Sequence[ListedBattery]) -> list[Verdict]:
    """What becomes of each of these batteries, whose ids differ. It is locked until the end of the transaction."""
    known = roster.locked(tx, keeper.cancellation, wanted)
    site_ids = {listed.battery.site_id for listed in wanted if listed.battery.site_id is not None}
    foreign = roster.others_sites(tx, keeper.sees_only, site_ids) if keeper.sees_only is not None else set()
    return [_judged(tx, keeper, listed, known.get(listed.battery.battery_id), foreign) for listed in wanted]


def set_state(tx: Connection, keeper: Keeper, battery_id: str, state: ServiceState) -> Entry | None:
    """Take a battery out of service, return it, or retire it; None: it does not exist for the keeper.

    Raises:
        StateRefused: it is retired, or something is in the way of retiring it.
    """
    entry = _visible(keeper, roster.find(tx, keeper.cancellation, battery_id))
    if entry is None:
        return None
    entry = roster.locked(tx, keeper.cancellation, [entry.listed])[battery_id]
    if entry.state is state:
        return entry
    if entry.state is ServiceState.RETIRED:
        raise StateRefused("This battery is retired for good.")
    listed = replace(entry.listed, in_service=state is ServiceState.IN_SERVICE)
    if state is ServiceState.RETIRED:
        obstacles = _obstacles(tx, battery_id, keeper.moment)
        if obstacles:
            raise StateRefused("This battery can not be retired while something is in the way: see errors.", obstacles)
        roster.retire(tx, listed, keeper.moment.trade)
    else:
        roster.save(tx, [listed], entry.account)
    return roster.find(tx, keeper.cancellation, battery_id)


def broken_contracts(tx: Connection, battery: Battery, moment: Moment) -> dict[str, str]:
    """What is booked on a battery and does not fit it any more, by its id: a sentence of why."""
    book, limits = books.book_of(tx, battery, moment, None), limits_of(battery)
    # A maintenance moves no energy, and so does not fail for the battery being smaller.
    bound = [booking for booking in book.bookings if booking.charge_w and booking.giveback.end > moment.trade]
    reasons = {booking.booking_id: refusals(limits, book, booking) for booking in bound}
    return {booking_id: "; ".join(sentences) for booking_id, sentences in reasons.items() if sentences}


def _judged(
    tx: Connection, keeper: Keeper, listed: ListedBattery, known: Entry | None, foreign_sites: set[str]
) -> Verdict:
    is_new = known is None
    if known is not None and _visible(keeper, known) is None:
        return Verdict(is_new, True, (Mistake("/battery_id", IS_TAKEN),))
    if known is not None and known.document == roster.document_of(listed):
        return Verdict(is_new, False)
    if known is not None and known.state is ServiceState.RETIRED:
        return Verdict(is_new, True, (Mistake("/battery_id", IS_RETIRED),))
    if listed.battery.site_id in foreign_sites:
        return Verdict(is_new, True, (Mistake("/site_id", "Batteries of another account stand at this site."),))
    if known is None or keeper.despite_contracts:
        return Verdict(is_new, True)
    return Verdict(is_new, True, tuple(_newly_broken(tx, listed.battery, known.listed.battery, keeper.moment)))


def _newly_broken(tx: Connection, battery: Battery, was: Battery, moment: Moment) -> Iterable[Mistake]:
    broken = broken_contracts(tx, battery, moment)
    if broken:
        broken_before = broken_contracts(tx, was, moment)
        for booking_id, sentence in broken.items():
            if booking_id not in broken_before:
                yield Mistake("", f"{booking_id} is sold on this battery and would not fit any more: {sentence}")


def _visible(keeper: Keeper, entry: Entry | None) -> Entry | None:
    if entry is None or keeper.sees_only not in {None, entry.account}:
        return None
    return entry


def _obstacles(tx: Connection, battery_id: str, moment: Moment) -> list[Mistake]:
    unsettled = roster.unsettled(tx, battery_id)
    found = {contract_id: f"Contract {contract_id} runs until its bill." for contract_id in unsettled}
    for reservation in fleet.reservations(tx, moment, battery_id):
        booking = reservation.booking
        start, end = timestamp_text(booking.booked.start), timestamp_text(booking.booked.end)
        what = "is booked" if reservation.hold_until is None else "is held by a quote"
        found[booking.booking_id] = f"{booking.booking_id} {what} from {start} to {end}."
    return [Mistake(booking_id, sentence) for booking_id, sentence in found.items()]
