"""Invoices: their model, numbers, JSON document, corrections and payment codes, and how to check one (ENERGY 2.5)."""

from energy.invoices.checking import check, pays_producer
from energy.invoices.document import document, document_bytes
from energy.invoices.model import Invoice, Kind, MeterEvidence, Party, evidence
from energy.invoices.numbers import INDIA, Books, serial

__all__ = [
    "INDIA",
    "Books",
    "Invoice",
    "Kind",
    "MeterEvidence",
    "Party",
    "check",
    "document",
    "document_bytes",
    "evidence",
    "pays_producer",
    "serial",
]
