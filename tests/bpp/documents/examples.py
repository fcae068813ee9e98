"""Documents to print: the worked example in India and in the EU, and a note."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from energy.invoices import Invoice, Kind, Party, document_bytes
from energy.invoices.model import Corrected, PayTo
from energy.invoices.numbers import Books
from energy.quantities import Money
from energy.tariffs import Line, LineTitle, lines_total, percentage
from energy.tax import Regime
from tests.energy.invoices.examples import INTERVALS, INVOICE

URL = "https://bpp.example/beckn/invoices/token"
INDIAN = replace(
    INVOICE,
    pay_to=PayTo("Hebbal Storage", "Canara Bank", account_number="0421101004321", ifsc="CNRB0000421", upi_id="h@bank"),
    late_fee_percent=Decimal(18),
)


def european(**changes: Any) -> Invoice:
    """The same energy in Berlin, with a discount and VAT."""
    euros = [replace(line, amount=Money(line.amount.amount_minor, "EUR")) for line in INVOICE.lines if not line.is_tax]
    charges = [*euros, percentage(LineTitle.DISCOUNT, lines_total(euros, "EUR"), Decimal(-10))]
    lines = (*charges, percentage(LineTitle.VAT, lines_total(charges, "EUR"), Decimal(19)))
    return replace(
        INVOICE,
        number="BB/2026/000001",
        books=Books(Regime.EU_VAT, "Europe/Berlin"),
        seller=Party("Speicher GmbH", "Hauptstr. 1, 10827 Berlin", "DE123456789", None, "post@speicher.example", "DE"),
        buyer=Party("Sonnenhof KG", "Dorfstr. 2, 15366 Hoppegarten", None, None, "hof@sonne.example", "DE"),
        pay_to=PayTo("Speicher GmbH", "GLS", iban="DE89 3704 0044 0532 0130 00", bic="COBADEFFXXX"),
        currency="EUR",
        lines=lines,
        total=lines_total(lines, "EUR"),
        **changes,
    )


def credit_note() -> Invoice:
    """The whole of the European invoice taken back."""
    corrected = Corrected("BB/2026/000001", INVOICE.date, "billed twice")
    return replace(european(kind=Kind.CREDIT_NOTE, corrects=corrected), number="CN/2026/000001", evidence=None)


def many_lines(count: int) -> Invoice:
    """An invoice of so many charges, untaxed."""
    lines = tuple(Line(LineTitle.THROUGHPUT, Money(100 + place, "INR")) for place in range(count))
    return replace(INDIAN, lines=lines, total=lines_total(lines, "INR"))


def shown(invoice: Invoice) -> dict[str, Any]:
    """Its document as it is read back from its bytes."""
    intervals = () if invoice.evidence is None else INTERVALS
    document: dict[str, Any] = orjson.loads(document_bytes(invoice, intervals))
    return document
