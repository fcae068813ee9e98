"""Bills: whether an operator's invoice is what was agreed, computed again from the tariff and the meter's intervals.

Nothing in the document is believed for being there. Its sums are added up, its lines priced anew from its own
intervals, what does not depend on the meter held against the quote, and its intervals against our own readings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from energy.battery import PowerProfile
from energy.discounts import agreed_discount
from energy.intervals import Interval
from energy.invoices import check, pays_producer
from energy.metering import MeterInterval, ReadingQuality
from energy.offers import Quote, StorageUse
from energy.quantities import Money, kilo_text
from energy.settlement import Settlement, planned_usage, settle
from energy.tariffs import Line, LineTitle, Tariff, price
from protocol.moments import parse_timestamp

METER_TOLERANCE = Decimal("0.02")
ROUNDING_WH = 1
_AS_QUOTED = (LineTitle.CAPACITY, LineTitle.POWER, LineTitle.PLATFORM)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides confirmed: the use, its power profile, the offer's tariff and the quote for it."""

    contract_id: str
    use: StorageUse
    profile: PowerProfile
    tariff: Tariff
    quote: Quote

    @property
    def discount(self) -> Decimal | None:
        """The percentage off the charges that was bargained for."""
        return agreed_discount(price(self.tariff, planned_usage(self.use, self.profile)), self.quote.lines)


@dataclass(frozen=True, slots=True)
class BillCheck:
    """What differs between an invoice and what we know, one sentence each."""

    differences: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class _Billed:
    """What the document says, as far as it is compared."""

    contract_id: str
    currency: str
    supply: Interval
    amounts: Mapping[str, Money]
    energy_in_wh: int
    energy_out_wh: int
    intervals: tuple[MeterInterval, ...]


def compare(agreed: Agreement, document: Mapping[str, Any], own: Sequence[MeterInterval] = ()) -> BillCheck:
    """Check an invoice document (`energy.invoices.document`) of a completed contract.

    ``own`` are our readings of the same meter, as many as there are: intervals that both sides have must agree
    within two percent of what we measured, twice the error of a class 1 meter, and 1 Wh of rounding each.
    """
    differences = check(document)
    try:
        billed = _read(document)
        settled = settle(agreed.tariff, agreed.use, agreed.profile, billed.intervals, agreed.discount)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return BillCheck((*differences, f"the document can not be compared: {type(error).__name__}: {error}"))
    differences += [
        *_other_contract(agreed, billed),
        *_other_energy(settled, billed),
        *_other_amounts("the tariff makes it", billed.amounts, _amounts(settled.lines, agreed.tariff.currency)),
        *_other_than_quoted(agreed.quote, billed),
        *_other_than_measured(own, billed),
    ]
    return BillCheck(tuple(differences))


@dataclass(frozen=True, slots=True)
class LineCheck:
    """All lines of one title: what is billed, and what tariff and intervals make it; None: there is no such line."""

    title: str
    billed: Money | None
    expected: Money | None

    @property
    def differs(self) -> bool:
        """Whether it is another amount."""
        return self.billed != self.expected


def by_line(agreed: Agreement, document: Mapping[str, Any], own: Sequence[MeterInterval] = ()) -> tuple[LineCheck, ...]:
    """The bill beside what it should be, title by title: by our own intervals where we have them all, else by its own.

    Raises:
        ValueError: the document can not be compared.
    """
    try:
        billed = _read(document)
        measured = {each.interval: each for each in own}
        has_all = bool(measured) and all(each.interval in measured for each in billed.intervals)
        counted = tuple(own) if has_all else billed.intervals
        settled = settle(agreed.tariff, agreed.use, agreed.profile, counted, agreed.discount)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    expected = _amounts(settled.lines, agreed.tariff.currency)
    titles = dict.fromkeys((*billed.amounts, *expected))
    return tuple(LineCheck(title, billed.amounts.get(title), expected.get(title)) for title in titles)


def _other_contract(agreed: Agreement, billed: _Billed) -> Iterator[str]:
    pairs = (
        ("contract", billed.contract_id, agreed.contract_id),
        ("currency", billed.currency, agreed.tariff.currency),
        ("time of supply", _window(billed.supply), _window(agreed.use.booked)),
    )
    for name, written, expected in pairs:
        if written != expected:
            yield f"the {name} is {written}, it should be {expected}"


def _other_energy(settled: Settlement, billed: _Billed) -> Iterator[str]:
    """Whether the intervals carry the energy that is billed, and each of them once."""
    written, counted = (billed.energy_in_wh, billed.energy_out_wh), (settled.energy_in_wh, settled.energy_out_wh)
    for name, billed_wh, counted_wh in zip(("taken in", "returned"), written, counted, strict=True):
        if billed_wh != counted_wh:
            yield f"{_kwh(billed_wh)} are billed as {name}, the intervals make {_kwh(counted_wh)}"
    in_order = sorted(billed.intervals, key=lambda one: one.interval)
    for one, following in pairwise(in_order):
        if one.interval.overlaps(following.interval):
            yield f"the intervals {_window(one.interval)} and {_window(following.interval)} count energy twice"


def _other_than_quoted(quote: Quote, billed: _Billed) -> Iterator[str]:
    """Reserved capacity and power and flat prices do not depend on the meter: they are due as quoted."""
    quoted = _amounts(quote.lines, quote.total.currency)
    for title in _AS_QUOTED:
        yield from _other_amounts("the quote said", _only(title, billed.amounts), _only(title, quoted))


def _other_than_measured(own: Sequence[MeterInterval], billed: _Billed) -> Iterator[str]:
    measured = {interval.interval: interval for interval in own}
    both = [(theirs, measured[theirs.interval]) for theirs in billed.intervals if theirs.interval in measured]
    sums = (
        ("taken in", sum(theirs.energy_in_wh for theirs, _ in both), sum(ours.energy_in_wh for _, ours in both)),
        ("returned", sum(theirs.energy_out_wh for theirs, _ in both), sum(ours.energy_out_wh for _, ours in both)),
    )
    for name, billed_wh, own_wh in sums:
        if abs(billed_wh - own_wh) > own_wh * METER_TOLERANCE + len(both) * ROUNDING_WH:
            yield f"{_kwh(billed_wh)} are billed as {name} in {len(both)} intervals, we measured {_kwh(own_wh)}"


def _other_amounts(source: str, billed: Mapping[str, Money], expected: Mapping[str, Money]) -> Iterator[str]:
    for title in sorted({*billed, *expected}):
        written, due = billed.get(title), expected.get(title)
        if written != due:
            yield f"{title}: {_text(written)} is billed, {source} {_text(due)}"


def _only(title: str, amounts: Mapping[str, Money]) -> dict[str, Money]:
    return {title: amounts[title]} if title in amounts else {}


def _amounts(lines: Sequence[Line], currency: str) -> dict[str, Money]:
    """The sum of the lines of each title."""
    sums: dict[str, Money] = {}
    for line in lines:
        sums[line.title] = sums.get(line.title, Money(0, currency)) + line.amount
    return sums


def _read(document: Mapping[str, Any]) -> _Billed:
    currency = document["currency"]
    amounts: dict[str, Money] = {}
    for line in document["lines"]:
        title = str(line["title"])
        amount = Money.parse(line["amount"], currency)
        amounts[title] = amounts.get(title, Money(0, currency)) + (-amount if pays_producer(document) else amount)
    return _Billed(
        contract_id=document["contract_id"],
        currency=currency,
        supply=_read_window(document["supply"]),
        amounts=amounts,
        energy_in_wh=_read_energy(document["meter"]["energy_in_wh"]),
        energy_out_wh=_read_energy(document["meter"]["energy_out_wh"]),
        intervals=tuple(map(_read_interval, document["intervals"])),
    )


def _read_interval(written: Mapping[str, Any]) -> MeterInterval:
    return MeterInterval(
        _read_window(written),
        _read_energy(written["energy_in_wh"]),
        _read_energy(written["energy_out_wh"]),
        ReadingQuality(written["quality"]),
    )


def _read_window(written: Mapping[str, Any]) -> Interval:
    return Interval(parse_timestamp(written["start"]), parse_timestamp(written["end"]))


def _read_energy(written: object) -> int:
    if type(written) is not int or written < 0:
        raise ValueError(f"{written!r} is no energy in watt-hours")
    return written


def _kwh(energy_wh: int) -> str:
    return f"{kilo_text(energy_wh)} kWh"


def _text(amount: Money | None) -> str:
    return "nothing" if amount is None else f"{amount.text} {amount.currency}"


def _window(window: Interval) -> str:
    return f"{window.start.isoformat()} to {window.end.isoformat()}"
