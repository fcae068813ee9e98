"""Matching: a reference is found however a bank writes it, and nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.payment_matching import alike, match, named, plain, way_of, without_cards
from energy.payments import Due, State, Way
from tests.energy.test_payments import DUE_AT, due, inr, payment

NUMBER, OTHER = "BB/26-27/000001", "BB/26-27/000002"
KNOWN = {plain(number): number for number in (NUMBER, OTHER)}
DUES = {NUMBER: due(), OTHER: Due(OTHER, "c-2", inr(100), inr(100), DUE_AT)}


@pytest.mark.parametrize(
    "text",
    [
        "BB/26-27/000001",
        "NEFT bb/26-27/000001 from Sun",
        "UPI/DR/432/BB 26 27 000001/x",
        "BB2627000001",
        "INV:BB-26-27-000001.",
    ],
)
def test_a_number_is_found_in_what_banks_make_of_it(text: str) -> None:
    assert named(text, KNOWN) == (NUMBER,)


@pytest.mark.parametrize("text", ["", "BB/26-27/0000012", "XBB/26-27/000001", "BB/26-27", "rent for November"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert named(text, KNOWN) == ()


@given(st.text(alphabet="ABCDEFGH0123456789/- ", max_size=60))
def test_a_number_between_spaces_is_always_found(noise: str) -> None:
    assert NUMBER in named(f"{noise} {NUMBER} {noise}", KNOWN)


def test_one_named_document_is_paid() -> None:
    found = match(payment(), ["x", f"for {NUMBER}"], KNOWN, DUES)
    assert (found.payment.state, found.parked) == (State.USED, None)


@pytest.mark.parametrize(
    ("texts", "minor", "words"),
    [
        (["thank you"], 561_090, "names no invoice"),
        ([f"{NUMBER} and {OTHER}"], 561_190, "names 2 invoices: BB/26-27/000001, BB/26-27/000002"),
        ([NUMBER], 561_091, "0.01 INR more than invoice BB/26-27/000001 asks for"),
        ([NUMBER], -561_090, "to be paid to us, and this money went out"),
    ],
)
def test_what_is_not_certain_is_parked_with_the_reason(texts: list[str], minor: int, words: str) -> None:
    found = match(payment(minor), texts, KNOWN, DUES)
    assert found.parked is not None
    assert words in found.parked
    assert found.payment.state is State.OPEN


def test_documents_that_ask_for_exactly_this_are_shown_and_not_taken() -> None:
    assert [each.number for each in alike(payment(100), list(DUES.values()))] == [OTHER]
    assert alike(payment(99), list(DUES.values())) == ()


def test_the_number_of_a_card_is_masked_and_other_numbers_are_not() -> None:
    assert without_cards("paid by 4111 1111 1111 1111 ok") == "paid by [card number ending in 1111] ok"
    assert without_cards("UTR 432109876543, BB/26-27/000001") == "UTR 432109876543, BB/26-27/000001"


def test_upi_payments_are_told_by_their_text() -> None:
    assert (way_of(["UPI/CR/4321/x"]), way_of(["NEFT x"])) == (Way.UPI, Way.TRANSFER)
