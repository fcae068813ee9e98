"""Invoicing: a bill becomes a document with the next number of its series, in the transaction that makes it final.

The operator invoices the producer. Where the settlement is negative the operator pays: then the document is the
producer's, with seller and buyer exchanged and every amount counted the other way (`energy.invoices.model`). Taxes are
not decided here but when the producer's platform says who pays, at ``init`` (`bpp.taxes`), since a quote binds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bpp.billing import Bill
from bpp.contracts import Contract
from bpp.ledger import book_document
from bpp.meters import Edges
from bpp.settings import BppSettings
from bpp.store import money
from bpp.store.money import IssuedInvoice
from energy.invoices import Invoice, Kind, MeterEvidence, Party, document_bytes, evidence, serial
from energy.invoices.corrections import turned
from energy.metering import MeterInterval, Sample
from energy.offers import Billing
from energy.tax import Place, Regime, TaxUnknown, is_reverse_charge, iso_country, place_of


def issue(
    tx: Connection, settings: BppSettings, bill: Bill, token: str, issued_at: datetime, edges: Edges | None = None
) -> IssuedInvoice:
    """Give the bill its number and store its document; ``issued_at`` is trade time.

    ``edges`` are the battery's samples at the start of charging and the end of the return, where there are any.
    """
    kind = kind_of(bill, settings)
    number = next_serial(tx, settings, kind, issued_at)
    issued = issued_document(invoice_of(bill, settings, kind, number, issued_at, edges), bill.intervals, token)
    money.add(tx, issued)
    book_document(tx, issued)
    return issued


def kind_of(bill: Bill, settings: BppSettings) -> Kind:
    """Which document the bill needs: the operator's invoice, or one for what it has to pay."""
    if bill.settlement.total.amount_minor >= 0:
        return Kind.INVOICE
    invoicing = settings.invoicing
    agreed = invoicing.books.regime is Regime.EU_VAT and invoicing.self_billing_agreed
    return Kind.SELF_BILLED if agreed else Kind.PURCHASE_STATEMENT


def next_serial(tx: Connection, settings: BppSettings, kind: Kind, issued_at: datetime) -> str:
    """The next number of the series of this kind of document, in the financial year of ``issued_at``."""
    invoicing = settings.invoicing
    series = {
        Kind.INVOICE: settings.terms.invoice_series,
        Kind.CREDIT_NOTE: invoicing.credit_note_series,
        Kind.DEBIT_NOTE: invoicing.debit_note_series,
        Kind.SELF_BILLED: invoicing.purchase_series,
        Kind.PURCHASE_STATEMENT: invoicing.purchase_series,
    }[kind]
    number = money.next_number(tx, f"{series}/{invoicing.books.financial_year(issued_at)}")
    return serial(series, issued_at, number, invoicing.books)


def invoice_of(
    bill: Bill, settings: BppSettings, kind: Kind, number: str, issued_at: datetime, edges: Edges | None = None
) -> Invoice:
    """The document model of a bill."""
    contract, settlement, invoicing = bill.contract, bill.settlement, settings.invoicing
    operator, producer = operator_of(settings), _producer(contract, settings)
    lines, total = settlement.lines, settlement.total
    if kind.pays_producer:
        operator, producer, lines, total = producer, operator, turned(lines), -total
    return Invoice(
        number=number,
        issued_at=issued_at,
        due_at=issued_at + timedelta(days=settings.terms.invoice_due_days),
        seller=operator,
        buyer=producer,
        contract_id=contract.contract_id,
        supply=bill.supply or contract.use.booked,
        lines=lines,
        total=total,
        currency=total.currency,
        service_code=contract.listed.tariff.tax.code,
        evidence=_evidence(bill, edges),
        kind=kind,
        books=invoicing.books,
        pay_to=None if kind.pays_producer else invoicing.pay_to,
        late_fee_percent=invoicing.yearly_late_fee,
        reverse_charge=not contract.listed.tariff.tax.parts
        and is_reverse_charge(invoicing.books.regime, settings.place, _known_place(contract.billing, settings)),
    )


def issued_document(invoice: Invoice, intervals: Sequence[MeterInterval], token: str) -> IssuedInvoice:
    """The document's bytes and digest, as they are stored."""
    document = document_bytes(invoice, intervals)
    return IssuedInvoice(
        contract_id=invoice.contract_id,
        number=invoice.number,
        token=token,
        issued_at=invoice.issued_at,
        due_at=invoice.due_at,
        total=invoice.net,
        digest_sha256=hashlib.sha256(document).hexdigest(),
        document=document,
        kind=invoice.kind,
        corrects=None if invoice.corrects is None else invoice.corrects.number,
    )


def operator_of(settings: BppSettings) -> Party:
    """The operator as a party of its documents."""
    provider, invoicing = settings.provider, settings.invoicing
    return Party(
        name=invoicing.legal_name or provider.name,
        address=provider.address,
        tax_id=provider.tax_id,
        state_code=provider.state_code,
        email=provider.email,
        country=invoicing.country,
    )


def _producer(contract: Contract, settings: BppSettings) -> Party:
    """The other side; where the billing says no address, none is made up."""
    billing = contract.billing
    if billing is None:
        return Party(contract.peer.bap_id, "")
    country = _known_place(billing, settings).country
    return Party(
        name=billing.name,
        address=billing.address or "",
        tax_id=billing.tax_id,
        state_code=billing.state_code,
        email=billing.email,
        country=settings.invoicing.country if country is None else iso_country(country),
    )


def _known_place(billing: Billing | None, settings: BppSettings) -> Place:
    """Where the payer is, as far as what is on record makes sense; a bill can not be refused for it any more."""
    if billing is None:
        return Place()
    try:
        return place_of(settings.invoicing.books.regime, billing.tax_id, billing.state_code)
    except TaxUnknown:
        return Place()


def _evidence(bill: Bill, edges: Edges | None) -> MeterEvidence:
    shown = evidence(bill.settlement)
    if edges is None:
        return shown
    (opening_in, opening_out), (closing_in, closing_out) = _registers(edges.opening), _registers(edges.closing)
    return replace(
        shown,
        opening_in_wh=opening_in,
        opening_out_wh=opening_out,
        closing_in_wh=closing_in,
        closing_out_wh=closing_out,
        opening_soc=None if edges.opening is None else edges.opening.soc,
        closing_soc=None if edges.closing is None else edges.closing.soc,
    )


def _registers(sample: Sample | None) -> tuple[int | None, int | None]:
    return (None, None) if sample is None or sample.registers_wh is None else sample.registers_wh
