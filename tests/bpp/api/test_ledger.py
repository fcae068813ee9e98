"""The ledger by the operator's API: accounts, entries of a contract, lots, alarms and signed roots."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from node.ledger_api import PAGE_MAX
from tests.bpp.platform import Platform, use
from tests.bpp.test_ledger import kept_up
from tests.bpp.test_operation import finished, readings

USE = use()


async def get(operator: Any, path: str) -> dict[str, Any]:
    answer = await operator.get(f"/api/v1/ledger/{path}")
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def test_a_contracts_entries_are_told_in_order_and_balance(platform: Platform, operator: Any) -> None:
    order_id = str((await platform.buy()).order.order_id)
    await finished(platform)
    entries = (await get(operator, f"entries?contract_id={order_id}"))["entries"]
    assert entries[0]["event"] == "document-issued"
    assert entries[0]["postings"][0] == {
        "account": "receivable/bap.test",
        "kind": "receivable",
        "amount": 561_090,
        "unit": "INR",
    }
    assert [each["seq"] for each in entries] == sorted(each["seq"] for each in entries)
    for entry in entries:
        assert sum(posting["amount"] for posting in entry["postings"]) == 0
    behind = (await get(operator, "entries?after=1&limit=2"))["entries"]
    assert [each["seq"] for each in behind] == [2, 3]


async def test_balances_are_told_by_kind_and_by_owner(platform: Platform, operator: Any) -> None:
    await platform.buy()
    await finished(platform)
    [owed] = (await get(operator, "balances?kind=receivable"))["balances"]
    assert (owed["amount"], owed["unit"], owed["owner"]) == (561_090, "INR", "bap.test")
    of_battery = (await get(operator, "balances?owner=battery-1"))["balances"]
    assert {each["kind"] for each in of_battery} <= {"lost", "own"}


async def test_lots_and_alarms_are_told_while_energy_is_stored(platform: Platform, operator: Any) -> None:
    await platform.buy()
    taken = [sample for sample in readings(USE, soc=Decimal("0.1")) if sample.measured_at <= USE.charge.end]
    await kept_up(platform, 11, taken)
    [position] = (await get(operator, "lots?battery_id=battery-1"))["positions"]
    assert (position["in_store_wh"], position["origin"]) == (282_000, "bap.test")
    assert [lot["in_store_wh"] for lot in position["lots"]] == [282_000]
    [alarm] = (await get(operator, "alarms"))["alarms"]
    assert alarm["battery_id"] == "battery-1"


async def test_the_roots_of_days_are_published_with_key_and_signature(platform: Platform, operator: Any) -> None:
    await platform.buy()
    await kept_up(platform, 12, readings(USE))
    await kept_up(platform, 30, readings(USE))
    [root] = (await get(operator, "roots"))["roots"]
    assert root["day"] == "2026-11-01"
    assert root["key_id"] == platform.bpp.participant.keyring.own.key_id


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("balances?kind=gold", "kind must be one of bank"),
        ("entries?after=-1", "after must be a whole number"),
        (f"entries?limit={PAGE_MAX + 1}", "limit must be"),
        ("roots?limit=0", "limit must be"),
        ("lots", "Name the battery"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_with_the_reason(
    operator: Any, path: str, sentence: str
) -> None:
    answer = await operator.get(f"/api/v1/ledger/{path}")
    assert answer.status == 400
    assert sentence in (await answer.json())["detail"]


async def test_a_stranger_reads_no_ledger(stranger: Any) -> None:
    assert (await stranger.get("/api/v1/ledger/balances")).status == 401
