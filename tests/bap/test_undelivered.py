"""Dead letters: the trade says what did not arrive, and says nothing wrong about what was answered meanwhile."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, literal, select

from bap.store import contracts, searches
from bap.store.records import UNDELIVERED, Failure, RequestState
from bap.undelivered import note_undelivered
from node.database import Database
from protocol.lifecycle import Stage
from tests.bap.examples import NOW, SEARCH, contract, request

REASON = "its ttl has passed"


def letter(tx: Connection, action: str, message_id: str = "message-1") -> Row[Any]:
    columns = {"action": action, "transaction_id": SEARCH.search_id, "message_id": message_id}
    return tx.execute(select(*(literal(value).label(name) for name, value in columns.items()))).one()


def failure(action: str) -> Failure:
    return Failure(action, UNDELIVERED, f"{action} could not be delivered: {REASON}")


async def test_a_search_that_did_not_arrive_says_why(database: Database) -> None:
    await database.write(lambda tx: searches.add(tx, SEARCH))
    await database.write(lambda tx: note_undelivered(tx, letter(tx, "search"), REASON, NOW))
    search = await database.read(lambda tx: searches.load(tx, SEARCH.search_id))
    assert search is not None
    assert search.error == failure("search")


async def test_a_request_that_did_not_arrive_is_awaited_no_more(database: Database) -> None:
    await database.write(lambda tx: contracts.add(tx, contract(Stage.INITIALISED)))
    await database.write(lambda tx: contracts.add_request(tx, request("confirm")))
    await database.write(lambda tx: note_undelivered(tx, letter(tx, "confirm"), REASON, NOW))
    known = await database.read(lambda tx: contracts.load(tx, SEARCH.search_id))
    assert known == contract(Stage.INITIALISED, error=failure("confirm"))
    assert await database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id)) is None


async def test_a_request_that_was_answered_all_the_same_is_not_called_undelivered(database: Database) -> None:
    answered = request("confirm", state=RequestState.ANSWERED)
    await database.write(lambda tx: contracts.add(tx, contract(Stage.ACTIVE)))
    await database.write(lambda tx: contracts.add_request(tx, answered))
    await database.write(lambda tx: note_undelivered(tx, letter(tx, "confirm"), REASON, NOW))
    assert await database.read(lambda tx: contracts.load(tx, SEARCH.search_id)) == contract(Stage.ACTIVE)
    assert await database.read(lambda tx: contracts.load_request(tx, "message-1")) == answered


async def test_a_letter_of_a_contract_that_is_not_known_changes_nothing(database: Database) -> None:
    await database.write(lambda tx: note_undelivered(tx, letter(tx, "confirm"), REASON, NOW))
    assert await database.read(lambda tx: contracts.latest(tx, 10)) == []
