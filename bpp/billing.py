"""Billing: a contract that is over becomes its settlement, for which `bpp.invoicing` issues an invoice."""

from __future__ import annotations

from dataclasses import dataclass

from bpp.contracts import Contract
from energy.intervals import Interval
from energy.metering import MeterInterval
from energy.offers import Quote
from energy.settlement import Settlement, settle


@dataclass(frozen=True, slots=True)
class Bill:
    """A contract's settlement and the meter intervals that it stands on.

    ``supply`` is the time it is for, where that is not as long as the contract was booked for.
    """

    contract: Contract
    settlement: Settlement
    intervals: tuple[MeterInterval, ...]
    supply: Interval | None = None


def bill_of(contract: Contract, intervals: tuple[MeterInterval, ...]) -> Bill:
    """The bill by what the contract reserved and the meter counted, at the rates that were agreed."""
    settlement = settle(contract.listed.tariff, contract.use, contract.profile, intervals, contract.discount)
    return Bill(contract, settlement, intervals)


def settled_quote(bill: Bill, quote_id: str) -> Quote:
    """What is to be paid now, in the form of a quote."""
    return Quote(quote_id, bill.settlement.lines, bill.settlement.total, bill.contract.quote.ttl_s)
