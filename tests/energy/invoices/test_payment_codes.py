"""The texts of payment QR codes, as apps read them."""

from __future__ import annotations

import pytest

from energy.invoices.model import PayTo
from energy.invoices.payment_codes import payment_code
from energy.quantities import Money

INDIAN = PayTo("Hebbal Storage", account_number="0421101004321", ifsc="CNRB0000421", upi_id="hebbal@bank")
GERMAN = PayTo("Speicher Köln GmbH", iban="DE89 3704 0044 0532 0130 00", bic="COBADEFFXXX")


def test_a_upi_link_fills_in_payee_amount_and_reference() -> None:
    assert payment_code(INDIAN, Money(561_090, "INR"), "BB/26-27/000001") == (
        "upi://pay?pa=hebbal@bank&pn=Hebbal%20Storage&am=5610.90&cu=INR&tr=BB%2F26-27%2F000001&tn=BB%2F26-27%2F000001"
    )


def test_an_epc_code_has_the_lines_of_a_sepa_credit_transfer() -> None:
    code = payment_code(GERMAN, Money(12_345, "EUR"), "BB/2026/000007")
    assert code is not None
    assert code.split("\n") == [
        *("BCD", "002", "1", "SCT"),
        *("COBADEFFXXX", "Speicher Köln GmbH", "DE89370400440532013000", "EUR123.45"),
        *("", "", "BB/2026/000007"),
    ]
    assert len(code.encode()) <= 331


@pytest.mark.parametrize(
    ("pay_to", "amount"),
    [
        (INDIAN, Money(0, "INR")),
        (INDIAN, Money(100, "EUR")),
        (GERMAN, Money(100, "INR")),
        (GERMAN, Money(100_000_000_000, "EUR")),
        (PayTo("Without any"), Money(100, "INR")),
    ],
)
def test_what_no_app_could_pay_has_no_code(pay_to: PayTo, amount: Money) -> None:
    assert payment_code(pay_to, amount, "BB/26-27/000001") is None
