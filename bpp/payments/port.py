"""The payment port: how a producer can pay a document, and the three adapters that say so.

*Bank transfer* and *UPI* need no call: the document says where money is taken, and its number is the reference by which
the bank's statement is matched (`bpp.payments.statements`). A *gateway* makes a link to pay at, whose outcome comes by
its signed events (`bpp.payments.gateway`). No adapter ever sees a card: that is the gateway's page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from energy.invoices.model import PayTo
from energy.invoices.payment_codes import epc_text, upi_link
from energy.payments import Due, Way


@dataclass(frozen=True, slots=True)
class Instructions:
    """One way to pay: ``url`` opens an app or a page, ``code`` is the text of a QR code, ``details`` are for a form."""

    way: Way
    reference: str
    url: str | None = None
    code: str | None = None
    details: dict[str, str] = field(default_factory=dict)


class PaymentPort(Protocol):
    """An adapter."""

    async def instructions(self, due: Due) -> Instructions | None:
        """How to pay what is open of a document; None where this way is not possible for it."""


@dataclass(frozen=True, slots=True)
class TransferPort:
    """A transfer to the operator's account, in euro with an EPC code for banking apps."""

    pay_to: PayTo

    async def instructions(self, due: Due) -> Instructions | None:
        """Account and reference."""
        account = self.pay_to.iban or self.pay_to.account_number
        if account is None or due.open.amount_minor <= 0:
            return None
        known = {
            "account_name": self.pay_to.account_name,
            "iban": self.pay_to.iban,
            "bic": self.pay_to.bic,
            "account_number": self.pay_to.account_number,
            "ifsc": self.pay_to.ifsc,
            "bank": self.pay_to.bank,
        }
        is_sepa = due.open.currency == "EUR" and self.pay_to.iban is not None
        code = epc_text(self.pay_to, due.open, due.number) if is_sepa else None
        details = {name: value for name, value in known.items() if value is not None}
        return Instructions(Way.TRANSFER, due.number, code=code, details=details)


@dataclass(frozen=True, slots=True)
class UpiPort:
    """A link that opens a UPI app with payee, amount and reference filled in; the same text is the QR code."""

    pay_to: PayTo

    async def instructions(self, due: Due) -> Instructions | None:
        """The link, for rupees."""
        if self.pay_to.upi_id is None or due.open.currency != "INR" or due.open.amount_minor <= 0:
            return None
        link = upi_link(self.pay_to.upi_id, self.pay_to.account_name, due.open, due.number)
        return Instructions(Way.UPI, due.number, url=link, code=link)
