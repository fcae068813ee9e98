"""Billing: a contract that is over becomes its settlement, and the settlement an invoice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bpp.contracts import Contract
from bpp.settings import BppSettings
from bpp.store.money import IssuedInvoice
from energy.invoices import Invoice, Party, document_bytes, evidence, financial_year, serial
from energy.metering import MeterInterval
from energy.offers import Quote
from energy.settlement import Settlement, settle


@dataclass(frozen=True, slots=True)
class Bill:
    """A contract's settlement and the meter intervals that it stands on."""

    contract: Contract
    settlement: Settlement
    intervals: tuple[MeterInterval, ...]


def bill_of(contract: Contract, intervals: tuple[MeterInterval, ...]) -> Bill:
    """The bill by what the contract reserved and the meter counted, at the rates that were agreed."""
    settlement = settle(contract.listed.tariff, contract.use, contract.profile, intervals)
    return Bill(contract, settlement, intervals)


def settled_quote(bill: Bill, quote_id: str) -> Quote:
    """What is to be paid now, in the form of a quote."""
    return Quote(quote_id, bill.settlement.lines, bill.settlement.total, bill.contract.quote.ttl_s)


def series_of(settings: BppSettings, issued_at: datetime) -> str:
    """The series whose numbers are consecutive: the operator's, in one financial year (Rule 46 b)."""
    return f"{settings.terms.invoice_series}/{financial_year(issued_at)}"


def issue(bill: Bill, settings: BppSettings, number: int, token: str, issued_at: datetime) -> IssuedInvoice:
    """The invoice with that number of its series; ``issued_at`` is trade time."""
    contract, settlement = bill.contract, bill.settlement
    invoice = Invoice(
        number=serial(settings.terms.invoice_series, issued_at, number),
        issued_at=issued_at,
        due_at=issued_at + timedelta(days=settings.terms.invoice_due_days),
        seller=_seller(settings),
        buyer=_buyer(contract),
        contract_id=contract.contract_id,
        supply=contract.use.booked,
        lines=settlement.lines,
        total=settlement.total,
        currency=settlement.total.currency,
        service_code=contract.listed.tariff.tax.code,
        evidence=evidence(settlement),
    )
    return _issued(invoice, bill.intervals, token)


def _issued(invoice: Invoice, intervals: Sequence[MeterInterval], token: str) -> IssuedInvoice:
    document = document_bytes(invoice, intervals)
    return IssuedInvoice(
        contract_id=invoice.contract_id,
        number=invoice.number,
        token=token,
        issued_at=invoice.issued_at,
        due_at=invoice.due_at,
        total=invoice.total,
        digest_sha256=hashlib.sha256(document).hexdigest(),
        document=document,
    )


def _seller(settings: BppSettings) -> Party:
    provider = settings.provider
    return Party(provider.name, provider.address, provider.tax_id, provider.state_code, provider.email)


def _buyer(contract: Contract) -> Party:
    """Who pays; where the billing says no address, none is made up."""
    billing = contract.billing
    if billing is None:
        return Party(contract.peer.bap_id, "")
    return Party(billing.name, billing.address or "", billing.tax_id, billing.state_code, billing.email)
