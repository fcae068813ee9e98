"""The tax report of a period: one row for each issued document, as a tax office asks for them.

Amounts are signed so that every column adds up to what is owed: a credit note's are negative. What the operator bought
(self-billed invoices, purchase statements) is marked as a purchase.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from energy.invoices import Kind
from energy.quantities import Money, decimal_of, decimal_text, total
from energy.tariffs import TAX_TITLES

_TAXES = ("CGST", "SGST", "UTGST", "IGST", "VAT")
COLUMNS = (
    *("number", "date", "kind", "direction", "corrects", "contract_id", "party", "party_tax_id", "place_of_supply"),
    *("service_code", "reverse_charge", "currency", "taxable_amount", "rate_percent"),
    *(tax.lower() for tax in _TAXES),
    "total",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """The CSV of these invoice documents, in their order."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(document) for document in documents)
    return written.getvalue().encode()


def _row(document: Mapping[str, Any]) -> list[str]:
    kind = Kind(document["document"])
    is_purchase = kind in {Kind.SELF_BILLED, Kind.PURCHASE_STATEMENT}
    party = document["seller"] if is_purchase else document["buyer"]
    corrects = document["corrects"]
    taxes = [line for line in document["lines"] if line["title"] in TAX_TITLES]
    rate = sum(decimal_of(line["rate"]) for line in taxes)
    currency, sign = document["currency"], -1 if kind is Kind.CREDIT_NOTE else 1
    amounts = (
        total([Money.parse(line["amount"], currency) for line in taxes if line["title"] == tax], currency)
        for tax in _TAXES
    )
    return [
        document["number"],
        document["date"],
        kind.value,
        "purchase" if is_purchase else "sale",
        "" if corrects is None else corrects["number"],
        document["contract_id"],
        _plain(party["name"]),
        _plain(party["tax_id"] or ""),
        document["place_of_supply"] or "",
        document["service"]["code"],
        "yes" if document["reverse_charge"] else "no",
        currency,
        _signed(Money.parse(document["taxable_amount"], currency), sign),
        decimal_text(decimal_of(str(rate))),
        *(_signed(amount, sign) for amount in amounts),
        _signed(Money.parse(document["total"], currency), sign),
    ]


def _signed(amount: Money, sign: int) -> str:
    return (amount if sign > 0 else -amount).text


def _plain(text: str) -> str:
    """A text of somebody else's, which no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
