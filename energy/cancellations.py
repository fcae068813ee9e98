"""Cancelling a contract: who may say why, and what it costs by when it happens.

Before charging begins it costs a percentage of the quoted charges. Afterwards, until the return is over, it costs what
was used until then and the same fee; the two together are never more than the quoted charges. A provider who cancels
takes no fee. Taxes are paid on what is left of all that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from energy.battery import PowerProfile
from energy.discounts import discounted
from energy.intervals import Interval
from energy.metering import MeterInterval
from energy.offers import StorageUse
from energy.settlement import Metered, Settlement, cancellation_fee, metered, metered_usage
from energy.tariffs import Line, LineTitle, Tariff, lines_total, price, taxes


class Side(StrEnum):
    """Who cancels (Beckn core 1.1.1, Cancellation.cancelled_by)."""

    CONSUMER = "CONSUMER"
    PROVIDER = "PROVIDER"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a contract may be cancelled, and by whom."""

    reason_id: str
    text: str
    sides: frozenset[Side]


_ANYBODY = frozenset(Side)
_CONSUMER = frozenset({Side.CONSUMER})
_PROVIDER = frozenset({Side.PROVIDER})

REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        reason.reason_id: reason
        for reason in (
            Reason("1", "Plans have changed", _CONSUMER),
            Reason("2", "A better offer was found", _CONSUMER),
            Reason("3", "The plant is out of service", _CONSUMER),
            Reason("4", "Ordered by mistake", _CONSUMER),
            Reason("5", "The grid is down", _ANYBODY),
            Reason("6", "The battery is out of service", _PROVIDER),
            Reason("7", "It would not be safe", _ANYBODY),
            Reason("8", "The bill of an earlier contract is unpaid", _PROVIDER),
        )
    }
)
"""By the id on the wire (number 5 is DENT's, ENERGY 1.1)."""


def reasons_of(side: Side) -> tuple[Reason, ...]:
    """What that side may say."""
    return tuple(reason for reason in REASONS.values() if side in reason.sides)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a contract that is cancelled was agreed on; ``discount`` is the percentage off its charges."""

    tariff: Tariff
    use: StorageUse
    profile: PowerProfile
    quoted: tuple[Line, ...]
    discount: Decimal | None = None


def settle_cancelled(
    agreed: Agreed, fee_percent: Decimal, until: datetime | None, intervals: Sequence[MeterInterval] = ()
) -> Settlement:
    """The bill of a contract that is cancelled at ``until``; None: before its charging began.

    Raises:
        ValueError: ``fee_percent`` is not between 0 and 100, or ``until`` is not after the start of charging.
    """
    tariff, facts = agreed.tariff, metered(agreed.use, () if until is None else intervals)
    used = () if until is None else _used(agreed, facts, until)
    fee = cancellation_fee(tariff, agreed.quoted, fee_percent)[0]
    charges = _capped((*used, fee), agreed)
    lines = (*charges, *taxes(tariff, charges))
    return Settlement(
        lines=lines,
        total=lines_total(lines, tariff.currency),
        energy_in_wh=facts.energy_in_wh,
        energy_out_wh=facts.energy_out_wh,
        losses_wh=facts.losses_wh,
        efficiency=facts.efficiency,
        interval_count=len(facts.intervals),
        estimated_count=facts.estimated_intervals,
    )


def _used(agreed: Agreed, facts: Metered, until: datetime) -> tuple[Line, ...]:
    """What the contract would cost if it had been made until then, without taxes."""
    usage = metered_usage(agreed.use, agreed.profile, facts)
    listed = price(agreed.tariff, replace(usage, booked=Interval(agreed.use.charge.start, until)))
    return _charges(discounted(agreed.tariff, listed, agreed.discount))


def _capped(lines: tuple[Line, ...], agreed: Agreed) -> tuple[Line, ...]:
    """The lines, and a discount that brings them down to the quoted charges where they are more."""
    currency = agreed.tariff.currency
    excess = lines_total(lines, currency) - lines_total(_charges(agreed.quoted), currency)
    return (*lines, Line(LineTitle.DISCOUNT, -excess)) if excess.amount_minor > 0 else lines


def _charges(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(line for line in lines if not line.is_tax)
