"""Bookkeeping of the operator: what its decisions and its meters do in the ledger, in the transactions of those.

Money is booked with each document (`book_document`), payments by `bpp.payments.booking`. Energy is booked hour by hour
while a contract runs (`bpp.bookkeeping`), and to its end when it is settled or cancelled: then all intervals are read
once more, and where samples that came late make another fact of what was booked, that is taken back and booked anew.

What a battery's state of charge proves of the standing losses is judged from what was measured before the first of its
contracts charged. Where no state is told nothing is proven, no alarm is raised, and in the end the forecast stands.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from sqlalchemy import Connection

from bpp.contracts import Contract
from bpp.store import ledger as store
from bpp.store.money import IssuedInvoice
from energy.battery import stored_at
from energy.intervals import Interval
from energy.ledger import Entry, reversal, standing
from energy.ledger_lots import (
    Efficiencies,
    LotAlarm,
    Position,
    closed,
    held_of,
    lot_alarm,
    moved,
    movements,
    provable_loss_wh,
    proven,
)
from energy.ledger_money import issued as issued_entry
from energy.metering import MeterInterval, Sample
from energy.quantities import round_half_up
from node import ledger

logger = logging.getLogger(__name__)
_ENERGY = "energy/"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a battery's state of charge says is in it: watt-hours inside, at the start of charging and now.

    None: it was not told.
    """

    opening_wh: int | None = None
    now_wh: int | None = None


def measured_of(contract: Contract, opening: Sample | None, now: Sample | None) -> Measured:
    """The same from samples."""
    return Measured(_stored_wh(contract, opening), _stored_wh(contract, now))


def book_document(tx: Connection, document: IssuedInvoice) -> None:
    """Book an invoice or a note in the transaction that issues it."""
    producer = store.producer_of(tx, document.contract_id)
    ledger.book(tx, document.issued_at, [issued_entry(orjson.loads(document.document), producer)])


def book_energy(
    tx: Connection, contract: Contract, intervals: Sequence[MeterInterval], span: Interval, at: datetime
) -> Position | None:
    """Book what the contract moved in ``span``, at trade time ``at``; None when that is not what comes next."""
    ledger.hold(tx)
    position = store.position_of(tx, contract.contract_id) or _fresh(contract)
    if position.is_closed or position.until != span.start:
        return None
    position, made = _advanced(contract, position, intervals, span.end)
    store.save(tx, position)
    ledger.book(tx, at, made)
    return position


def close_energy(
    tx: Connection,
    contract: Contract,
    intervals: Sequence[MeterInterval],
    until: datetime,
    at: datetime,
    measured: Measured = Measured(),
) -> Position | None:
    """Book the contract to its end at ``until`` by all of its intervals, and close its lots; None: they were closed.

    What was booked already stays if it is still what the intervals say, and is taken back if not. Call it behind
    `bpp.invoicing.issue`, which locks a series of numbers first.
    """
    ledger.hold(tx)
    known = store.position_of(tx, contract.contract_id)
    if known is not None and known.is_closed:
        return None
    position, taken_back = _corrected(tx, contract, known, intervals, until)
    position, made = _advanced(contract, position, intervals, until)
    store.save(tx, position)
    ledger.book(tx, at, [*taken_back, *made])
    open_store(tx, contract, measured.opening_wh)
    is_judged = judge(tx, contract, until, measured.now_wh, at)
    position, entry = closed(store.position_of(tx, contract.contract_id) or position, is_judged)
    store.save(tx, position)
    ledger.book(tx, at, [entry])
    if not store.open_positions(tx, contract.battery_id):
        store.close_store(tx, contract.battery_id)
    return position


def open_store(tx: Connection, contract: Contract, opening_wh: int | None) -> None:
    """Remember what was measured in the battery before the contract charged, if it is the first there."""
    ledger.hold(tx)
    start, battery_id = contract.use.charge.start, contract.battery_id
    if opening_wh is not None and all(each.start >= start for each in store.open_positions(tx, battery_id)):
        store.open_store(tx, battery_id, start, opening_wh)


def judge(tx: Connection, contract: Contract, until: datetime, now_wh: int | None, at: datetime) -> bool:
    """Hold the lots in the contract's battery against what was measured there at ``until``; whether that can be done.

    What the state proves of all that is set aside there is burned, and the alarm raised or cleared. It can not be done
    where no state was told, or other contracts of the battery are booked until another time.
    """
    ledger.hold(tx)
    battery_id = contract.battery_id
    known, kept = store.store_of(tx, battery_id), store.open_positions(tx, battery_id)
    if known is None or now_wh is None or any(each.until != until for each in kept):
        return False
    left_wh = provable_loss_wh(known.opening_wh, store.positions_since(tx, battery_id, known.since), now_wh)
    for each in kept:
        burned, entry = proven(each, min(left_wh, each.set_aside_wh))
        left_wh -= burned.burned_wh - each.burned_wh
        if entry is not None:
            store.save(tx, burned)
            ledger.book(tx, at, [entry])
    capacity_wh = int(contract.listed.battery.capacity_wh)
    _watch(tx, known, lot_alarm(battery_id, store.open_positions(tx, battery_id), now_wh, capacity_wh))
    return True


def _watch(tx: Connection, known: store.Store, alarm: LotAlarm | None) -> None:
    """Raise or clear the alarm of a battery."""
    sentence = None if alarm is None else alarm.sentence
    if sentence is not None and known.alarm is None:
        logger.warning("%s", sentence)
    if sentence != known.alarm:
        store.set_alarm(tx, known.battery_id, sentence)


def _corrected(
    tx: Connection,
    contract: Contract,
    known: Position | None,
    intervals: Sequence[MeterInterval],
    until: datetime,
) -> tuple[Position, list[Entry]]:
    """Where booking goes on: behind what is booked if that is still true, or at the beginning, with its reversals."""
    fresh = _fresh(contract)
    if known is None:
        return fresh, []
    if known.until <= until:
        told, _ = _advanced(contract, fresh, intervals, known.until)
        if told.facts == known.facts:
            return known, []
    booked = [each.entry for each in ledger.of_contract(tx, contract.contract_id)]
    wrong = [entry for entry in standing(booked) if entry.reference.startswith(_ENERGY)]
    return replace(fresh, bookings=known.bookings), [reversal(entry) for entry in wrong]


def _advanced(
    contract: Contract, position: Position, intervals: Sequence[MeterInterval], until: datetime
) -> tuple[Position, list[Entry]]:
    """The position at ``until``, and the entries on the way."""
    made = []
    if position.until < until:
        held = held_of(contract.use.charge, contract.use.giveback)
        for moving in movements(intervals, held, position.until, until):
            position, entry = moved(position, moving)
            made += [] if entry is None else [entry]
    return position, made


def _fresh(contract: Contract) -> Position:
    losses = Efficiencies.of(contract.listed.battery)
    start = contract.use.charge.start
    return Position(contract.contract_id, contract.battery_id, contract.peer.bap_id, losses, start, start)


def _stored_wh(contract: Contract, sample: Sample | None) -> int | None:
    if sample is None or sample.soc is None:
        return None
    return round_half_up(stored_at(contract.listed.battery, sample.soc))
