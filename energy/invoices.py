"""Invoices: the document of one settled contract, with the evidence of the meter, and how to check one.

Source: ENERGY 2.5. The document carries the fields of Rule 46 of the Indian CGST Rules: both parties with tax number
and state, serial and date, service code and description, taxable value, rate and amount of each tax, place of supply,
reverse charge. In it amounts, quantities, rates and efficiencies are texts, energies integers of watt-hours, times UTC.
Its canonical bytes are compact JSON with sorted keys; the signed message that refers to them carries their digest.
`check` trusts nothing: a document may come from anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

from energy.intervals import Interval
from energy.metering import MeterInterval
from energy.quantities import Money, QuantityError, decimal_of, decimal_text, minor_digits, total
from energy.settlement import Settlement
from energy.tariffs import QUANTITY_DIGITS, TAX_TITLES, Line, lines_total

CARRIES = "carries the fields of Rule 46, CGST Rules 2017 (India)"
DESCRIPTION = "Storage of electrical energy in a battery"
_SERIAL = re.compile(r"[A-Za-z0-9/-]{1,16}")
_INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
_SHOWN_CHARS = 40
_QUANTITY_STEP = Fraction(1, 10**QUANTITY_DIGITS)


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer (personal data: never logged). ``tax_id`` is the GSTIN, ``state_code`` its first two digits."""

    name: str
    address: str
    tax_id: str | None = None
    state_code: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class MeterEvidence:
    """What the bill stands on, in AC watt-hours. ``efficiency`` is a fraction of one.

    The registers at the start of charging and the end of the return are given where the meter is the contract's alone.
    """

    interval_count: int
    estimated_count: int
    energy_in_wh: int
    energy_out_wh: int
    losses_wh: int
    efficiency: Decimal | None
    opening_in_wh: int | None = None
    opening_out_wh: int | None = None
    closing_in_wh: int | None = None
    closing_out_wh: int | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice; ``total`` is what the buyer pays the seller. ``service_code`` is the tax class's code.

    Raises:
        ValueError: the number is no serial, a time is not UTC, or the total is not the sum of the lines.
    """

    number: str
    issued_at: datetime
    due_at: datetime
    seller: Party
    buyer: Party
    contract_id: str
    supply: Interval
    lines: tuple[Line, ...]
    total: Money
    currency: str
    service_code: str
    evidence: MeterEvidence

    def __post_init__(self) -> None:
        if _SERIAL.fullmatch(self.number) is None:
            raise ValueError(f"{self.number[:40]!r} is no invoice number: 1 to 16 letters, digits, / and -")
        if any(moment.utcoffset() != timedelta(0) for moment in (self.issued_at, self.due_at)):
            raise ValueError(f"the times of invoice {self.number} are not in UTC")
        if lines_total(self.lines, self.currency) != self.total:
            raise ValueError(f"the lines of invoice {self.number} do not add up to {self.total.text}")


def evidence(settlement: Settlement) -> MeterEvidence:
    """The evidence of a settlement, without registers."""
    return MeterEvidence(
        interval_count=settlement.interval_count,
        estimated_count=settlement.estimated_count,
        energy_in_wh=settlement.energy_in_wh,
        energy_out_wh=settlement.energy_out_wh,
        losses_wh=settlement.losses_wh,
        efficiency=settlement.efficiency,
    )


def financial_year(moment: datetime) -> str:
    """India's financial year, April to March in Indian time: ``"26-27"``.

    Raises:
        ValueError: the moment has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no zone, so its financial year is unknown")
    local = moment.astimezone(_INDIA)
    first = local.year if local.month >= 4 else local.year - 1
    return f"{first % 100:02d}-{(first + 1) % 100:02d}"


def serial(series: str, issued_at: datetime, number: int) -> str:
    """The invoice number, unique within a financial year: ``("BB", ..., 7)`` → ``"BB/26-27/000007"``.

    Consecutive numbers are the caller's to hand out, in the transaction that makes the invoice final.

    Raises:
        ValueError: the number is not positive, or the text is longer than the 16 characters that Rule 46 allows.
    """
    text = f"{series}/{financial_year(issued_at)}/{number:06d}"
    if number < 1 or _SERIAL.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is no invoice number: 1 to 16 letters, digits, / and -")
    return text


def document(invoice: Invoice, intervals: Sequence[MeterInterval]) -> dict[str, Any]:
    """The invoice and the meter intervals behind it as JSON-ready values, no float among them."""
    taxed = [line.amount for line in invoice.lines if line.is_tax]
    tax_amount = total(taxed, invoice.currency)
    return {
        "document": "invoice",
        "note": CARRIES,
        "number": invoice.number,
        "date": invoice.issued_at.astimezone(_INDIA).date().isoformat(),
        "issued_at": _time(invoice.issued_at),
        "due_at": _time(invoice.due_at),
        "contract_id": invoice.contract_id,
        "seller": asdict(invoice.seller),
        "buyer": asdict(invoice.buyer),
        "place_of_supply": invoice.buyer.state_code or invoice.seller.state_code,
        "reverse_charge": False,
        "service": {"code": invoice.service_code, "description": DESCRIPTION},
        "supply": _window(invoice.supply),
        "currency": invoice.currency,
        "lines": [_line(line) for line in invoice.lines],
        "taxable_amount": (invoice.total - tax_amount).text,
        "tax_amount": tax_amount.text,
        "total": invoice.total.text,
        "meter": {**asdict(invoice.evidence), "efficiency": _text(invoice.evidence.efficiency)},
        "intervals": [_interval(interval) for interval in intervals],
    }


def document_bytes(invoice: Invoice, intervals: Sequence[MeterInterval]) -> bytes:
    """The document's canonical bytes: the same invoice always has the same digest."""
    return orjson.dumps(document(invoice, intervals), option=orjson.OPT_SORT_KEYS)


def check(document: Mapping[str, Any]) -> list[str]:
    """What does not add up in an invoice document, one sentence each; empty when all of it does.

    Each line: quantity × rate (percent of the quantity where the unit is "%") is the amount, within half a minor unit
    and what the rounding of the shown quantity can make. Each tax: its quantity is the taxable sum. Lines add up to
    the taxable amount, the tax amount and the total; the meter's losses are what went in less what came out.
    """
    try:
        return [*_check_amounts(document), *_check_meter(document)]
    except (KeyError, TypeError, AttributeError, QuantityError) as error:
        return [f"the document can not be read as an invoice: {type(error).__name__}: {error}"]


def _check_amounts(document: Mapping[str, Any]) -> list[str]:
    currency = document["currency"]
    lines = document["lines"]
    taxed = [line for line in lines if line["title"] in TAX_TITLES]
    sums = {
        "tax_amount": _sum(taxed, currency),
        "taxable_amount": _sum([line for line in lines if line["title"] not in TAX_TITLES], currency),
        "total": _sum(lines, currency),
    }
    wrong = [
        f"{name} is {document[name]} but its lines add up to {amount.text}"
        for name, amount in sums.items()
        if Money.parse(document[name], currency) != amount
    ]
    for line in lines:
        wrong += _check_line(line, currency)
    for line in taxed:
        wrong += _check_tax(line, sums["taxable_amount"])
    return wrong


def _check_tax(line: Mapping[str, Any], taxable: Money) -> list[str]:
    if line["rate"] is None or line["quantity"] is None or line["unit"] != "%":
        return [f"{_title(line)} does not say how many percent of what it is"]
    if decimal_of(line["quantity"]) != taxable.decimal:
        return [f"{_title(line)} is on {line['quantity']}, the taxable sum is {taxable.text}"]
    return []


def _check_line(line: Mapping[str, Any], currency: str) -> list[str]:
    amount = Money.parse(line["amount"], currency)
    if line["quantity"] is None or line["rate"] is None:
        return []
    quantity, rate = Fraction(decimal_of(line["quantity"])), Fraction(decimal_of(line["rate"]))
    is_percentage = line["unit"] == "%"
    product = quantity * rate / 100 if is_percentage else quantity * rate
    tolerance = Fraction(1, 2 * 10 ** minor_digits(currency))
    if not is_percentage:
        tolerance += abs(rate) * _QUANTITY_STEP / 2
    if abs(product - Fraction(amount.decimal)) <= tolerance:
        return []
    unit = str(line["unit"])[:_SHOWN_CHARS]
    return [f"{_title(line)}: {line['quantity']} {unit} at {line['rate']} is not {line['amount']}"]


def _check_meter(document: Mapping[str, Any]) -> list[str]:
    meter = document["meter"]
    taken, returned, losses = meter["energy_in_wh"], meter["energy_out_wh"], meter["losses_wh"]
    if taken - returned == losses:
        return []
    return [f"the meter took in {taken} Wh and gave back {returned} Wh, that is no loss of {losses} Wh"]


def _title(line: Mapping[str, Any]) -> str:
    return str(line["title"])[:_SHOWN_CHARS]


def _sum(lines: Sequence[Mapping[str, Any]], currency: str) -> Money:
    return total([Money.parse(line["amount"], currency) for line in lines], currency)


def _line(line: Line) -> dict[str, str | None]:
    return {
        "title": line.title.value,
        "quantity": _text(line.quantity),
        "unit": line.unit,
        "rate": _text(line.rate),
        "amount": line.amount.text,
    }


def _interval(interval: MeterInterval) -> dict[str, Any]:
    return {
        **_window(interval.interval),
        "energy_in_wh": interval.energy_in_wh,
        "energy_out_wh": interval.energy_out_wh,
        "quality": int(interval.quality),
    }


def _window(interval: Interval) -> dict[str, str]:
    return {"start": _time(interval.start), "end": _time(interval.end)}


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)
