"""The book of payments: everything once, what is uncertain parked, and the other side told when a bill is paid."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from bpp.payments.booking import STATEMENT, Came, Tally, open_book
from bpp.store import payments as store
from energy.ledger import Kind
from energy.offers import Payment, PaymentType, UpdateRequest
from energy.payments import PaymentRefused, State, Way
from energy.quantities import Money
from node import ledger
from tests.bpp.payments.conftest import Billed, bill
from tests.bpp.platform import WIRE, Platform
from tests.bpp.test_operation import any_platform

__all__ = ["any_platform"]


def came(text: str, minor: int = 561_090, source_id: str = "1", currency: str = "INR") -> Came:
    return Came(STATEMENT, source_id, Way.TRANSFER, Money(minor, currency), WIRE, (text,), "Sun & Sons")


async def take(platform: Platform, *all_of_them: Came) -> Tally:
    def write(tx: Connection) -> Tally:
        with open_book(tx, platform.trade) as book:
            return book.take(all_of_them)

    return await platform.database.write(write)


async def test_a_transfer_that_names_the_bill_pays_it_and_the_other_side_hears_it(billed: Billed) -> None:
    platform = billed.platform
    await platform.sent()
    assert await take(platform, came(f"NEFT {billed.number}")) == Tally(used=1)
    assert await platform.bpp.payment_news.look() == 1
    (letter,) = await platform.sent()
    assert letter.action == "on_status"
    assert letter.order.payment is not None
    assert letter.order.payment.paid
    assert await platform.bpp.payment_news.look() == 0


async def test_the_same_line_is_booked_once_however_often_it_comes(billed: Billed) -> None:
    line = came(billed.number)
    assert await take(billed.platform, line, line) == Tally(known=1, used=1)
    assert await take(billed.platform, line) == Tally(known=1)


@pytest.mark.parametrize(
    ("text", "minor", "currency", "reason"),
    [
        ("thank you", 561_090, "INR", "names no invoice"),
        ("BB/26-27/000001", 561_090, "EUR", "is in EUR"),
        ("BB/26-27/000001 BB/26-27/000002", 561_090, "INR", "names 2 invoices"),
        ("BB/26-27/000001", 600_000, "INR", "389.10 INR more"),
        ("BB/26-27/000001", -600_000, "INR", "this money went out"),
    ],
)
async def test_what_is_not_certain_is_parked_with_the_reason(
    billed: Billed, text: str, minor: int, currency: str, reason: str
) -> None:
    await bill(billed.platform, "other", "BB/26-27/000002", Money(1, "INR"))
    assert await take(billed.platform, came(text, minor, currency=currency)) == Tally(parked=1)
    (parked,) = await billed.platform.database.read(lambda tx: store.latest(tx, 10, State.OPEN))
    assert reason in str(parked.payment.reason)


async def test_a_second_payment_of_a_paid_bill_is_parked(billed: Billed) -> None:
    assert await take(billed.platform, came(billed.number), came(billed.number, source_id="2")) == Tally(0, 1, 1)
    (parked,) = await billed.platform.database.read(lambda tx: store.latest(tx, 10, State.OPEN))
    assert "paid already" in str(parked.payment.reason)


async def test_what_was_parked_is_matched_when_its_bill_is_there(billed: Billed) -> None:
    platform = billed.platform
    assert await take(platform, came("BB/26-27/000009", 100)) == Tally(parked=1)
    await bill(platform, "other", "BB/26-27/000009", Money(100, "INR"))

    def again(tx: Connection) -> Tally:
        with open_book(tx, platform.trade) as book:
            return book.match_again()

    assert await platform.database.write(again) == Tally(used=1)


async def test_a_deposit_pays_the_bill_of_its_order_and_the_rest_becomes_credit(platform: Platform) -> None:
    order_id = str((await platform.buy()).order.order_id)
    assert await take(platform, came(f"for {order_id}", 600_000)) == Tally(used=1)
    await bill(platform, order_id, "BB/26-27/000001", Money(561_090, "INR"))

    def draw(tx: Connection) -> None:
        with open_book(tx, platform.trade) as book:
            book.draw_deposits(order_id)

    await platform.database.write(draw)
    (booked,) = await platform.database.read(lambda tx: store.latest(tx, 10))
    assert booked.payment.open == Money(38_910, "INR")
    (due,) = (await platform.database.read(lambda tx: store.dues(tx))).values()
    assert due.is_paid


async def test_a_refund_is_settled_by_the_transfer_that_carries_its_reference(billed: Billed) -> None:
    platform = billed.platform
    await take(platform, came(billed.number, 600_000))
    (booked,) = await platform.database.read(lambda tx: store.latest(tx, 10))

    def refund(tx: Connection) -> str:
        with open_book(tx, platform.trade) as book:
            return book.refund(booked.payment.payment_id)[1]

    reference = await platform.database.write(refund)
    assert await platform.database.read(store.owed_refunds) == {reference: Money(38_910, "INR")}
    assert await take(platform, came(f"refund {reference}", -38_910, "2")) == Tally(used=1)
    assert await platform.database.read(store.owed_refunds) == {}


async def test_after_a_chargeback_the_bill_is_open_and_the_other_side_hears_it(billed: Billed) -> None:
    platform = billed.platform
    await take(platform, came(billed.number))
    await platform.bpp.payment_news.look()
    await platform.sent()
    (booked,) = await platform.database.read(lambda tx: store.latest(tx, 10))

    def charge_back(tx: Connection) -> None:
        with open_book(tx, platform.trade) as book:
            book.charge_back(booked.payment.payment_id)

    await platform.database.write(charge_back)
    await platform.bpp.payment_news.look()
    (letter,) = await platform.sent()
    assert letter.order.payment is not None
    assert not letter.order.payment.paid
    balances = await platform.database.read(lambda tx: ledger.balances(tx))
    assert {each.account.kind: each.amount for each in balances if each.account.kind is Kind.BANK} in (
        {},
        {Kind.BANK: 0},
    )


async def test_what_a_person_asks_for_and_can_not_be_done_changes_nothing(billed: Billed) -> None:
    platform = billed.platform
    await take(platform, came("thank you", 100))
    (booked,) = await platform.database.read(lambda tx: store.latest(tx, 10))

    def too_much(tx: Connection) -> None:
        with open_book(tx, platform.trade) as book:
            book.allocate(booked.payment.payment_id, billed.number, Money(101, "INR"))

    with pytest.raises(PaymentRefused, match=r"1\.00 INR are open"):
        await platform.database.write(too_much)
    assert (await platform.database.read(lambda tx: store.latest(tx, 10))) == [booked]
    assert booked.booked_at - WIRE == timedelta(0)


async def test_two_payments_of_one_bill_at_the_same_moment_pay_it_once(any_platform: Platform) -> None:
    order_id = str((await any_platform.buy()).order.order_id)
    billed = await bill(any_platform, order_id, "BB/26-27/000001", Money(561_090, "INR"))
    tallies = await asyncio.gather(
        *(take(any_platform, came(billed.number, source_id=str(number))) for number in range(4))
    )
    assert sum(tally.used for tally in tallies) == 1
    (due,) = (await any_platform.database.read(lambda tx: store.dues(tx))).values()
    assert due.is_paid
    verdict = await any_platform.database.read(lambda tx: ledger.verify(tx, "bpp.test"))
    assert verdict.faults == ()


async def test_a_transfer_that_names_only_what_the_producer_reported_pays_the_bill(billed: Billed) -> None:
    platform = billed.platform
    said = Payment(PaymentType.POST_FULFILLMENT, billed.total, paid=True, reference="UTR 4321/98765")
    answered = await platform.answer("update", UpdateRequest(billed.contract_id, "payments", payment=said))
    assert answered.order.payment is not None
    assert (answered.order.payment.paid, answered.order.payment.reported) == (False, "UTR 4321/98765")
    assert await take(platform, came("IMPS utr432198765 Sun")) == Tally(used=1)
    assert await platform.bpp.payment_news.look() == 1
    told = (await platform.sent())[-1].order.payment
    assert told is not None
    assert (told.paid, told.reported) == (True, None)
