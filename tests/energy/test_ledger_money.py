"""What a document does on the books of both sides: the same amounts, the other way round."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.ledger import Account, Entry, Event, Kind, Unbalanced
from energy.ledger_money import energy_billed, issued, received

OPERATOR, PRODUCER = "bpp.test", "bap.test"


def document(*lines: tuple[str, str], kind: str = "invoice", total: str | None = None, **more: Any) -> dict[str, Any]:
    """As much of an invoice document as is booked."""
    added = sum((Decimal(amount) for _, amount in lines), Decimal(0))
    told: dict[str, Any] = {
        "document": kind,
        "number": "BB/26-27/000001",
        "contract_id": "contract-1",
        "currency": "INR",
        "lines": [{"title": title, "amount": amount} for title, amount in lines],
        "total": format(added, "f") if total is None else total,
        "corrects": None,
        "meter": {"energy_in_wh": 300_000, "energy_out_wh": 263_757},
    }
    return told | more


VECTOR = document(
    ("STORAGE_CAPACITY_CHARGE", "4500.00"),
    ("STORAGE_THROUGHPUT_CHARGE", "255.00"),
    ("CGST", "427.95"),
    ("SGST", "427.95"),
)


def amounts(entry: Entry | None) -> dict[str, int]:
    assert entry is not None
    return {posting.account.name: posting.amount for posting in entry.postings}


def test_the_invoice_of_energy_2_3_is_owed_earned_and_taxed() -> None:
    assert amounts(issued(VECTOR, PRODUCER)) == {
        "receivable/bap.test": 561_090,
        "revenue/bap.test/STORAGE_CAPACITY_CHARGE": -450_000,
        "revenue/bap.test/STORAGE_THROUGHPUT_CHARGE": -25_500,
        "tax-payable/bap.test/CGST": -42_795,
        "tax-payable/bap.test/SGST": -42_795,
    }
    assert amounts(received(VECTOR, OPERATOR)) == {
        "payable/bpp.test": -561_090,
        "costs/bpp.test/STORAGE_CAPACITY_CHARGE": 450_000,
        "costs/bpp.test/STORAGE_THROUGHPUT_CHARGE": 25_500,
        "tax-paid/bpp.test/CGST": 42_795,
        "tax-paid/bpp.test/SGST": 42_795,
    }


def test_fees_and_penalties_stand_apart_from_the_charges() -> None:
    told = document(("CANCELLATION_FEE", "10.00"), ("IMBALANCE_PENALTY", "-4.00"), ("LATE_FEE", "1.00"))
    assert amounts(issued(told, PRODUCER)) == {
        "receivable/bap.test": 700,
        "fees/bap.test/CANCELLATION_FEE": -1_000,
        "fees/bap.test/LATE_FEE": -100,
        "penalties/bap.test/IMBALANCE_PENALTY": 400,
    }


def test_a_credit_note_takes_back_what_its_invoice_booked() -> None:
    note = document(("STORAGE_THROUGHPUT_CHARGE", "255.00"), kind="credit-note", corrects={"number": "x"}, meter=None)
    assert amounts(issued(note, PRODUCER)) == {
        "receivable/bap.test": -25_500,
        "revenue/bap.test/STORAGE_THROUGHPUT_CHARGE": 25_500,
    }


@pytest.mark.parametrize("kind", ["self-billed-invoice", "purchase-statement"])
def test_what_the_operator_owes_is_payable_and_what_the_producer_has_to_get_receivable(kind: str) -> None:
    told = document(("STORAGE_THROUGHPUT_CHARGE", "24.00"), kind=kind)
    assert amounts(issued(told, PRODUCER))["payable/bap.test"] == -2_400
    assert amounts(received(told, OPERATOR))["receivable/bpp.test"] == 2_400


def test_a_document_whose_lines_are_not_its_total_is_not_booked() -> None:
    with pytest.raises(Unbalanced):
        issued(document(("POWER_CHARGE", "10.00"), total="11.00"), PRODUCER)


def test_a_document_about_nothing_books_nothing() -> None:
    assert issued(document(("POWER_CHARGE", "0.00")), PRODUCER) is None


def test_the_energy_of_a_bill_was_generated_consumed_or_lost() -> None:
    entry = energy_billed(VECTOR, PRODUCER, OPERATOR)
    assert entry is not None
    assert entry.event is Event.ENERGY_BILLED
    assert amounts(entry) == {
        "generated/bap.test": -300_000,
        "consumed/bap.test": 263_757,
        "lost/bpp.test/storage": 36_243,
    }
    assert energy_billed(VECTOR | {"meter": None}, PRODUCER, OPERATOR) is None


TITLES = ("STORAGE_CAPACITY_CHARGE", "CANCELLATION_FEE", "AVAILABILITY_CREDIT", "IGST", "DISCOUNT")
KINDS = ("invoice", "debit-note", "credit-note", "self-billed-invoice", "purchase-statement")


@given(
    st.lists(st.tuples(st.sampled_from(TITLES), st.integers(-(10**9), 10**9)), min_size=1, max_size=8),
    st.sampled_from(KINDS),
)
def test_both_sides_book_the_same_amounts_the_other_way_round(lines: list[tuple[str, int]], kind: str) -> None:
    told = document(kind=kind, corrects={"number": "x"} if kind.endswith("note") else None)
    told["lines"] = [{"title": title, "amount": _text(minor)} for title, minor in lines]
    told["total"] = _text(sum(minor for _, minor in lines))
    ours, theirs = issued(told, PRODUCER), received(told, OPERATOR)
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        mirrored = {
            Kind.COSTS: Kind.REVENUE,
            Kind.TAX_PAID: Kind.TAX_PAYABLE,
            Kind.PAYABLE: Kind.RECEIVABLE,
            Kind.RECEIVABLE: Kind.PAYABLE,
        }
        turned = {
            Account(mirrored.get(each.account.kind, each.account.kind), PRODUCER, each.account.detail): -each.amount
            for each in theirs.postings
        }
        assert turned == {each.account: each.amount for each in ours.postings}


def _text(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"
