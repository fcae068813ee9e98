"""The invoice as a JSON document, which is the original: PDF and XML are made from it and from nothing else.

It carries the fields of Rule 46 of the Indian CGST Rules, of Rule 53 (1A) for notes, or of Article 226 of the VAT
Directive. In it amounts, quantities, rates and shares are texts, energies integers of watt-hours, times UTC. Its
canonical bytes are compact JSON with sorted keys; the signed message that refers to them carries their digest.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from energy.intervals import Interval
from energy.invoices.model import Corrected, Invoice, Kind, MeterEvidence
from energy.metering import MeterInterval
from energy.quantities import decimal_text, total
from energy.tariffs import Line
from energy.tax import STATES, Regime

DESCRIPTION = "Storage of electrical energy in a battery"
_PURCHASED = "Electrical energy, and its storage, as settled"
_CARRIES = {
    (Regime.INDIA_GST, False): "carries the fields of Rule 46, CGST Rules 2017 (India)",
    (Regime.INDIA_GST, True): "carries the fields of Rule 53 (1A), CGST Rules 2017 (India)",
    (Regime.EU_VAT, False): "carries the fields of Article 226, Directive 2006/112/EC (EU)",
    (Regime.EU_VAT, True): "carries the fields of Articles 219 and 226, Directive 2006/112/EC (EU)",
}
_TITLES = {
    Kind.INVOICE: "Invoice",
    Kind.CREDIT_NOTE: "Credit note",
    Kind.DEBIT_NOTE: "Debit note",
    Kind.SELF_BILLED: "Self-billed invoice",
    Kind.PURCHASE_STATEMENT: "Purchase statement",
}


def document(invoice: Invoice, intervals: Sequence[MeterInterval]) -> dict[str, Any]:
    """The invoice and the meter intervals behind it as JSON-ready values, no float among them."""
    tax_amount = total([line.amount for line in invoice.lines if line.is_tax], invoice.currency)
    return {
        "document": invoice.kind.value,
        "title": _title(invoice),
        "note": _CARRIES[invoice.books.regime, invoice.kind.is_note],
        "wording": _wording(invoice),
        "regime": invoice.books.regime.value,
        "time_zone": invoice.books.time_zone,
        "number": invoice.number,
        "date": invoice.date.isoformat(),
        "due_date": invoice.books.date_of(invoice.due_at).isoformat(),
        "issued_at": _time(invoice.issued_at),
        "due_at": _time(invoice.due_at),
        "late_fee_percent": decimal_text(invoice.late_fee_percent),
        "corrects": None if invoice.corrects is None else _corrected(invoice.corrects),
        "contract_id": invoice.contract_id,
        "seller": asdict(invoice.seller),
        "buyer": asdict(invoice.buyer),
        "pay_to": None if invoice.pay_to is None else asdict(invoice.pay_to),
        **_place(invoice),
        "reverse_charge": invoice.reverse_charge,
        "service": {"code": invoice.service_code, "description": _description(invoice.kind)},
        "supply": _window(invoice.supply),
        "currency": invoice.currency,
        "lines": [_line(line) for line in invoice.lines],
        "taxable_amount": (invoice.total - tax_amount).text,
        "tax_amount": tax_amount.text,
        "total": invoice.total.text,
        "meter": None if invoice.evidence is None else _meter(invoice.evidence),
        "intervals": [_interval(interval) for interval in intervals],
        "intervals_csv_sha256": hashlib.sha256(intervals_csv(intervals)).hexdigest() if intervals else None,
    }


def document_bytes(invoice: Invoice, intervals: Sequence[MeterInterval]) -> bytes:
    """The document's canonical bytes: the same invoice always has the same digest."""
    return orjson.dumps(document(invoice, intervals), option=orjson.OPT_SORT_KEYS)


def intervals_csv(intervals: Sequence[MeterInterval]) -> bytes:
    """The meter intervals as CSV, whose digest is in the document: UTC times, watt-hours, ESPI quality code."""
    return _csv([list(_interval(interval).values()) for interval in intervals])


def intervals_csv_of(document: dict[str, Any]) -> bytes:
    """The same bytes from a document."""
    names = ("start", "end", "energy_in_wh", "energy_out_wh", "quality")
    return _csv([[interval[name] for name in names] for interval in document["intervals"]])


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("start", "end", "energy_in_wh", "energy_out_wh", "quality"))
    writer.writerows(rows)
    return written.getvalue().encode()


def _title(invoice: Invoice) -> str:
    is_taxed = any(line.is_tax for line in invoice.lines)
    if invoice.kind is Kind.INVOICE and invoice.books.regime is Regime.INDIA_GST:
        # Section 31 (3) (c): an exempt supply has a bill of supply instead of a tax invoice.
        return "Tax invoice" if is_taxed else "Bill of supply"
    return _TITLES[invoice.kind]


def _wording(invoice: Invoice) -> list[str]:
    """The sentences that the law wants in the document word by word, or that a payer needs."""
    said = []
    if invoice.reverse_charge:
        said.append("Reverse charge")  # Article 226 (11a)
    if invoice.kind is Kind.SELF_BILLED:
        said.append("Self-billing")  # Article 226 (10a)
    if invoice.kind is Kind.PURCHASE_STATEMENT:
        said.append("This statement is no tax invoice: the seller issues a bill of supply for the energy.")
    return said


def _description(kind: Kind) -> str:
    return _PURCHASED if kind in {Kind.SELF_BILLED, Kind.PURCHASE_STATEMENT} else DESCRIPTION


def _place(invoice: Invoice) -> dict[str, str | None]:
    if invoice.books.regime is Regime.EU_VAT:
        return {"place_of_supply": invoice.buyer.country or invoice.seller.country, "place_of_supply_name": None}
    code = invoice.buyer.state_code or invoice.seller.state_code
    return {"place_of_supply": code, "place_of_supply_name": STATES.get(code or "")}


def _corrected(corrected: Corrected) -> dict[str, str]:
    return {"number": corrected.number, "date": corrected.date.isoformat(), "reason": corrected.reason}


def _meter(evidence: MeterEvidence) -> dict[str, Any]:
    shares = {name: _text(getattr(evidence, name)) for name in ("efficiency", "opening_soc", "closing_soc")}
    return {**asdict(evidence), **shares}


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
