"""Ending a contract before its time: what it costs, its invoice, and what of its capacity becomes free.

Before charging begins all of it does. Later, what has happened stays booked up to the end of the running quarter of an
hour, so that the meter is still divided among the contracts as it was. An invoice is issued in the transaction that
ends the contract, unless there is nothing to pay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from bpp.billing import Bill, settled_quote
from bpp.capacity import Booking
from bpp.contracts import Contract
from bpp.desk import Desk
from bpp.invoicing import issue
from bpp.ledger import close_energy
from bpp.store import fleet, trade
from energy.cancellations import Agreed, settle_cancelled
from energy.intervals import SLOT_S, Interval, align_up
from energy.metering import MeterInterval
from energy.offers import Cancellation, ContractState
from node.clocks import Moment
from node.ids import new_token, new_uuid
from protocol.lifecycle import Stage, after

_SLOT = timedelta(seconds=SLOT_S)


@dataclass(frozen=True, slots=True)
class Ids:
    """What ending a contract uses up."""

    quote_id: str
    invoice_token: str

    @classmethod
    def fresh(cls) -> Ids:
        """New ones."""
        return cls(new_uuid(), new_token())


async def counted_until_now(desk: Desk, contract: Contract, moment: Moment) -> tuple[MeterInterval, ...]:
    """What the meter counted for the contract so far; nothing before its charging begins."""
    if moment.trade < contract.use.charge.start:
        return ()
    until = ends_at(contract, moment.trade)
    counted = await desk.meters.intervals(contract)
    return tuple(each for each in counted if until is not None and each.interval.end <= until)


def still_to_end(parts: Iterable[Contract], now: datetime) -> list[Contract]:
    """The contracts of an order that can be ended before their time: none that is over, or about to be settled."""
    return [part for part in parts if part.stage is Stage.ACTIVE and now < part.use.giveback.end]


def ends_at(contract: Contract, now: datetime) -> datetime | None:
    """Until when a contract that is cancelled now has used its battery; None: its charging has not begun."""
    if now < contract.use.charge.start:
        return None
    return min(align_up(now + timedelta(microseconds=1)), contract.use.giveback.end)


def cancelled_bill(
    contract: Contract, fee_percent: Decimal, now: datetime, intervals: tuple[MeterInterval, ...]
) -> Bill:
    """What the contract costs when it is cancelled at this trade time."""
    until = ends_at(contract, now)
    agreed = Agreed(
        contract.listed.tariff, contract.use, contract.profile, contract.quote.lines, discount=contract.discount
    )
    settlement = settle_cancelled(agreed, fee_percent, until, intervals)
    supply = None if until is None else Interval(contract.use.charge.start, until)
    return Bill(contract, settlement, () if until is None else intervals, supply)


def shortened(booking: Booking, until: datetime) -> Booking:
    """What stays booked of a contract that used its battery until then: what has happened, and nothing to come.

    While it was still charging, a quarter of an hour without power stands for its return, which a booking has.
    """
    if until <= booking.giveback.start:
        charge = Interval(booking.charge.start, min(until, booking.charge.end))
        return replace(booking, charge=charge, giveback=Interval(charge.end, charge.end + _SLOT), discharge_w=0)
    return replace(booking, giveback=Interval(booking.giveback.start, min(until, booking.giveback.end)))


def end(tx: Connection, desk: Desk, bill: Bill, cancellation: Cancellation, moment: Moment, ids: Ids) -> Contract:
    """The contract as it is when it has ended; its row is locked.

    Raises:
        TradeRefused: 50001, it is over already.
    """
    known = bill.contract
    contract = replace(
        known,
        stage=after(known.stage, "cancel"),
        state=ContractState.CANCELLED,
        state_at=moment.trade,
        quote=settled_quote(bill, ids.quote_id),
        cancellation=cancellation,
        updated_at=moment.trade,
    )
    until = ends_at(known, moment.trade)
    if until is None:
        fleet.release(tx, known.contract_id)
    else:
        fleet.commit(tx, known.battery_id, shortened(known.booking, until))
    if bill.settlement.total.amount_minor:
        issue(tx, desk.settings, bill, ids.invoice_token, moment.trade)
    trade.save(tx, contract)
    if until is not None:
        close_energy(tx, known, bill.intervals, until, moment.trade)
    return contract
