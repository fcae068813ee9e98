"""The document model of invoices: who owes whom what for which contract, and the meter's evidence for it.

One shape serves five kinds. An *invoice* is the operator's for a contract. A *credit note* takes part of an invoice
back, a *debit note* adds to it; both name it (CGST Act, section 34; VAT Directive, Article 219). Where a settlement is
negative the producer has sold energy and the operator pays: in the EU the operator issues the producer's invoice
(*self-billed*, Article 224), in India it writes a *purchase statement* beside the producer's own bill of supply.

In every document seller and buyer are those of the supply, and its amounts count from the buyer to the seller; for a
credit note from the seller back to the buyer. So a usual document has a positive total. `Invoice.net` is the same
amount as the trade counts it, which is what the producer owes the operator (ENERGY 1.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from energy.intervals import Interval
from energy.invoices.numbers import INDIA, SERIAL, Books
from energy.quantities import Money
from energy.settlement import Settlement
from energy.tariffs import Line, lines_total


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit-note"
    DEBIT_NOTE = "debit-note"
    SELF_BILLED = "self-billed-invoice"
    PURCHASE_STATEMENT = "purchase-statement"

    @property
    def is_note(self) -> bool:
        """Whether it corrects an earlier document."""
        return self in {Kind.CREDIT_NOTE, Kind.DEBIT_NOTE}

    @property
    def pays_producer(self) -> bool:
        """Whether its total goes from the operator to the producer."""
        return self in {Kind.CREDIT_NOTE, Kind.SELF_BILLED, Kind.PURCHASE_STATEMENT}


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer (personal data: never logged).

    ``tax_id`` is a GSTIN or VAT id, ``state_code`` the GST code of a state of India, ``country`` ISO 3166 (``"IN"``).
    """

    name: str
    address: str
    tax_id: str | None = None
    state_code: str | None = None
    email: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class PayTo:
    """Where the operator takes money: an account by IBAN, or by number and IFSC, and a UPI address."""

    account_name: str
    bank: str | None = None
    iban: str | None = None
    bic: str | None = None
    account_number: str | None = None
    ifsc: str | None = None
    upi_id: str | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """The document that a note corrects, and why (Rule 53 (1A); Article 219)."""

    number: str
    date: date
    reason: str


@dataclass(frozen=True, slots=True)
class MeterEvidence:
    """What the bill stands on, in AC watt-hours. ``efficiency`` and states of charge are fractions of one.

    Registers and states of charge are the battery's at the start of charging and at the end of the return. The
    registers explain the energy alone where the meter was the contract's alone in that time.
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
    opening_soc: Decimal | None = None
    closing_soc: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """One document; ``total`` is what its buyer pays its seller. ``service_code`` is the tax class's code.

    ``late_fee_percent`` is what a year's delay costs.

    Raises:
        ValueError: the number is no serial, a time is not UTC, the lines do not add up to the total or are in another
            currency, it would have to be paid before it is issued, or a note does not say what it corrects.
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
    evidence: MeterEvidence | None
    kind: Kind = Kind.INVOICE
    corrects: Corrected | None = None
    books: Books = INDIA
    pay_to: PayTo | None = None
    late_fee_percent: Decimal = Decimal(0)
    reverse_charge: bool = False

    def __post_init__(self) -> None:
        if SERIAL.fullmatch(self.number) is None:
            raise ValueError(f"{self.number[:40]!r} is no invoice number: 1 to 16 letters, digits, / and -")
        if any(moment.utcoffset() != timedelta(0) for moment in (self.issued_at, self.due_at)):
            raise ValueError(f"the times of invoice {self.number} are not in UTC")
        if self.due_at < self.issued_at:
            raise ValueError(f"invoice {self.number} is due before it is issued")
        if self.total.currency != self.currency:
            raise ValueError(f"invoice {self.number} is in {self.currency}, its total in {self.total.currency}")
        if lines_total(self.lines, self.currency) != self.total:
            raise ValueError(f"the lines of invoice {self.number} do not add up to {self.total.text}")
        if self.kind.is_note != (self.corrects is not None):
            raise ValueError(f"{self.kind.value} {self.number} must name what it corrects, and nothing else may")

    @property
    def net(self) -> Money:
        """What the producer owes the operator by it; negative where the operator owes."""
        return -self.total if self.kind.pays_producer else self.total

    @property
    def date(self) -> date:
        """Its date, where the books are kept."""
        return self.books.date_of(self.issued_at)


def evidence(settlement: Settlement) -> MeterEvidence:
    """The evidence of a settlement, without registers and states of charge."""
    return MeterEvidence(
        interval_count=settlement.interval_count,
        estimated_count=settlement.estimated_count,
        energy_in_wh=settlement.energy_in_wh,
        energy_out_wh=settlement.energy_out_wh,
        losses_wh=settlement.losses_wh,
        efficiency=settlement.efficiency,
    )
