"""Energy in the ledger: what a contract puts into a battery becomes lots, which lose, are returned, and are closed.

Source: ENERGY 2.1 and 2.4. All in watt-hours; in and out are AC at the meter, lots are energy inside the battery.

1. A *lot* is what one contract put into one battery on one day, less the charging loss.
2. The *standing loss* is set aside by forecast between the charge window and the return window, as the quote promises
   (`energy.battery.profile`), from all lots in proportion. It is burned as far as the measured state of the battery
   proves it.
3. What is *returned* is drawn from the oldest lot first, with the loss of discharging. What the lots do not have is
   drawn from what was set aside, since it was not lost then, and at last from the operator's own energy.
4. When the contract is over, what nobody asked back is the operator's own. So is what was set aside and never proven;
   where no state was measured, the forecast stands.
5. A derived amount is round(exact sum since the beginning) − what was booked already. Nothing drifts, however often
   and in whichever steps it is booked.

A `Position` is all of that for one contract in one battery. Facts are booked as they are: a battery that gives back
more than it should have is booked so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from itertools import pairwise

from energy.battery import Losing, retained
from energy.intervals import Interval, seconds
from energy.ledger import WATT_HOURS, Account, Entry, Event, Kind, entry_of
from energy.metering import MeterInterval, allocate
from energy.quantities import kilo_text, round_half_up

CHARGING, STANDING, DISCHARGE = "charging", "standing", "discharge"
TOLERANCE_PERCENT = 2
"""Of what a battery can hold: its state of charge is seldom known better."""
_CONTEXT = Context(prec=34)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Efficiencies:
    """What a battery loses: eta_c, eta_d and the standing loss of a day, as fractions of one."""

    efficiency_charge: Decimal
    efficiency_discharge: Decimal
    standing_loss_per_day: Decimal

    @classmethod
    def of(cls, battery: Losing) -> Efficiencies:
        """Those of a battery."""
        return cls(battery.efficiency_charge, battery.efficiency_discharge, battery.standing_loss_per_day)


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of a day's charging: in store, and set aside for the standing loss. ``since`` is its first slot."""

    lot_id: str
    since: datetime
    in_store_wh: int = 0
    set_aside_wh: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """What one contract moved in one battery until a moment, since the one before; ``held_s`` of it held in store."""

    span: Interval
    energy_in_wh: int = 0
    energy_out_wh: int = 0
    held_s: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """One contract's energy in one battery. ``producer`` is whose it is; it is booked from ``start`` until ``until``.

    ``taken_in_wh`` and ``given_out_wh`` are what the meter counted, ``stored_wh``, ``forecast_wh`` and ``drawn_wh``
    what was booked from it: into the lots, set aside for the standing loss, and out again. The exact values behind
    them are `Decimal`. ``bookings`` counts the entries that were made, ``burned_wh`` is the loss that was proven.
    """

    contract_id: str
    battery_id: str
    producer: str
    losses: Efficiencies
    start: datetime
    until: datetime
    taken_in_wh: int = 0
    given_out_wh: int = 0
    stored_wh: int = 0
    forecast_wh: int = 0
    drawn_wh: int = 0
    burned_wh: int = 0
    exact_wh: Decimal = Decimal(0)
    exact_forecast_wh: Decimal = Decimal(0)
    lots: tuple[Lot, ...] = ()
    bookings: int = 0
    is_closed: bool = False

    @property
    def in_store_wh(self) -> int:
        """What the contract has in the battery, without what is set aside."""
        return sum(lot.in_store_wh for lot in self.lots)

    @property
    def set_aside_wh(self) -> int:
        """What is set aside for a loss that is not proven yet."""
        return sum(lot.set_aside_wh for lot in self.lots)

    @property
    def facts(self) -> tuple[int, int, int, int, int]:
        """What follows from the meter and the contract alone, to compare two positions of the same moment."""
        return self.taken_in_wh, self.given_out_wh, self.stored_wh, self.forecast_wh, self.drawn_wh


@dataclass(frozen=True, slots=True)
class LotAlarm:
    """That a battery's lots hold more than was measured in it."""

    battery_id: str
    in_store_wh: int
    measured_wh: int
    tolerance_wh: int

    @property
    def sentence(self) -> str:
        """For a person."""
        return (
            f"The contracts have {kilo_text(self.in_store_wh)} kWh in store in battery {self.battery_id}, but its "
            f"measured state is {kilo_text(self.measured_wh)} kWh: more than the tolerance of "
            f"{kilo_text(self.tolerance_wh)} kWh apart. Look at its meter, its state of charge and its efficiencies."
        )


def movements(
    intervals: Iterable[MeterInterval], held: Interval | None, start: datetime, until: datetime
) -> Iterator[Moved]:
    """What the intervals say from ``start`` until ``until``, cut at midnights (UTC) and where holding begins and ends.

    ``held`` is the time between the charge window and the return window; an interval counts where it begins.
    """
    edges = {start, until, *_midnights(start, until)}
    edges |= set() if held is None else {edge for edge in (held.start, held.end) if start < edge < until}
    counted = sorted(intervals, key=lambda each: each.interval.start)
    starts = [each.interval.start for each in counted]
    for first, last in pairwise(sorted(edges)):
        span = Interval(first, last)
        inside = counted[bisect_left(starts, first) : bisect_left(starts, last)]
        held_part = None if held is None else held.intersection(span)
        yield Moved(
            span,
            sum(each.energy_in_wh for each in inside),
            sum(each.energy_out_wh for each in inside),
            Decimal(0) if held_part is None else held_part.duration_s,
        )


def moved(position: Position, moving: Moved) -> tuple[Position, Entry | None]:
    """The position at the end of the span, and the entry for what happened in it; None: nothing to book.

    Raises:
        ValueError: energy is negative, the span does not follow what is booked, or the contract's lots are closed.
    """
    _check(position, moving)
    counted = _counted(position, moving)
    filled, stored_wh = _filled(counted, moving)
    reserved, aside_wh = _reserved(filled)
    drawn, own_wh, drawn_wh = _drawn(reserved)
    accounts = _Accounts(position)
    amounts = accounts.of_lots(position.lots, drawn.lots)
    amounts |= {
        accounts.generated: -moving.energy_in_wh,
        accounts.lost(CHARGING): moving.energy_in_wh - stored_wh,
        accounts.returned: moving.energy_out_wh,
        accounts.lost(DISCHARGE): drawn_wh - moving.energy_out_wh,
        accounts.own: -own_wh,
    }
    sentence = _sentence(moving, stored_wh, aside_wh, drawn_wh)
    return _booked(drawn, Event.ENERGY_MOVED, sentence, amounts)


def proven(position: Position, loss_wh: int) -> tuple[Position, Entry | None]:
    """Burn what the measured state proves of what is set aside, the oldest lot's first; no more than that.

    Raises:
        ValueError: a negative loss.
    """
    if loss_wh < 0:
        raise ValueError(f"{loss_wh} Wh is no loss")
    lots, burned_wh = _taken(position.lots, "set_aside_wh", loss_wh)
    accounts = _Accounts(position)
    amounts = accounts.of_lots(position.lots, lots) | {accounts.lost(STANDING): burned_wh}
    changed = replace(position, lots=lots, burned_wh=position.burned_wh + burned_wh)
    sentence = f"The measured state proves {kilo_text(burned_wh)} kWh of standing loss."
    return _booked(changed, Event.LOSS_PROVEN, sentence, amounts)


def closed(position: Position, is_measured: bool) -> tuple[Position, Entry | None]:
    """The contract is over: its lots are empty, and what was left in them is the operator's own.

    ``is_measured``: the state of the battery was told, so that what was set aside and not proven was not lost.
    """
    accounts = _Accounts(position)
    lost_wh = 0 if is_measured else position.set_aside_wh
    own_wh = position.in_store_wh + position.set_aside_wh - lost_wh
    lots = tuple(replace(lot, in_store_wh=0, set_aside_wh=0) for lot in position.lots)
    amounts = accounts.of_lots(position.lots, lots) | {accounts.lost(STANDING): lost_wh, accounts.own: own_wh}
    changed = replace(position, lots=lots, burned_wh=position.burned_wh + lost_wh, is_closed=True)
    sentence = (
        f"The contract is over: {kilo_text(own_wh)} kWh that nobody asked back stay with the operator, "
        f"{kilo_text(lost_wh)} kWh that were set aside are lost."
    )
    return _booked(changed, Event.LOT_CLOSED, sentence, amounts)


def provable_loss_wh(opening_wh: int, positions: Sequence[Position], measured_wh: int) -> int:
    """How much standing loss of these contracts the measured state of their battery proves now, beyond what is burned.

    ``opening_wh`` is what was measured before the first of them charged. What is missing since then is divided between
    their lots and the operator's own energy by what each has in store (ENERGY 2.3).
    """
    put_in_wh = sum(position.stored_wh - position.drawn_wh for position in positions)
    burned_wh = sum(position.burned_wh for position in positions)
    lots_wh = sum(position.in_store_wh + position.set_aside_wh for position in positions)
    # Before any of what is set aside was lost.
    expected_wh, lots_wh = opening_wh + put_in_wh, lots_wh + burned_wh
    missing_wh = expected_wh - measured_wh
    if missing_wh <= 0 or expected_wh <= 0 or lots_wh <= 0:
        return 0
    share_wh = round_half_up(Decimal(missing_wh * min(lots_wh, expected_wh)) / expected_wh)
    return max(0, min(share_wh - burned_wh, sum(position.set_aside_wh for position in positions)))


def lot_alarm(battery_id: str, positions: Iterable[Position], measured_wh: int, capacity_wh: int) -> LotAlarm | None:
    """An alarm when the lots hold more than was measured, beyond `TOLERANCE_PERCENT` of what the battery can hold."""
    in_store_wh = sum(position.in_store_wh for position in positions)
    tolerance_wh = capacity_wh * TOLERANCE_PERCENT // 100
    if in_store_wh <= measured_wh + tolerance_wh:
        return None
    return LotAlarm(battery_id, in_store_wh, measured_wh, tolerance_wh)


# -- how a movement is booked -----------------------------------------------------------------------------------


def _check(position: Position, moving: Moved) -> None:
    if position.is_closed:
        raise ValueError(f"contract {position.contract_id} is closed in battery {position.battery_id}")
    if moving.energy_in_wh < 0 or moving.energy_out_wh < 0:
        raise ValueError("energy in and energy out are two values that are never negative")
    if moving.span.start != position.until:
        raise ValueError(f"{moving.span.start.isoformat()} does not follow {position.until.isoformat()}")


def _counted(position: Position, moving: Moved) -> Position:
    """The exact values at the end of the span (ENERGY 2.1's recursion); what is booked is not changed yet."""
    losses = position.losses
    with localcontext(_CONTEXT):
        kept = position.exact_wh * retained(losses.standing_loss_per_day, moving.held_s)
        taken = losses.efficiency_charge * moving.energy_in_wh
        given = moving.energy_out_wh / losses.efficiency_discharge
        # Nothing is lost of what is not there.
        forecast = max(Decimal(0), position.exact_wh - kept)
        exact = position.exact_wh - forecast + taken - given
        exact_forecast = position.exact_forecast_wh + forecast
    return replace(
        position,
        until=moving.span.end,
        taken_in_wh=position.taken_in_wh + moving.energy_in_wh,
        given_out_wh=position.given_out_wh + moving.energy_out_wh,
        exact_wh=exact,
        exact_forecast_wh=exact_forecast,
    )


def _filled(position: Position, moving: Moved) -> tuple[Position, int]:
    """What entered becomes, or joins, the lot of its day."""
    with localcontext(_CONTEXT):
        stored_wh = round_half_up(position.losses.efficiency_charge * position.taken_in_wh) - position.stored_wh
    if not stored_wh:
        return position, 0
    day = moving.span.start.astimezone(UTC).date().isoformat()
    lot_id = f"{position.contract_id}/{position.battery_id}/{day}"
    lots = {lot.lot_id: lot for lot in position.lots}
    known = lots.get(lot_id, Lot(lot_id, moving.span.start))
    lots[lot_id] = replace(known, in_store_wh=known.in_store_wh + stored_wh)
    return replace(position, lots=tuple(lots.values()), stored_wh=position.stored_wh + stored_wh), stored_wh


def _reserved(position: Position) -> tuple[Position, int]:
    """Set aside what the forecast says, of all lots in proportion and never more than they have."""
    due_wh = round_half_up(position.exact_forecast_wh) - position.forecast_wh
    aside_wh = min(due_wh, position.in_store_wh)
    parts = allocate(aside_wh, [lot.in_store_wh for lot in position.lots])
    lots = tuple(
        replace(lot, in_store_wh=lot.in_store_wh - part, set_aside_wh=lot.set_aside_wh + part)
        for lot, part in zip(position.lots, parts, strict=True)
    )
    return replace(position, lots=lots, forecast_wh=position.forecast_wh + aside_wh), aside_wh


def _drawn(position: Position) -> tuple[Position, int, int]:
    """Take what left the battery from the lots; how much of it was the operator's own, and how much it was in all."""
    with localcontext(_CONTEXT):
        due_wh = round_half_up(position.given_out_wh / position.losses.efficiency_discharge) - position.drawn_wh
    lots, from_store_wh = _taken(position.lots, "in_store_wh", due_wh)
    lots, from_aside_wh = _taken(lots, "set_aside_wh", due_wh - from_store_wh)
    own_wh = due_wh - from_store_wh - from_aside_wh
    return replace(position, lots=lots, drawn_wh=position.drawn_wh + due_wh), own_wh, due_wh


def _taken(lots: Sequence[Lot], name: str, wanted_wh: int) -> tuple[tuple[Lot, ...], int]:
    """The lots without what was taken from them, the oldest first, and how much that was."""
    left_wh, changed = wanted_wh, []
    for lot in lots:
        part = min(getattr(lot, name), left_wh)
        changed.append(replace(lot, **{name: getattr(lot, name) - part}))
        left_wh -= part
    return tuple(changed), wanted_wh - left_wh


def _booked(
    position: Position, event: Event, sentence: str, amounts: dict[Account, int]
) -> tuple[Position, Entry | None]:
    reference = f"energy/{position.contract_id}/{position.battery_id}/{position.bookings + 1}"
    entry = entry_of(reference, event, position.contract_id, sentence, amounts, WATT_HOURS)
    return (position if entry is None else replace(position, bookings=position.bookings + 1)), entry


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The accounts of a position."""

    position: Position

    @property
    def generated(self) -> Account:
        return Account(Kind.GENERATED, self.position.producer)

    @property
    def returned(self) -> Account:
        return Account(Kind.RETURNED, self.position.producer)

    @property
    def own(self) -> Account:
        return Account(Kind.OWN, self.position.battery_id)

    def lost(self, how: str) -> Account:
        return Account(Kind.LOST, self.position.battery_id, how)

    def of_lots(self, before: Sequence[Lot], after: Sequence[Lot]) -> dict[Account, int]:
        """How the lots have changed."""
        known, amounts = {lot.lot_id: lot for lot in before}, dict[Account, int]()
        for lot in after:
            old = known.get(lot.lot_id, Lot(lot.lot_id, lot.since))
            producer = self.position.producer
            amounts[Account(Kind.IN_STORE, producer, lot.lot_id)] = lot.in_store_wh - old.in_store_wh
            amounts[Account(Kind.SET_ASIDE, producer, lot.lot_id)] = lot.set_aside_wh - old.set_aside_wh
        return amounts


def _sentence(moving: Moved, stored_wh: int, aside_wh: int, drawn_wh: int) -> str:
    parts = []
    if moving.energy_in_wh:
        parts.append(f"{kilo_text(moving.energy_in_wh)} kWh in, {kilo_text(stored_wh)} kWh of it in store")
    if aside_wh:
        parts.append(f"{kilo_text(aside_wh)} kWh set aside for the standing loss")
    if moving.energy_out_wh:
        parts.append(f"{kilo_text(moving.energy_out_wh)} kWh out, {kilo_text(drawn_wh)} kWh from store for it")
    start, end = (moment.strftime("%Y-%m-%d %H:%M") for moment in (moving.span.start, moving.span.end))
    return f"From {start} to {end} UTC: {'; '.join(parts)}."


def _midnights(start: datetime, until: datetime) -> Iterator[datetime]:
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    while day < until:
        yield day
        day += _DAY


def held_of(charge: Interval, giveback: Interval) -> Interval | None:
    """The time between the windows; None when the return begins where charging ends."""
    return Interval(charge.end, giveback.start) if seconds(giveback.start - charge.end) > 0 else None
