"""Texts of the QR codes that a payment app reads from an invoice.

*UPI* (NPCI, linking specification): a ``upi://pay`` link with payee, amount, currency and reference, in rupees only.
*EPC* (EPC069-12, version 002): the lines of a SEPA credit transfer, in euro only, 0.01 to 999 999 999.99.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from energy.invoices.model import PayTo
from energy.quantities import Money

_EPC_NAME_MAX = 70
_EPC_TEXT_MAX = 140
_EPC_CENTS_MAX = 99_999_999_999


def payment_code(pay_to: PayTo, amount: Money, reference: str) -> str | None:
    """The text for this account and amount; None where no app could read one."""
    if amount.amount_minor < 1:
        return None
    if amount.currency == "INR" and pay_to.upi_id is not None:
        return upi_link(pay_to.upi_id, pay_to.account_name, amount, reference)
    if amount.currency == "EUR" and pay_to.iban is not None and amount.amount_minor <= _EPC_CENTS_MAX:
        return epc_text(pay_to, amount, reference)
    return None


def upi_link(upi_id: str, payee: str, amount: Money, reference: str) -> str:
    """``upi://pay?pa=…``: opens a payment app with everything filled in."""
    values = {"pa": upi_id, "pn": payee, "am": amount.text, "cu": amount.currency, "tr": reference, "tn": reference}
    # Payment apps read %20 everywhere, and + only sometimes.
    return "upi://pay?" + urlencode(values, quote_via=quote, safe="@")


def epc_text(pay_to: PayTo, amount: Money, reference: str) -> str:
    """The lines of EPC069-12: service tag, version, character set (1 is UTF-8), SEPA credit transfer, the payment."""
    lines = (
        *("BCD", "002", "1", "SCT"),
        pay_to.bic or "",
        pay_to.account_name[:_EPC_NAME_MAX],
        (pay_to.iban or "").replace(" ", ""),
        f"EUR{amount.text}",
        *("", ""),
        reference[:_EPC_TEXT_MAX],
    )
    return "\n".join(lines)
