"""Payments: what they are used for, that nothing is used twice, and that every correction leaves a trace."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.payments import (
    Due,
    Payment,
    PaymentRefused,
    State,
    Use,
    Way,
    arrived,
    charged_back,
    deposited,
    drawn,
    failed,
    outstanding,
    paid,
    refunded,
    released,
    sent_back,
    undeposited,
)
from energy.quantities import Money

NUMBER, ORDER = "BB/26-27/000001", "order-1"
DUE_AT = datetime(2026, 12, 5, tzinfo=UTC)


def inr(minor: int) -> Money:
    return Money(minor, "INR")


def payment(minor: int = 561_090, state: State = State.OPEN) -> Payment:
    return Payment("p-1", Way.TRANSFER, inr(minor), state)


def due(open_minor: int = 561_090, billed_minor: int = 561_090, currency: str = "INR") -> Due:
    return Due(NUMBER, ORDER, Money(billed_minor, currency), Money(open_minor, currency), DUE_AT)


def test_a_payment_of_what_is_due_is_used_up() -> None:
    used = paid(payment(), due())
    assert (used.state, used.open, used.used_for(Use.INVOICE, NUMBER)) == (State.USED, inr(0), inr(561_090))
    assert outstanding(inr(561_090), used.allocations) == inr(0)


def test_what_is_more_than_due_stays_open_and_what_is_less_pays_a_part() -> None:
    assert paid(payment(600_000), due()).open == inr(38_910)
    part = paid(payment(100_000), due())
    assert outstanding(inr(561_090), part.allocations) == inr(461_090)


def test_one_payment_can_pay_two_documents_as_a_person_says() -> None:
    other = Due("BB/26-27/000002", "order-2", inr(200_000), inr(200_000), DUE_AT)
    used = paid(paid(payment(761_090), due()), other, inr(200_000))
    assert (used.state, len(used.allocations)) == (State.USED, 2)


@pytest.mark.parametrize(
    ("document", "amount", "words"),
    [
        (due(currency="EUR"), None, "in EUR"),
        (due(open_minor=0), None, "paid already"),
        (due(open_minor=-5, billed_minor=-5), None, "to be paid by us"),
        (due(open_minor=100), inr(101), "less than 1.01 INR"),
        (due(open_minor=900_000), inr(561_091), "5610.90 INR are open"),
        (due(), inr(0), "Nothing"),
    ],
)
def test_a_document_is_not_paid_by_what_does_not_fit(document: Due, amount: Money | None, words: str) -> None:
    if amount == inr(0):
        amount, used = None, paid(payment(), due())
        with pytest.raises(PaymentRefused, match=words):
            paid(used, document, amount)
        return
    with pytest.raises(PaymentRefused, match=words):
        paid(payment(), document, amount)


def test_a_match_that_was_wrong_is_taken_back_by_an_opposite_allocation() -> None:
    freed = released(paid(payment(), due()), NUMBER)
    assert (freed.state, freed.open) == (State.OPEN, inr(561_090))
    assert [part.amount for part in freed.allocations] == [inr(561_090), inr(-561_090)]
    with pytest.raises(PaymentRefused, match="pays nothing"):
        released(freed, NUMBER)


def test_a_deposit_pays_the_bill_and_the_rest_is_credit_again() -> None:
    kept = deposited(payment(600_000), ORDER)
    assert (kept.state, kept.used_for(Use.DEPOSIT, ORDER)) == (State.USED, inr(600_000))
    used = undeposited(drawn(kept, ORDER, due()), ORDER)
    assert (used.used_for(Use.DEPOSIT, ORDER), used.used_for(Use.INVOICE, NUMBER)) == (inr(0), inr(561_090))
    assert used.open == inr(38_910)
    with pytest.raises(PaymentRefused, match="no deposit"):
        drawn(used, ORDER, due())


def test_a_refund_and_the_transfer_that_carries_it_add_up_to_nothing() -> None:
    back = refunded(paid(payment(600_000), due()), "RF1")
    out = sent_back(payment(-38_910), "RF1", back.used_for(Use.REFUND, "RF1"))
    assert back.used_for(Use.REFUND, "RF1") + out.used_for(Use.REFUND, "RF1") == inr(0)
    assert (back.state, out.state) == (State.USED, State.USED)


def test_another_amount_than_was_promised_is_no_refund() -> None:
    with pytest.raises(PaymentRefused, match="went out"):
        sent_back(payment(-38_909), "RF1", inr(38_910))


def test_after_a_chargeback_all_that_was_paid_is_owed_again() -> None:
    gone = charged_back(deposited(paid(payment(600_000), due()), "order-2"))
    assert (gone.state, gone.open, gone.used) == (State.CHARGED_BACK, inr(0), inr(0))
    with pytest.raises(PaymentRefused, match="can not charge back"):
        charged_back(gone)


def test_what_was_partly_sent_back_is_not_charged_back_without_a_person() -> None:
    with pytest.raises(PaymentRefused, match="ask the bank"):
        charged_back(refunded(payment(), "RF1", inr(100)))


def test_the_operator_pays_a_self_billed_invoice_by_money_that_goes_out() -> None:
    used = paid(payment(-9_000), due(-9_000, -9_000))
    assert (used.state, used.used_for(Use.INVOICE, NUMBER)) == (State.USED, inr(-9_000))


def test_a_link_is_expected_until_it_is_paid_or_fails_and_may_be_paid_after_it_failed() -> None:
    expected = payment(state=State.EXPECTED)
    assert expected.open == inr(0)
    with pytest.raises(PaymentRefused, match="can not allocate"):
        paid(expected, due())
    came = arrived(failed(expected), inr(561_000))
    assert (came.state, came.open) == (State.OPEN, inr(561_000))
    with pytest.raises(PaymentRefused, match="can not arrive"):
        arrived(came, inr(1))


STEPS = st.lists(
    st.sampled_from(
        [
            lambda known: paid(known, due(400_000)),
            lambda known: paid(known, due(), inr(1_000)),
            partial(released, number=NUMBER),
            partial(deposited, order_id=ORDER, amount=inr(50_000)),
            partial(undeposited, order_id=ORDER),
            lambda known: drawn(known, ORDER, due(30_000)),
            partial(refunded, reference="RF1", amount=inr(7)),
            charged_back,
        ]
    ),
    max_size=12,
)


@given(st.integers(1, 10**9), STEPS)
def test_whatever_is_done_a_payment_is_always_its_uses_and_what_is_open(minor: int, steps: list[object]) -> None:
    known = payment(minor)
    for step in steps:
        before = known
        try:
            known = step(known)  # type: ignore[operator]
        except PaymentRefused:
            assert known == before
            continue
        assert known.allocations[: len(before.allocations)] == before.allocations
        held = known.amount if known.state is not State.CHARGED_BACK else inr(0)
        assert known.used + known.open == held
        assert inr(0) <= known.used <= known.amount
        for use, target in ((Use.INVOICE, NUMBER), (Use.DEPOSIT, ORDER), (Use.REFUND, "RF1")):
            assert known.used_for(use, target).amount_minor >= 0
