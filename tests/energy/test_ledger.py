"""Entries balance, are taken back by reversal only, and are told apart by their references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.ledger import Account, Entry, Event, Kind, Posting, Unbalanced, balances, entry_of, reversal, standing, sums

BANK, OWED = Account(Kind.BANK, "bap.test"), Account(Kind.RECEIVABLE, "bap.test")
LOST = Account(Kind.LOST, "battery-1", "standing")


def entry(amount: int = 100, reference: str = "payment/1") -> Entry:
    postings = (Posting(BANK, amount, "INR"), Posting(OWED, -amount, "INR"))
    return Entry(reference, Event.PAYMENT, "contract-1", "1.00 INR were paid.", postings)


def test_an_entry_whose_debits_are_not_its_credits_is_refused_with_what_is_left_over() -> None:
    with pytest.raises(Unbalanced, match="1 INR are left over"):
        entry_of("payment/1", Event.PAYMENT, "contract-1", "Paid.", {BANK: 101, OWED: -100}, "INR")


def test_money_does_not_balance_energy() -> None:
    postings = (Posting(BANK, 5, "INR"), Posting(LOST, -5, "Wh"))
    with pytest.raises(Unbalanced):
        Entry("odd", Event.PAYMENT, "contract-1", "", postings)


def test_nothing_is_booked_for_nothing() -> None:
    assert entry_of("payment/1", Event.PAYMENT, "contract-1", "Paid.", {BANK: 0, OWED: 0}, "INR") is None
    with pytest.raises(ValueError, match="posts nothing"):
        Entry("empty", Event.PAYMENT, "contract-1", "", ())


def test_a_reversal_empties_the_accounts_and_is_not_reversed_itself() -> None:
    wrong = entry()
    taken_back = reversal(wrong)
    assert set(balances([wrong, taken_back]).values()) == {0}
    assert taken_back.reverses == wrong.reference
    with pytest.raises(ValueError, match="is a reversal"):
        reversal(taken_back)


def test_what_was_taken_back_does_not_stand_and_what_was_booked_anew_does() -> None:
    wrong, right = entry(100, "payment/1"), entry(90, "payment/2")
    assert standing([wrong, reversal(wrong), right]) == [right]


def test_an_account_is_shown_by_its_kind_owner_and_detail() -> None:
    assert LOST.name == "lost/battery-1/standing"
    assert BANK.name == "bank/bap.test"


@given(st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=20), st.data())
def test_all_accounts_add_up_to_zero_whatever_is_booked_and_taken_back(amounts: list[int], data: st.DataObject) -> None:
    booked = [entry(amount, f"payment/{number}") for number, amount in enumerate(amounts)]
    taken_back = data.draw(st.sets(st.sampled_from(range(len(booked)))))
    book = booked + [reversal(booked[number]) for number in sorted(taken_back)]
    assert sums(posting for each in book for posting in each.postings) == {"INR": 0}
    left = sum(amount for number, amount in enumerate(amounts) if number not in taken_back)
    assert balances(book)[BANK, "INR"] == left
