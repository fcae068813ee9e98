"""The operator's API of money, and its term of payment on the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bpp.payments.booking import STATEMENT, Came, open_book
from bpp.payments.settings import PaymentsSettings
from energy.offers import Payment, PaymentType
from energy.payments import Way
from energy.quantities import Money
from tests.bpp.payments.conftest import Billed, bill
from tests.bpp.platform import BILLING, Platform, order

STATEMENTS = "/api/v1/payments/statements"
CSV = "date,amount,description\n2026-11-20,5610.90,NEFT {number}\n2026-11-21,100.00,thank you\n"


async def test_a_statement_is_imported_once_and_what_it_leaves_is_decided_by_a_person(
    billed: Billed, operator: Any
) -> None:
    content = CSV.format(number=billed.number).encode()
    first = await operator.post(f"{STATEMENTS}?format=csv", data=content)
    assert (first.status, await first.json()) == (
        201,
        {"lines": 2, "known": 0, "new": 2, "used": 1, "parked": 1, "matched_earlier": 0, "again": False},
    )
    again = await operator.post(f"{STATEMENTS}?format=csv", data=content)
    assert (again.status, (await again.json())["again"]) == (200, True)
    overlapping = await operator.post(f"{STATEMENTS}?format=csv", data=content + b"2026-11-22,1.00,x\n")
    assert ((await overlapping.json())["known"], (await overlapping.json())["new"]) == (2, 1)
    parked = (await (await operator.get("/api/v1/payments/unmatched")).json())["payments"]
    assert [each["reason"] for each in parked] == ["It names no invoice of ours."] * 2
    one = f"/api/v1/payments/{parked[1]['payment_id']}"
    refused = await operator.post(f"{one}/allocate", json={"number": billed.number})
    assert (refused.status, "paid already" in (await refused.json())["detail"]) == (409, True)
    refund = await (await operator.post(f"{one}/refund", json={"amount": "40.00"})).json()
    assert (refund["open"], refund["reference"].startswith("RF")) == ("60.00", True)
    shown = await (await operator.get(one)).json()
    assert [(past["use"], past["amount"]) for past in shown["history"]] == [("refund", "40.00")]


async def test_what_an_earlier_statement_left_is_matched_once_its_bill_is_there(
    platform: Platform, operator: Any
) -> None:
    order_id = str((await platform.buy()).order.order_id)
    early = await operator.post(f"{STATEMENTS}?format=csv", data=CSV.format(number="BB/26-27/000001").encode())
    assert (await early.json())["parked"] == 2
    await bill(platform, order_id, "BB/26-27/000001", Money(561_090, "INR"))
    late = await operator.post(f"{STATEMENTS}?format=csv", data=b"date,amount,description\n")
    assert (await late.json())["matched_earlier"] == 1


async def test_a_statement_that_can_not_be_read_is_refused_with_the_line(operator: Any) -> None:
    broken = await operator.post(f"{STATEMENTS}?format=csv", data=b"date,amount,description\n2026-11-20,x,y\n")
    assert (broken.status, "line 2" in (await broken.json())["detail"]) == (422, True)
    assert (await operator.post(STATEMENTS, data=b"<a/>")).status == 422
    assert (await (await operator.get("/api/v1/payments")).json())["payments"] == []


async def test_what_is_due_is_listed_and_every_way_to_pay_it(billed: Billed, operator: Any) -> None:
    (due,) = (await (await operator.get("/api/v1/payments/dues")).json())["dues"]
    assert (due["number"], due["open"], due["overdue_days"]) == (billed.number, "5610.90", 0)
    unknown = await operator.get("/api/v1/payments/instructions", params={"number": "BB/1"})
    assert unknown.status == 404


async def test_a_wrong_member_or_state_is_told(billed: Billed, operator: Any) -> None:
    assert (await operator.get("/api/v1/payments?state=lost")).status == 400
    assert (await operator.post("/api/v1/payments/x/allocate", json={"numbr": "1"})).status == 422
    assert (await operator.post("/api/v1/payments/x/allocate", json={"number": billed.number})).status == 409


async def test_where_payment_comes_first_an_order_needs_its_deposit(platform: Platform) -> None:
    settings = replace(platform.desk.settings, payments=PaymentsSettings(term=PaymentType.PRE_ORDER.value))
    platform.desk.settings = settings
    quoted = (await platform.answer("select", order())).order
    assert quoted.quote is not None
    before = Payment(PaymentType.PRE_ORDER, quoted.quote.total)
    offered = (await platform.answer("init", order(billing=BILLING, payment=before))).order
    assert offered.payment is not None
    assert (offered.payment.payment_type, offered.payment.paid) == (PaymentType.PRE_ORDER, False)
    assert offered.form is not None
    submission_id = await platform.consent(str(offered.form.url))
    form = replace(offered.form, submission_id=submission_id, url=None)
    agreed = order(quote=offered.quote, billing=BILLING, payment=before, form=form)
    assert (await platform.confirm(agreed)).code == "40004"
    reference, total = str(offered.payment.payment_id), quoted.quote.total

    def deposit(tx: Any) -> None:
        with open_book(tx, platform.trade) as book:
            book.take([Came(STATEMENT, "1", Way.TRANSFER, total, platform.trade, (reference,))])

    await platform.database.write(deposit)
    confirmed = (await platform.confirm(agreed)).order
    assert confirmed.payment is not None
    assert confirmed.payment.paid
