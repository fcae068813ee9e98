"""Contracts, their requests, readings and invoices as they are remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bap.store import contracts
from bap.store.records import RequestState
from node.database import Database
from protocol.lifecycle import Stage
from tests.bap.examples import NOW, SEARCH, contract, live, request


async def test_the_newest_contracts_come_first(database: Database) -> None:
    for number in range(3):
        later = contract(contract_id=f"contract-{number}", created_at=NOW + timedelta(seconds=number))
        await database.write(lambda tx, later=later: contracts.add(tx, later))
    latest = await database.read(lambda tx: contracts.latest(tx, 2))
    assert [one.contract_id for one in latest] == ["contract-2", "contract-1"]


async def test_a_saved_contract_takes_the_place_of_the_remembered_one(database: Database) -> None:
    await database.write(lambda tx: contracts.add(tx, contract()))
    assert await database.read(lambda tx: contracts.exists(tx, SEARCH.search_id))
    await database.write(lambda tx: contracts.save(tx, contract(Stage.ACTIVE)))
    assert await database.read(lambda tx: contracts.load(tx, SEARCH.search_id)) == contract(Stage.ACTIVE)
    assert not await database.read(lambda tx: contracts.exists(tx, "nowhere"))


async def test_the_newest_waiting_request_is_the_one_that_is_awaited(database: Database) -> None:
    first, second = request("init", "one"), request("init", "two", sent_at=NOW + timedelta(seconds=1))
    for one in (first, second):
        await database.write(lambda tx, one=one: contracts.add_request(tx, one))
    assert await database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id)) == second
    await database.write(lambda tx: contracts.end_request(tx, second, RequestState.ANSWERED, 7))
    assert await database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id)) == first
    assert await database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id, ("confirm",))) is None


async def test_replaced_requests_are_awaited_no_more_and_others_still_are(database: Database) -> None:
    for action in ("select", "confirm"):
        await database.write(lambda tx, action=action: contracts.add_request(tx, request(action, action)))
    await database.write(lambda tx: contracts.replace_requests(tx, SEARCH.search_id, ("select", "init")))
    replaced = await database.read(lambda tx: contracts.load_request(tx, "select"))
    assert replaced == replace(request("select", "select"), state=RequestState.REPLACED)
    assert await database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id)) == request(
        "confirm", "confirm"
    )


async def test_a_measurement_is_kept_once_and_the_newest_are_given_oldest_first(database: Database) -> None:
    for hour in (3, 1, 2, 1):
        await database.write(lambda tx, hour=hour: contracts.add_reading(tx, SEARCH.search_id, live(hour), 7))
    found = await database.read(lambda tx: contracts.readings_of(tx, SEARCH.search_id, 2))
    assert found == [live(2), live(3)]


async def test_an_invoice_is_found_by_its_digest_only(database: Database) -> None:
    await database.write(lambda tx: contracts.put_invoice(tx, SEARCH.search_id, "aa", b"{}", NOW))
    assert await database.read(lambda tx: contracts.invoice_of(tx, SEARCH.search_id, "aa")) == b"{}"
    assert await database.read(lambda tx: contracts.invoice_of(tx, SEARCH.search_id, "bb")) is None
