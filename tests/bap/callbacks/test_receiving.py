"""Which callbacks count, and what becomes of those that do not."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from bap.callbacks.receiving import ignored
from bap.store import contracts
from bap.store.records import Contract, Failure, Request, RequestState
from energy.offers import ContractState, FeedbackForm, Order, OrderStatus, SupportContact, Tracking
from energy.wire.v1.writer import write
from node.database import Database
from node.inbox import Received
from protocol.errors import TradeRefused
from protocol.lifecycle import Stage
from tests.bap.callbacks.mail import callback, known, refusal, remember, take, waiting
from tests.bap.examples import (
    BPP_URI,
    CANCELLATION,
    CANCELLED,
    CONFIRMED,
    INITIALISED,
    NOW,
    ORDER_ID,
    SEARCH,
    SELECTED,
    amount_asked,
    contract,
    live,
    order,
    quote,
    request,
    status,
)
from tests.energy.examples import USE

SECOND = timedelta(seconds=1)


async def refused(database: Database, received: Received) -> str:
    """The callback does not count and changes nothing; why."""
    before = await known(database)
    with pytest.raises(TradeRefused) as caught:
        await take(database, received)
    assert await known(database) == before
    return caught.value.sentence


@pytest.mark.parametrize(
    ("asked", "answer", "before", "after"),
    [
        ("select", SELECTED, Stage.NEW, Stage.SELECTED),
        ("select", SELECTED, Stage.INITIALISED, Stage.SELECTED),
        ("init", INITIALISED, Stage.SELECTED, Stage.INITIALISED),
        ("confirm", CONFIRMED, Stage.INITIALISED, Stage.ACTIVE),
        ("status", status(), Stage.ACTIVE, Stage.ACTIVE),
        ("cancel", CANCELLED, Stage.ACTIVE, Stage.CANCELLED),
    ],
)
async def test_an_answer_moves_the_contract_and_ends_its_request(
    database: Database, asked: str, answer: Order, before: Stage, after: Stage
) -> None:
    await remember(database, contract(before), request(asked))
    changed = await take(database, callback(f"on_{asked}", answer), NOW + SECOND)
    assert (changed.stage, changed.updated_at) == (after, NOW + SECOND)
    assert await waiting(database) is None


async def test_the_answer_of_an_unknown_transaction_is_ignored(database: Database) -> None:
    await remember(database, contract(), request("select"))
    sentence = await refused(database, callback("on_select", SELECTED, transaction_id="another"))
    assert sentence == "the transaction is not known here"


async def test_the_answer_of_another_platform_than_the_contracts_is_ignored(database: Database) -> None:
    await remember(database, contract(), request("select"))
    sentence = await refused(database, callback("on_select", SELECTED, sender_id="thief.test"))
    assert sentence == "the contract is with bpp.test"
    assert await waiting(database) == "select"


@pytest.mark.parametrize("action", ["on_select", "on_init", "on_confirm", "on_update"])
async def test_nobody_is_bound_by_an_answer_to_what_was_never_asked(database: Database, action: str) -> None:
    stages = {"on_select": Stage.NEW, "on_init": Stage.SELECTED, "on_confirm": Stage.INITIALISED}
    await remember(database, contract(stages.get(action, Stage.ACTIVE)))
    assert await refused(database, callback(action, CONFIRMED)) == "it answers no request of ours"


async def test_an_answer_under_the_message_id_of_another_request_is_ignored(database: Database) -> None:
    await remember(database, contract(Stage.INITIALISED), request("init"))
    assert await refused(database, callback("on_confirm", CONFIRMED)) == "it answers no request of ours"


async def test_a_second_answer_to_the_same_request_is_ignored(database: Database) -> None:
    await remember(database, contract(), request("select"))
    await take(database, callback("on_select", SELECTED))
    dearer = callback("on_select", replace(SELECTED, quote=quote(quote_id="quote-2")))
    assert await refused(database, dearer) == "the request it answers is ANSWERED"


async def test_a_quote_that_comes_after_init_was_sent_does_not_move_the_contract_back(database: Database) -> None:
    late = request("select", "message-1", state=RequestState.REPLACED)
    await remember(database, contract(Stage.INITIALISED), late, request("init", "message-2"))
    assert await refused(database, callback("on_select", SELECTED)) == "the request it answers is REPLACED"
    assert (await known(database)).stage is Stage.INITIALISED


async def test_a_refusal_becomes_the_contracts_error_and_nothing_is_awaited_any_more(database: Database) -> None:
    await remember(database, contract(Stage.SELECTED), request("init"))
    changed = await take(database, refusal("on_init"))
    assert changed.error == Failure("init", "40002", "Sold out.", "/message/order")
    assert changed.stage is Stage.SELECTED
    assert await waiting(database) is None


async def test_a_refusal_says_at_most_five_hundred_characters(database: Database) -> None:
    await remember(database, contract(Stage.SELECTED), request("init"))
    changed = await take(database, refusal("on_init", text="no " * 10_000))
    assert changed.error is not None
    assert len(changed.error.message) == 500


async def test_a_refusal_of_nothing_that_was_asked_is_ignored(database: Database) -> None:
    await remember(database, contract(Stage.ACTIVE))
    assert await refused(database, refusal("on_status")) == "it answers no request of ours"


async def test_the_next_answer_of_its_kind_ends_an_error_and_another_kind_does_not(database: Database) -> None:
    failed = contract(Stage.ACTIVE, error=Failure("update", "40002", "Sold out."))
    await remember(
        database, failed, request("status"), request("update", "message-2", asked=amount_asked(USE.energy_wh))
    )
    assert (await take(database, callback("on_status", status()))).error is not None
    assert (await take(database, callback("on_update", CONFIRMED, "message-2"))).error is None


async def test_an_answer_that_is_about_another_amount_becomes_the_contracts_error(database: Database) -> None:
    await remember(database, contract(), request("select"))
    use = replace(USE, energy_wh=100_000)
    changed = await take(database, callback("on_select", replace(SELECTED, use=use, quote=quote(use))))
    assert changed.error == Failure(
        "select", "30000", "The answer is about 100 kWh, not 300 kWh.", "/message/order/items/0/quantity"
    )
    assert (changed.stage, changed.quote) == (Stage.NEW, None)
    assert await waiting(database) is None


async def test_a_request_that_was_thought_undelivered_is_answered_when_its_answer_comes(database: Database) -> None:
    lost = request("confirm", state=RequestState.UNDELIVERED)
    await remember(database, contract(Stage.INITIALISED, error=Failure("confirm", "undelivered", "gone")), lost)
    changed = await take(database, callback("on_confirm", CONFIRMED))
    assert (changed.stage, changed.order_id, changed.error) == (Stage.ACTIVE, ORDER_ID, None)


async def test_a_live_state_that_nobody_asked_for_is_kept_with_its_message(database: Database) -> None:
    await remember(database, contract(Stage.ACTIVE))
    changed = await take(database, callback("on_status", status(), "fresh"))
    assert (changed.state, changed.live) == (ContractState.IN_PROGRESS, live())
    assert await database.read(lambda tx: contracts.readings_of(tx, changed.contract_id, 10)) == [live()]


async def test_several_answers_to_one_status_all_count(database: Database) -> None:
    await remember(database, contract(Stage.ACTIVE), request("status"))
    for hour in (1, 2):
        changed = await take(database, callback("on_status", status(hour), at=NOW + hour * SECOND))
    assert changed.live == live(2)
    assert len(await database.read(lambda tx: contracts.readings_of(tx, changed.contract_id, 10))) == 2


async def test_an_overtaken_live_state_adds_its_reading_and_changes_nothing_else(database: Database) -> None:
    await remember(database, contract(Stage.ACTIVE))
    newest = await take(database, callback("on_status", status(2, invoice=None), "two", at=NOW + 2 * SECOND))
    overtaken = replace(status(1), state=ContractState.NOT_STARTED)
    changed = await take(database, callback("on_status", overtaken, "one", at=NOW + SECOND))
    assert changed == newest
    found = await database.read(lambda tx: contracts.readings_of(tx, changed.contract_id, 10))
    assert [one.measured_at for one in found] == [live(1).measured_at, live(2).measured_at]


async def test_a_status_before_the_contract_is_confirmed_is_ignored(database: Database) -> None:
    await remember(database, contract(Stage.INITIALISED), request("confirm", "message-2"))
    sentence = await refused(database, callback("on_status", status()))
    assert "status is not possible while the transaction is INITIALISED" in sentence
    assert await waiting(database) == "confirm"


async def test_a_status_of_another_order_is_ignored(database: Database) -> None:
    await remember(database, contract(Stage.ACTIVE))
    other = replace(status(), order_id="order-2")
    assert await refused(database, callback("on_status", other)) == "the order is order-1, not order-2"


async def test_an_operator_that_cancels_unasked_ends_the_contract(database: Database) -> None:
    await remember(database, contract(Stage.ACTIVE))
    by_operator = replace(CANCELLATION, by_consumer=False)
    changed = await take(database, callback("on_cancel", replace(CANCELLED, cancellation=by_operator), "fresh"))
    assert (changed.stage, changed.status, changed.cancellation) == (
        Stage.CANCELLED,
        OrderStatus.CANCELLED,
        by_operator,
    )


async def test_an_answer_without_an_amount_is_about_the_amount_that_was_asked_for(database: Database) -> None:
    await remember(database, contract(), request("select"))
    message = write("on_select", SELECTED)
    del message["order"]["items"][0]["quantity"]
    assert (await take(database, callback("on_select", message))).use == USE


async def test_an_answer_that_can_not_be_read_is_ignored(database: Database) -> None:
    await remember(database, contract(), request("select"))
    message = write("on_select", SELECTED)
    del message["order"]["provider"]
    assert "provider" in await refused(database, callback("on_select", message))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("track", Tracking(ORDER_ID, f"{BPP_URI}/track/secret", active=True)),
        ("support", SupportContact(ORDER_ID, "+91 80", "desk@bpp.example", "https://bpp.example/help")),
        ("rating", FeedbackForm(None)),
    ],
)
async def test_what_an_operator_answers_beside_the_trade_is_kept_and_moves_nothing(
    database: Database, asked: str, answer: Tracking | SupportContact | FeedbackForm
) -> None:
    await remember(database, contract(Stage.ACTIVE), request(asked))
    changed = await take(database, callback(f"on_{asked}", answer))
    expected: dict[str, Contract] = {
        "track": contract(Stage.ACTIVE, tracking_url=f"{BPP_URI}/track/secret"),
        "support": contract(Stage.ACTIVE, support=answer),
        "rating": contract(Stage.ACTIVE),
    }
    assert changed == expected[asked]
    assert await waiting(database) is None


async def test_the_new_amount_of_an_update_holds_once_it_is_answered(database: Database) -> None:
    use = replace(USE, energy_wh=200_000)
    asked: Request = request("update", asked=amount_asked(200_000))
    await remember(database, contract(Stage.ACTIVE), asked)
    changed = await take(database, callback("on_update", replace(CONFIRMED, use=use, quote=quote(use))))
    assert (changed.use, changed.agreed, changed.quote) == (use, quote(use), quote(use))


def test_what_is_ignored_leaves_a_line_that_names_who_sent_what_and_why(caplog: pytest.LogCaptureFixture) -> None:
    received = callback("on_select", order(quote=quote()))
    with caplog.at_level(logging.WARNING):
        ignored(received, TradeRefused("30010", "the transaction is not known here"))
    assert caplog.messages == ["ignored on_select from bpp.test: the transaction is not known here"]
    assert caplog.records[0].__dict__["transaction_id"] == SEARCH.search_id
