"""The invoice as XML for accounting programs: UN/CEFACT Cross Industry Invoice with the elements of EN 16931.

Source: EN 16931-1 (BG and BT numbers below), CII D22B as profile EN 16931 of Factur-X uses it. It carries the fields
that EN 16931 names; where the tax is India's GST its code stands for VAT's, with all parts of it as one rate, since one
line has one rate there. A percentage of the whole (discount, occupancy) is an allowance or charge of the document; any
other line is a line of the invoice. A purchase statement is no invoice and has no XML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from bpp.documents import words
from energy.invoices import Kind
from energy.quantities import Money, decimal_text, total
from energy.tariffs import TAX_TITLES, LineTitle

_PROFILE = "urn:cen.eu:en16931:2017"
_NAMESPACES = MappingProxyType(
    {
        "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
        "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
        "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
        "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    }
)
TYPE_CODES = MappingProxyType(
    {Kind.INVOICE: "380", Kind.CREDIT_NOTE: "381", Kind.DEBIT_NOTE: "383", Kind.SELF_BILLED: "389"}
)
"""UNTDID 1001."""
_UNITS = MappingProxyType({"kWh": "KWH", "kW": "KWT"})
"""UN/ECE Recommendation 20; what it has no code for counts as ones (C62), its unit in the name."""
_SHARES = (LineTitle.DISCOUNT, LineTitle.OCCUPANCY)
_CREDIT_TRANSFER, _SEPA_CREDIT_TRANSFER = "30", "58"

for _prefix, _uri in _NAMESPACES.items():
    register_namespace(_prefix, _uri)


def has_xml(document: Mapping[str, Any]) -> bool:
    """Whether the document is an invoice or a note to one."""
    return document["document"] in TYPE_CODES


def xml(document: Mapping[str, Any]) -> bytes:
    """The XML of an invoice document.

    Raises:
        KeyError: it is a purchase statement (`has_xml`).
    """
    root = Element(_name("rsm:CrossIndustryInvoice"))
    context = _add(root, "rsm:ExchangedDocumentContext")
    _add(_add(context, "ram:GuidelineSpecifiedDocumentContextParameter"), "ram:ID", _PROFILE)
    _head(root, document)
    charges = [line for line in document["lines"] if line["title"] not in TAX_TITLES]
    shares = [line for line in charges if line["title"] in _SHARES and line["unit"] == "%"]
    lines = [line for line in charges if line not in shares]
    trade = _add(root, "rsm:SupplyChainTradeTransaction")
    tax = _tax(document)
    for number, line in enumerate(lines, start=1):
        _line(trade, number, line, document, tax)
    _agreement(trade, document)
    _add(trade, "ram:ApplicableHeaderTradeDelivery")
    _settlement(trade, document, lines, shares, tax)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'.encode()


def _head(root: Element, document: Mapping[str, Any]) -> None:
    head = _add(root, "rsm:ExchangedDocument")
    _add(head, "ram:ID", document["number"])  # BT-1
    _add(head, "ram:TypeCode", TYPE_CODES[Kind(document["document"])])  # BT-3
    _date(head, "ram:IssueDateTime", document["date"])  # BT-2
    taxes = [f"{line['title']} {line['rate']} % {line['amount']}" for line in document["lines"] if _is_tax(line)]
    parts = [", ".join(taxes)] if len(taxes) > 1 else []
    for note in (*document["wording"], *parts, f"This document {document['note']}."):
        _add(_add(head, "ram:IncludedNote"), "ram:Content", note)  # BT-22


def _line(
    trade: Element, number: int, line: Mapping[str, Any], document: Mapping[str, Any], tax: Mapping[str, str]
) -> None:
    """BG-25: quantity × price = amount; what is no such product counts once."""
    amount = Decimal(line["amount"])
    sign = -1 if amount < 0 else 1
    quantity, price, unit = Decimal(sign), abs(amount), None
    if line["quantity"] is not None and line["rate"] is not None and line["unit"] != "%":
        unit, price = line["unit"], abs(Decimal(line["rate"]))
        quantity = abs(Decimal(line["quantity"])) * sign
    name = words.title(line["title"]) + (f" ({unit})" if unit is not None and unit not in _UNITS else "")
    item = _add(trade, "ram:IncludedSupplyChainTradeLineItem")
    _add(_add(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", str(number))
    product = _add(item, "ram:SpecifiedTradeProduct")
    _add(product, "ram:Name", name)
    _add(product, "ram:Description", f"{document['service']['description']}, code {document['service']['code']}")
    agreed = _add(_add(item, "ram:SpecifiedLineTradeAgreement"), "ram:NetPriceProductTradePrice")
    _add(agreed, "ram:ChargeAmount", decimal_text(price))
    delivered = _add(_add(item, "ram:SpecifiedLineTradeDelivery"), "ram:BilledQuantity", decimal_text(quantity))
    delivered.set("unitCode", _UNITS.get(unit or "", "C62"))
    settled = _add(item, "ram:SpecifiedLineTradeSettlement")
    _tax_of(_add(settled, "ram:ApplicableTradeTax"), tax)
    _add(_add(settled, "ram:SpecifiedTradeSettlementLineMonetarySummation"), "ram:LineTotalAmount", line["amount"])


def _agreement(trade: Element, document: Mapping[str, Any]) -> None:
    agreement = _add(trade, "ram:ApplicableHeaderTradeAgreement")
    for name, party in (("ram:SellerTradeParty", document["seller"]), ("ram:BuyerTradeParty", document["buyer"])):
        member = _add(agreement, name)  # BG-4, BG-7
        _add(member, "ram:Name", party["name"])
        address = _add(member, "ram:PostalTradeAddress")
        _add(address, "ram:LineOne", party["address"] or "–")
        _add(address, "ram:CountryID", party["country"] or document["seller"]["country"] or "IN")
        if party["email"]:
            _add(_add(member, "ram:URIUniversalCommunication"), "ram:URIID", party["email"]).set("schemeID", "EM")
        if party["tax_id"]:
            _add(_add(member, "ram:SpecifiedTaxRegistration"), "ram:ID", party["tax_id"]).set("schemeID", "VA")
    _add(_add(agreement, "ram:ContractReferencedDocument"), "ram:IssuerAssignedID", document["contract_id"])  # BT-12


def _settlement(
    trade: Element,
    document: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    shares: Sequence[Mapping[str, Any]],
    tax: Mapping[str, str],
) -> None:
    settlement = _add(trade, "ram:ApplicableHeaderTradeSettlement")
    _add(settlement, "ram:PaymentReference", document["number"])  # BT-83
    _add(settlement, "ram:InvoiceCurrencyCode", document["currency"])  # BT-5
    _means(settlement, document)
    breakdown = _add(settlement, "ram:ApplicableTradeTax")  # BG-23
    _add(breakdown, "ram:CalculatedAmount", document["tax_amount"])
    _tax_of(breakdown, tax, document["taxable_amount"])
    period = _add(settlement, "ram:BillingSpecifiedPeriod")  # BG-14
    for name, edge in (("ram:StartDateTime", "start"), ("ram:EndDateTime", "end")):
        _date(period, name, words.local_date(document["supply"][edge], document["time_zone"]))
    for line in shares:
        _share(settlement, line, tax)
    if document["document"] in {Kind.INVOICE, Kind.DEBIT_NOTE, Kind.SELF_BILLED}:
        terms = _add(settlement, "ram:SpecifiedTradePaymentTerms")
        if document["late_fee_percent"] != "0":
            _add(terms, "ram:Description", f"After the due date {document['late_fee_percent']} % a year are charged.")
        _date(terms, "ram:DueDateDateTime", document["due_date"])  # BT-9
    _sums(settlement, document, lines, shares)
    corrects = document["corrects"]
    if corrects is not None:  # BG-3
        reference = _add(settlement, "ram:InvoiceReferencedDocument")
        _add(reference, "ram:IssuerAssignedID", corrects["number"])
        _date(reference, "ram:FormattedIssueDateTime", corrects["date"], "qdt")


def _means(settlement: Element, document: Mapping[str, Any]) -> None:
    """BG-16: where to pay, as far as there is an account."""
    pay_to = document["pay_to"]
    if pay_to is None or not (pay_to["iban"] or pay_to["account_number"]):
        return
    means = _add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    _add(means, "ram:TypeCode", _SEPA_CREDIT_TRANSFER if document["currency"] == "EUR" else _CREDIT_TRANSFER)
    account = _add(means, "ram:PayeePartyCreditorFinancialAccount")
    if pay_to["iban"]:
        _add(account, "ram:IBANID", pay_to["iban"].replace(" ", ""))
    _add(account, "ram:AccountName", pay_to["account_name"])
    if pay_to["account_number"] and not pay_to["iban"]:
        _add(account, "ram:ProprietaryID", pay_to["account_number"])
    if pay_to["bic"]:
        _add(_add(means, "ram:PayeeSpecifiedCreditorFinancialInstitution"), "ram:BICID", pay_to["bic"])


def _share(settlement: Element, line: Mapping[str, Any], tax: Mapping[str, str]) -> None:
    """BG-20 and BG-21: a percentage of the lines."""
    amount = Decimal(line["amount"])
    share = _add(settlement, "ram:SpecifiedTradeAllowanceCharge")
    _add(_add(share, "ram:ChargeIndicator"), "udt:Indicator", "true" if amount > 0 else "false")
    _add(share, "ram:CalculationPercent", decimal_text(abs(Decimal(line["rate"]))))
    _add(share, "ram:BasisAmount", decimal_text(abs(Decimal(line["quantity"]))))
    _add(share, "ram:ActualAmount", line["amount"].removeprefix("-"))
    _add(share, "ram:Reason", words.title(line["title"]))
    _tax_of(_add(share, "ram:CategoryTradeTax"), tax)


def _sums(
    settlement: Element,
    document: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    shares: Sequence[Mapping[str, Any]],
) -> None:
    """BG-22."""
    currency = document["currency"]
    added = [line for line in shares if Decimal(line["amount"]) > 0]
    taken = [line for line in shares if Decimal(line["amount"]) <= 0]
    sums = _add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _add(sums, "ram:LineTotalAmount", _sum(lines, currency).text)
    _add(sums, "ram:ChargeTotalAmount", _sum(added, currency).text)
    _add(sums, "ram:AllowanceTotalAmount", (-_sum(taken, currency)).text)
    _add(sums, "ram:TaxBasisTotalAmount", document["taxable_amount"])
    _add(sums, "ram:TaxTotalAmount", document["tax_amount"]).set("currencyID", currency)
    _add(sums, "ram:GrandTotalAmount", document["total"])
    _add(sums, "ram:DuePayableAmount", document["total"])


def _tax(document: Mapping[str, Any]) -> dict[str, str]:
    """The one tax of the document: its type, category (UNTDID 5305), rate, and why there is none."""
    rates = [Decimal(line["rate"]) for line in document["lines"] if _is_tax(line)]
    kind = "VAT" if document["regime"] == "eu-vat" else "GST"
    if document["reverse_charge"]:
        return {"type": kind, "category": "AE", "rate": "0", "reason": "Reverse charge"}
    if not rates:
        return {"type": kind, "category": "E", "rate": "0", "reason": "Exempt from tax"}
    rate = sum(rates, Decimal(0))
    return {"type": kind, "category": "S" if rate else "Z", "rate": decimal_text(rate), "reason": ""}


def _tax_of(element: Element, tax: Mapping[str, str], basis: str | None = None) -> None:
    """The members of a tax, in the order of the schema; ``basis`` makes it the breakdown's."""
    _add(element, "ram:TypeCode", tax["type"])
    if basis is not None:
        if tax["reason"]:
            _add(element, "ram:ExemptionReason", tax["reason"])
        _add(element, "ram:BasisAmount", basis)
    _add(element, "ram:CategoryCode", tax["category"])
    _add(element, "ram:RateApplicablePercent", tax["rate"])


def _sum(lines: Sequence[Mapping[str, Any]], currency: str) -> Money:
    return total([Money.parse(line["amount"], currency) for line in lines], currency)


def _is_tax(line: Mapping[str, Any]) -> bool:
    return line["title"] in TAX_TITLES


def _date(parent: Element, name: str, day: str, types: str = "udt") -> None:
    """A date as CII has it: format 102 is YYYYMMDD."""
    _add(_add(parent, name), f"{types}:DateTimeString", day.replace("-", "")).set("format", "102")


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    element = SubElement(parent, _name(name))
    element.text = text
    return element


def _name(prefixed: str) -> str:
    prefix, _, local = prefixed.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"
