"""The operator's view of what was sold: contracts, invoices, dispatch, trade time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from protocol.moments import timestamp_text
from tests.bpp.platform import OTHER_TRADE, Platform, order, use
from tests.bpp.test_operation import finished
from tests.energy.examples import BATTERY
from tests.waiting import until

USE = use()


async def get(operator: Any, path: str) -> dict[str, Any]:
    answer = await operator.get(f"/api/v1{path}")
    assert answer.status == 200
    return dict(await answer.json())


async def test_trade_time_is_told_with_how_it_follows_from_the_wall_clock(operator: Any) -> None:
    assert await get(operator, "/trade-time") == {
        "trade_time": "2026-11-01T00:00:00.000Z",
        "epoch": "2026-11-01T00:00:00.000Z",
        "started": "2026-11-20T10:00:00.000Z",
        "speed": 60,
    }


async def test_confirmed_contracts_are_listed_and_quotes_are_not(platform: Platform, operator: Any) -> None:
    order_id = (await platform.buy()).order.order_id
    await platform.answer("select", order(use=use(10_000)), transaction_id=OTHER_TRADE)
    listed = (await get(operator, "/contracts"))["contracts"]
    assert [contract["contract_id"] for contract in listed] == [order_id]
    assert listed[0]["quote"]["total"] == "5610.90"
    assert listed[0]["stage"] == "ACTIVE"
    assert listed[0]["consent"]["given_by"] == "Sun & Sons <Rooftop>"
    assert await get(operator, f"/contracts/{order_id}") == listed[0]


async def test_an_unknown_contract_is_not_found(operator: Any) -> None:
    assert (await operator.get("/api/v1/contracts/nothing")).status == 404


async def test_a_settled_contract_shows_its_invoice_and_last_live_state(platform: Platform, operator: Any) -> None:
    order_id = (await platform.buy()).order.order_id
    await finished(platform)
    contract = await get(operator, f"/contracts/{order_id}")
    assert contract["state"] == "transaction-settled"
    assert contract["live"]["energy_in_wh"] == 300_000
    invoices = (await get(operator, "/invoices"))["invoices"]
    assert invoices == [contract["invoice"]]
    assert invoices[0]["number"] == "BB/26-27/000001"
    assert invoices[0]["total"] == "5610.90"


async def test_dispatch_of_the_next_hour_is_rest_while_nothing_is_planned(operator: Any) -> None:
    told = await get(operator, "/dispatch")
    assert (told["trade_time"], told["speed"]) == ("2026-11-01T00:00:00.000Z", 60)
    rest = {"start": "2026-11-01T00:00:00.000Z", "end": "2026-11-01T01:00:00.000Z", "charge_w": 0, "discharge_w": 0}
    assert told["schedules"] == [
        {"battery_id": BATTERY.battery_id, "valid_until": "2026-11-01T01:00:00.000Z", "intervals": [rest]}
    ]


async def test_dispatch_of_a_contract_is_charge_then_rest_then_return(platform: Platform, operator: Any) -> None:
    await platform.buy()
    window = f"from={timestamp_text(USE.charge.start)}&until={timestamp_text(USE.giveback.end)}"
    (schedule,) = (await get(operator, f"/dispatch?{window}"))["schedules"]
    powers = [(interval["charge_w"], interval["discharge_w"]) for interval in schedule["intervals"]]
    assert powers == [(37_500, 0), (0, 0), (0, 32_992)]
    assert schedule["intervals"][0]["end"] == timestamp_text(USE.charge.end)
    assert schedule["valid_until"] == timestamp_text(USE.giveback.end)


async def test_a_hold_is_not_dispatched(platform: Platform, operator: Any) -> None:
    await platform.answer("select", order())
    start = timestamp_text(USE.charge.start)
    (schedule,) = (await get(operator, f"/dispatch?from={start}"))["schedules"]
    assert [interval["charge_w"] for interval in schedule["intervals"]] == [0]


@pytest.mark.parametrize(
    "query",
    [
        "/dispatch?from=now",
        "/dispatch?from=2026-11-02T00:00:00Z&until=2026-11-01T00:00:00Z",
        "/dispatch?from=2026-11-01T00:00:00Z&until=2027-11-01T00:00:00Z",
        "/dispatch?from=9999-12-31T23:59:59Z",
        "/contracts?limit=0",
        "/contracts?limit=many",
        "/invoices?limit=1001",
    ],
)
async def test_a_query_that_can_not_be_answered_is_a_problem(operator: Any, query: str) -> None:
    answer = await operator.get(f"/api/v1{query}")
    assert answer.status == 400
    assert answer.content_type == "application/problem+json"


async def test_a_message_that_never_arrived_shows_at_its_contract(platform: Platform, operator: Any) -> None:
    order_id = str((await platform.buy()).order.order_id)
    platform.clock.now += timedelta(days=1)

    async def told() -> bool:
        return (await platform.contract(order_id)).undelivered == "on_confirm: its ttl has passed"

    await platform.bpp.participant.outbox.start()
    await until(told)
    await platform.bpp.participant.outbox.stop(within_s=5)
    contract = await get(operator, f"/contracts/{order_id}")
    assert contract["undelivered"] == "on_confirm: its ttl has passed"
