"""Bills: checked by our own meter, accepted or disputed by one action, paid by any way that they name."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from bap.client import ApiError, AsyncBapClient
from energy.invoices.model import PayTo
from energy.offers import ContractState, OrderStatus
from node.problems import json_response
from tests.bap.examples import invoice_bytes, referring_to
from tests.bap.market import Market
from tests.bap.test_app import trade

PAY_TO = PayTo("Bengaluru Storage", upi_id="storage@bank", account_number="1234", ifsc="ABCD0123456")


async def billed(client: AsyncBapClient, market: Market, document: bytes | None = None) -> str:
    contract_id, document = await trade(client, market), document or invoice_bytes(pay_to=PAY_TO)
    market.documents["/beckn/invoices/secret"] = web.Response(body=document, content_type="application/json")
    told = market.running(market.contents["confirm"], state=ContractState.SETTLED, status=OrderStatus.COMPLETE)
    invoice = referring_to(document, f"{market.peer.url}/invoices/secret")
    await market.tell_unasked("on_status", contract_id, replace(told, invoice=invoice))
    assert [found["stage"] async for found in client.follow(contract_id, interval_s=0.01)][-1] == "COMPLETE"
    return contract_id


def measured(percent: int = 100) -> list[Any]:
    return [
        {**each, "energy_in_wh": each["energy_in_wh"] * percent // 100, "energy_out_wh": each["energy_out_wh"]}
        for each in orjson.loads(invoice_bytes())["intervals"]
    ]


def as_csv(rows: list[Any]) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


async def test_a_bill_that_our_meter_confirms_is_accepted_and_can_be_paid_by_upi(
    client: AsyncBapClient, market: Market
) -> None:
    contract_id = await billed(client, market)
    assert await client.put_meter_readings(contract_id, as_csv(measured())) == len(measured())
    bill = await client.bill(contract_id)
    assert bill["differences"] == []
    assert not any(line["differs"] for line in bill["lines"])
    assert bill["own_intervals"] == len(measured())
    assert bill["payment"]["code"] is not None
    assert bill["payment"]["code"].startswith("upi://pay?pa=storage@bank")
    assert "am=5598.86" in bill["payment"]["code"]
    accepted = await client.accept_bill(contract_id)
    assert accepted["decision"] is not None
    assert accepted["decision"]["verdict"] == "accepted"
    with pytest.raises(ApiError, match="closed"):
        await client.put_meter_readings(contract_id, measured())


async def test_a_bill_that_our_meter_denies_is_disputed_by_one_action(client: AsyncBapClient, market: Market) -> None:
    contract_id, said = await billed(client, market), []

    def tickets(body: bytes) -> web.Response:
        said.append(body)
        return json_response({"once": "n1", "tickets": []})

    before = market.peer.script

    def script(arrival: Any) -> Any:
        return tickets(arrival.body) if arrival.path == "/help" else before(arrival)

    market.peer.script = script
    await client.put_meter_readings(contract_id, measured(90))
    bill = await client.bill(contract_id)
    assert any("we measured" in sentence for sentence in bill["differences"])
    assert any(line["differs"] and line["expected"] is not None for line in bill["lines"])
    disputed = await client.dispute_bill(contract_id, text="See our meter.", wait_s=5)
    assert disputed["decision"] is not None
    assert disputed["decision"]["verdict"] == "disputed"
    assert "See our meter." in disputed["decision"]["note"]
    assert b"is+disputed" in said[-1]


async def test_a_bill_that_is_as_agreed_is_not_disputed_without_words(client: AsyncBapClient, market: Market) -> None:
    contract_id = await billed(client, market)
    with pytest.raises(ApiError, match="say in text"):
        await client.dispute_bill(contract_id)


async def test_a_bill_of_another_contract_says_so(client: AsyncBapClient, market: Market) -> None:
    contract_id = await billed(client, market, invoice_bytes(contract_id="another"))
    assert any("the contract is another" in each for each in (await client.bill(contract_id))["differences"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "from 1 to"),
        ([{"start": "x"}], "Interval 1"),
        ([measured()[0], measured()[0]], "overlap"),
        ([measured()[0] | {"energy_in_wh": -1}], "no energy"),
        ([measured()[0] | {"energy_in_wh": 1.5}], "no energy"),
        ([measured()[0] | {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T00:15:00Z"}], "not within"),
    ],
)
async def test_readings_that_can_not_be_taken_are_refused_whole(
    client: AsyncBapClient, market: Market, rows: list[Any], words: str
) -> None:
    contract_id = await trade(client, market)
    with pytest.raises(ApiError, match=words):
        await client.put_meter_readings(contract_id, rows)


async def test_the_months_tell_cost_energy_losses_and_savings(client: AsyncBapClient, market: Market) -> None:
    contract_id = await billed(client, market)
    await client.bill(contract_id)
    rows = await client.months(prices=("30", "3"))
    assert {row["contract_id"] for row in rows} == {contract_id}
    assert sum(row["energy_in_wh"] for row in rows) == 288_000
    assert sum(row["energy_out_wh"] for row in rows) == 256_000
    assert sum(int(row["cost"].replace(".", "")) for row in rows) == 559_886
    assert sum(int((row["savings"] or "").replace(".", "")) for row in rows) == 768_000 - 86_400 - 559_886
