"""Invoices that contradict themselves can not be made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from energy.invoices import Kind
from energy.invoices.model import Corrected
from energy.quantities import Money
from tests.energy.examples import at
from tests.energy.invoices.examples import INVOICE

INDIA = timezone(timedelta(hours=5, minutes=30))


def test_an_invoice_that_does_not_add_up_can_not_be_made() -> None:
    with pytest.raises(ValueError, match=r"do not add up to 5610\.91"):
        replace(INVOICE, total=INVOICE.total + Money(1, "INR"))


def test_an_invoice_with_a_bad_number_or_a_local_time_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="is no invoice number"):
        replace(INVOICE, number="invoice number 1")
    with pytest.raises(ValueError, match="are not in UTC"):
        replace(INVOICE, due_at=at(0).astimezone(INDIA))


def test_an_invoice_in_another_currency_than_its_total_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="is in EUR, its total in INR"):
        replace(INVOICE, currency="EUR")


def test_an_invoice_that_is_due_before_it_is_issued_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="is due before it is issued"):
        replace(INVOICE, due_at=INVOICE.issued_at - timedelta(seconds=1))


def test_a_note_must_name_what_it_corrects_and_nothing_else_may() -> None:
    corrected = Corrected("BB/26-27/000001", INVOICE.date, "wrong rate")
    for wrong in ({"kind": Kind.CREDIT_NOTE}, {"corrects": corrected}):
        with pytest.raises(ValueError, match="must name what it corrects"):
            replace(INVOICE, **wrong)


@pytest.mark.parametrize("kind", [Kind.SELF_BILLED, Kind.PURCHASE_STATEMENT])
def test_what_the_operator_pays_is_negative_for_the_trade(kind: Kind) -> None:
    assert INVOICE.net == INVOICE.total
    assert replace(INVOICE, kind=kind).net == -INVOICE.total
