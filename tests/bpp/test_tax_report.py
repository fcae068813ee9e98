"""The tax report: one row a document, columns that add up, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bpp.tax_report import COLUMNS, report
from energy.invoices import Kind
from tests.bpp.documents.examples import INDIAN, credit_note, european, shown


def rows(*documents: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report(documents).decode())))


def test_a_row_has_the_taxes_of_its_document() -> None:
    [row] = rows(shown(INDIAN))
    assert tuple(row) == COLUMNS
    assert (row["number"], row["direction"], row["party"]) == ("BB/26-27/000001", "sale", "Rooftop Growers")
    assert (row["taxable_amount"], row["rate_percent"], row["total"]) == ("4755.00", "18", "5610.90")
    assert [row[tax] for tax in ("cgst", "sgst", "utgst", "igst", "vat")] == [
        *("427.95", "427.95", "0.00", "0.00", "0.00")
    ]


def test_an_invoice_and_its_credit_note_add_up_to_nothing() -> None:
    found = rows(shown(european()), shown(credit_note()))
    assert [row["corrects"] for row in found] == ["", "BB/2026/000001"]
    for column in ("taxable_amount", "vat", "total"):
        assert sum(Decimal(row[column]) for row in found) == 0


@pytest.mark.parametrize("kind", [Kind.SELF_BILLED, Kind.PURCHASE_STATEMENT])
def test_what_was_bought_is_a_purchase_from_its_seller(kind: Kind) -> None:
    [row] = rows(shown(replace(INDIAN, kind=kind)))
    assert (row["direction"], row["party"], row["party_tax_id"]) == ("purchase", "Hebbal Storage", "29AAAAA0000A1Z5")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_name_that_is_a_formula_is_a_text_in_a_spreadsheet(name: str) -> None:
    [row] = rows(shown(replace(INDIAN, buyer=replace(INDIAN.buyer, name=name))))
    assert row["party"] == f"'{name}"
