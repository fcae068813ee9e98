"""The payment port: what each adapter says about how to pay a document."""

from __future__ import annotations

from bpp.payments.port import TransferPort, UpiPort
from energy.invoices.model import PayTo
from energy.payments import Way
from tests.energy.test_payments import due

INDIAN = PayTo("Garden City", upi_id="garden@bank", account_number="123", ifsc="ABCD0123456", bank="A Bank")
GERMAN = PayTo("Garden City", iban="DE89 3704 0044 0532 0130 00", bic="COBADEFF")


async def test_a_upi_link_has_payee_amount_and_reference_and_is_the_code_too() -> None:
    way = await UpiPort(INDIAN).instructions(due())
    assert way is not None
    assert way.url == (
        "upi://pay?pa=garden@bank&pn=Garden%20City&am=5610.90&cu=INR&tr=BB%2F26-27%2F000001&tn=BB%2F26-27%2F000001"
    )
    assert (way.code, way.way) == (way.url, Way.UPI)


async def test_upi_is_for_rupees_that_are_due() -> None:
    assert await UpiPort(INDIAN).instructions(due(currency="EUR")) is None
    assert await UpiPort(INDIAN).instructions(due(open_minor=0)) is None
    assert await UpiPort(GERMAN).instructions(due()) is None


async def test_a_transfer_names_account_and_reference_and_in_euro_has_a_code() -> None:
    rupees = await TransferPort(INDIAN).instructions(due())
    assert rupees is not None
    assert (rupees.reference, rupees.code) == ("BB/26-27/000001", None)
    assert rupees.details == {
        "account_name": "Garden City",
        "account_number": "123",
        "ifsc": "ABCD0123456",
        "bank": "A Bank",
    }
    euro = await TransferPort(GERMAN).instructions(due(currency="EUR"))
    assert euro is not None
    assert euro.code is not None
    assert "EUR5610.90" in euro.code
    assert await TransferPort(PayTo("nobody")).instructions(due()) is None
