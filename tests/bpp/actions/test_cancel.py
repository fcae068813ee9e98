"""``cancel``: by when it happens it costs a fee, or what was used and a fee; and it can be asked what it would cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest

from bpp.store import fleet, money, trade
from bpp.store.money import IssuedInvoice
from energy.cancellations import Side, reasons_of
from energy.invoices import check
from energy.offers import CancellationTerms, CancelRequest, ContractState, OrderStatus, StatusRequest
from energy.quantities import Money
from energy.tariffs import LineTitle
from tests.bpp.platform import OTHER_TRADE, Platform, order, sample, use
from tests.energy.examples import BATTERY

OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}
FULL = Money(561_090, "INR")


async def bought(platform: Platform) -> str:
    return str((await platform.buy()).order.order_id)


async def invoice_of(platform: Platform, order_id: str) -> IssuedInvoice | None:
    return await platform.database.read(lambda tx: money.of_contract(tx, order_id))


async def test_before_charging_it_costs_ten_percent_of_the_charges_and_frees_the_battery(platform: Platform) -> None:
    order_id = await bought(platform)
    told = (await platform.answer("cancel", CancelRequest(order_id, "1", "We moved house"))).order
    assert told.status is OrderStatus.CANCELLED
    assert told.quote is not None
    assert [line.title for line in told.quote.lines] == [LineTitle.CANCELLATION_FEE, LineTitle.CGST, LineTitle.SGST]
    assert told.quote.total == Money(56_110, "INR")
    assert told.cancellation is not None
    assert (told.cancellation.reason_id, told.cancellation.reason) == ("1", "We moved house")
    assert (await platform.answer("select", order(), **OTHER_BAP)).code is None


async def test_the_fee_is_invoiced_and_the_answer_names_the_invoice(platform: Platform) -> None:
    order_id = await bought(platform)
    told = (await platform.answer("cancel", CancelRequest(order_id, "1", ""))).order
    issued = await invoice_of(platform, order_id)
    assert issued is not None
    assert told.invoice is not None
    assert (told.invoice.number, told.invoice.digest_sha256) == (issued.number, issued.digest_sha256)
    assert told.payment is not None
    assert (told.payment.amount, told.payment.reference) == (issued.total, issued.number)
    document = orjson.loads(issued.document)
    assert check(document) == []
    assert (document["total"], document["intervals"]) == ("561.10", [])


async def test_where_cancelling_is_free_there_is_no_invoice(platform: Platform) -> None:
    order_id = await bought(platform)
    known = await platform.contract(order_id)
    free = replace(known, listed=replace(known.listed, cancellation=CancellationTerms(Decimal(0))))
    await platform.database.write(lambda tx: trade.save(tx, free))
    told = (await platform.answer("cancel", CancelRequest(order_id, "1", ""))).order
    assert told.invoice is None
    assert await invoice_of(platform, order_id) is None


async def test_while_charging_it_costs_what_was_used_and_the_fee(platform: Platform) -> None:
    order_id = await bought(platform)
    start = use().charge.start
    await platform.add_samples(sample(start, 1_000), sample(start + timedelta(hours=2), 76_000))
    platform.go_to(start + timedelta(hours=2))
    told = (await platform.answer("cancel", CancelRequest(order_id, "3", ""))).order
    assert told.quote is not None
    lines = {line.title: line.amount.text for line in told.quote.lines}
    # 300 kWh × 90 × 2.25 h / 720 h = 84.38, 75 kWh × 0.85 = 63.75, and 10 % of 4755.00.
    assert lines[LineTitle.CAPACITY] == "84.38"
    assert lines[LineTitle.THROUGHPUT] == "63.75"
    assert lines[LineTitle.CANCELLATION_FEE] == "475.50"
    issued = await invoice_of(platform, order_id)
    assert issued is not None
    document = orjson.loads(issued.document)
    assert check(document) == []
    assert document["meter"]["energy_in_wh"] == 75_000
    assert document["supply"]["end"] == (start + timedelta(hours=2, minutes=15)).isoformat().replace("+00:00", "Z")


async def test_cancelling_late_never_costs_more_than_the_price(platform: Platform) -> None:
    order_id = await bought(platform)
    start = use().charge.start
    await platform.add_samples(sample(start, 0), sample(use().charge.end, 300_000))
    platform.go_to(use().giveback.end - timedelta(minutes=1))
    told = (await platform.answer("cancel", CancelRequest(order_id, "1", ""))).order
    assert told.quote is not None
    assert told.quote.total == FULL
    assert LineTitle.DISCOUNT in [line.title for line in told.quote.lines]


async def test_what_has_happened_stays_booked_and_what_would_come_is_free(platform: Platform) -> None:
    order_id = await bought(platform)
    platform.go_to(use().charge.start + timedelta(hours=2))
    await platform.answer("cancel", CancelRequest(order_id, "1", ""))
    (left,) = await platform.database.read(lambda tx: fleet.committed_during(tx, use().booked, BATTERY.battery_id))
    assert left.booking.charge.end == use().charge.start + timedelta(hours=2, minutes=15)
    assert left.booking.giveback.end - left.booking.charge.end == timedelta(minutes=15)
    assert left.booking.discharge_w == 0
    assert (await platform.answer("select", order(use=use(start_h=12)), **OTHER_BAP)).code is None


async def test_asking_what_it_would_cost_changes_nothing(platform: Platform) -> None:
    order_id = await bought(platform)
    before = await platform.contract(order_id)
    told = (await platform.answer("cancel", CancelRequest(order_id, "1", "", soft=True))).order
    assert (told.status, told.cancellation, told.invoice) == (OrderStatus.ACTIVE, None, None)
    assert told.quote is not None
    assert told.quote.total == Money(56_110, "INR")
    assert await platform.contract(order_id) == before
    meant = (await platform.answer("cancel", CancelRequest(order_id, "1", ""))).order
    assert meant.quote is not None
    assert meant.quote.total == told.quote.total


async def test_a_cancelled_contract_can_be_read_and_not_cancelled_again(platform: Platform) -> None:
    order_id = await bought(platform)
    await platform.answer("cancel", CancelRequest(order_id, "5", ""))
    assert (await platform.answer("cancel", CancelRequest(order_id, "5", ""))).code == "50001"
    assert (await platform.answer("status", StatusRequest(order_id))).order.state is ContractState.CANCELLED


@pytest.mark.parametrize("reason_id", ["99", "6"])
async def test_a_reason_that_is_unknown_or_the_operators_is_refused_with_those_that_are_not(
    platform: Platform, reason_id: str
) -> None:
    refused = await platform.answer("cancel", CancelRequest(await bought(platform), reason_id, "because"))
    assert refused.code == "30011"
    assert refused.error is not None
    for reason in reasons_of(Side.CONSUMER):
        assert f"{reason.reason_id} ({reason.text})" in refused.error["message"]
    assert "out of service" in refused.error["message"]


async def test_when_the_return_is_over_the_contract_is_settled_and_not_cancelled(platform: Platform) -> None:
    order_id = await bought(platform)
    platform.go_to(use().giveback.end)
    assert (await platform.answer("cancel", CancelRequest(order_id, "1", ""))).code == "50001"
