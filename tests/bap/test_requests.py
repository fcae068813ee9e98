"""Requests as they are written: what is legal when, what the letter says, and what a newer one does to an older."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, select

from bap.app import VERSIONS
from bap.requests import Changes, Choice, Rated, Requests, Sent
from bap.store import contracts, searches
from bap.store.records import Contract, Failure, Request, RequestState
from energy.offers import (
    CancelRequest,
    ConsentForm,
    DispatchMode,
    Order,
    RatingRequest,
    StatusRequest,
    SupportRequest,
    TrackRequest,
    UpdateRequest,
)
from energy.searches import SearchIntent
from energy.wire.v1.reader import read
from node.participant import Participant
from node.problems import Problem
from node.tables import outbox
from protocol.actions import Role
from protocol.context import Context, read_context
from protocol.errors import TradeRefused
from protocol.lifecycle import Stage
from protocol.moments import timestamp_text
from schemas.loader import core, storage
from tests.bap.examples import (
    BILLING,
    BPP_URI,
    FORM,
    FOUND,
    INTENT,
    NOW,
    OFFER,
    ORDER_ID,
    PAYMENT,
    QUOTE,
    SEARCH,
    SUBMISSION_ID,
    contract,
    request,
)
from tests.bap.market import BAP_ID, Market, bap_settings
from tests.energy.examples import USE

METER = "der://meter/asha"
Step = Callable[[Requests, Connection], Sent]
STEPS: dict[str, Step] = {
    "init": lambda requests, tx: requests.init(tx, SEARCH.search_id, BILLING, NOW),
    "confirm": lambda requests, tx: requests.confirm(tx, SEARCH.search_id, SUBMISSION_ID, NOW),
    "status": lambda requests, tx: requests.status(tx, SEARCH.search_id, NOW),
    "track": lambda requests, tx: requests.track(tx, SEARCH.search_id, NOW),
    "support": lambda requests, tx: requests.support(tx, SEARCH.search_id, NOW),
    "update": lambda requests, tx: requests.update(tx, SEARCH.search_id, Changes(energy_wh=200_000), NOW),
    "cancel": lambda requests, tx: requests.cancel(tx, SEARCH.search_id, "5", "grid down", NOW),
    "rating": lambda requests, tx: requests.rating(tx, SEARCH.search_id, Rated.ORDER, Decimal(4), NOW),
}
READY = {"init": Stage.SELECTED, "confirm": Stage.INITIALISED}


class Office:
    """The requests of a platform whose outbox nobody empties."""

    def __init__(self, participant: Participant, requests: Requests) -> None:
        self.participant = participant
        self.requests = requests
        self.database = participant.database

    async def knows(self, known: Contract, *sent: Request) -> None:
        def put(tx: Connection) -> None:
            contracts.add(tx, known)
            for one in sent:
                contracts.add_request(tx, one)

        await self.database.write(put)

    async def takes(self, action: str) -> Sent:
        return await self.database.write(lambda tx: STEPS[action](self.requests, tx))

    async def letters(self) -> list[tuple[str, Context, Any]]:
        """Destination, context and content of every letter, in order; each is valid in core 1.1.1 and our schema."""
        rows = await self.database.read(lambda tx: tx.execute(select(outbox).order_by(outbox.c.id)).all())
        read_letters = []
        for row in rows:
            body = orjson.loads(row.body.stored)
            assert core(row.action, formats=True).is_valid(body)
            assert storage(row.action).is_valid(body)
            content = read(row.action, body["message"], strict=True)
            read_letters.append((row.destination, read_context(body), content))
        return read_letters


@pytest.fixture
async def office(market: Market, tmp_path: Path) -> AsyncIterator[Office]:
    settings = bap_settings(tmp_path, market, meter_address=METER, gateway_url="http://127.0.0.1:4001/beckn")
    participant = Participant(settings, Role.BAP, (VERSIONS,))
    await participant.database.start()
    yield Office(participant, Requests(participant, settings))
    await participant.database.stop()


async def test_a_search_goes_to_the_gateway_and_names_no_operator(office: Office) -> None:
    search = await office.database.write(lambda tx: office.requests.search(tx, INTENT, NOW))
    ((destination, context, content),) = await office.letters()
    assert destination == "http://127.0.0.1:4001/beckn"
    assert (context.action, context.bap_id, context.bpp_id) == ("search", BAP_ID, None)
    assert (context.transaction_id, context.message_id) == (search.search_id, search.message_id)
    assert content == replace(INTENT, meter_address=METER)
    assert await office.database.read(lambda tx: searches.load(tx, search.search_id)) == search


async def test_a_selection_asks_the_operator_for_a_quote_of_the_searched_use(office: Office) -> None:
    await office.database.write(lambda tx: searches.add(tx, SEARCH))
    sent = await office.database.write(lambda tx: office.requests.select(tx, [Choice(FOUND)], NOW))
    ((destination, context, content),) = await office.letters()
    assert (destination, context.bpp_id, context.bpp_uri) == (BPP_URI, "bpp.test", BPP_URI)
    assert (context.transaction_id, context.message_id) == (SEARCH.search_id, sent.request.message_id)
    assert isinstance(content, Order)
    assert (content.item_id, content.use, content.mode) == (OFFER.item_id, USE, DispatchMode.AUTOMATIC)
    assert content.producer_meter_address == METER
    assert sent.contract.stage is Stage.NEW


async def test_a_selection_may_name_another_amount_and_way_of_dispatch(office: Office) -> None:
    await office.database.write(lambda tx: searches.add(tx, SEARCH))
    await office.database.write(
        lambda tx: office.requests.select(tx, [Choice(FOUND, 100_000, DispatchMode.MANUAL)], NOW)
    )
    ((_, _, content),) = await office.letters()
    assert (content.use.energy_wh, content.mode) == (100_000, DispatchMode.MANUAL)


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_only_the_first_contract_of_a_search_has_its_transaction(office: Office, taken: int) -> None:
    await office.database.write(lambda tx: searches.add(tx, SEARCH))
    for _ in range(taken + 1):
        sent = await office.database.write(lambda tx: office.requests.select(tx, [Choice(FOUND)], NOW))
    assert (sent.contract.contract_id == SEARCH.search_id) is (taken == 0)
    assert len({context.transaction_id for _, context, _ in await office.letters()}) == taken + 1


async def test_what_an_offer_does_not_have_can_not_be_selected(office: Office) -> None:
    await office.database.write(lambda tx: searches.add(tx, SEARCH))
    manual = replace(FOUND, offer=replace(OFFER, modes=(DispatchMode.MANUAL,)))
    with pytest.raises(Problem, match="Hebbal 1 offers Manual Dispatch, not Automatic Dispatch"):
        await office.database.write(
            lambda tx: office.requests.select(tx, [Choice(manual, None, DispatchMode.AUTOMATIC)], NOW)
        )
    assert await office.letters() == []


async def test_a_search_without_windows_can_not_become_a_contract(office: Office) -> None:
    await office.database.write(lambda tx: searches.add(tx, replace(SEARCH, intent=SearchIntent(1_000))))
    with pytest.raises(Problem, match="no windows"):
        await office.database.write(lambda tx: office.requests.select(tx, [Choice(FOUND)], NOW))


@pytest.mark.parametrize(
    ("action", "content"),
    [
        ("status", StatusRequest(ORDER_ID)),
        ("track", TrackRequest(ORDER_ID)),
        ("support", SupportRequest(ORDER_ID)),
        ("update", UpdateRequest(ORDER_ID, "items", 200_000, OFFER.item_id)),
        ("cancel", CancelRequest(ORDER_ID, "5", "grid down")),
        ("rating", RatingRequest("Order", ORDER_ID, Decimal(4))),
    ],
)
async def test_a_step_is_written_to_the_operator_with_its_own_lifetime(
    office: Office, action: str, content: object
) -> None:
    await office.knows(contract(Stage.ACTIVE))
    sent = await office.takes(action)
    ((destination, context, written),) = await office.letters()
    assert (destination, context.action, written) == (BPP_URI, action, content)
    assert context.ttl == office.requests.settings.request_ttl_s.of(action)
    assert sent.request.state is RequestState.WAITING
    assert await office.database.read(lambda tx: contracts.load_request(tx, context.message_id)) == sent.request


async def test_init_says_who_pays(office: Office) -> None:
    await office.knows(contract(Stage.SELECTED))
    sent = await office.takes("init")
    ((_, _, content),) = await office.letters()
    assert content.billing == BILLING == sent.contract.billing


async def test_confirm_echoes_quote_and_payment_and_names_the_submission(office: Office) -> None:
    await office.knows(contract(Stage.INITIALISED))
    sent = await office.takes("confirm")
    ((_, _, content),) = await office.letters()
    assert (content.quote, content.payment, content.billing) == (QUOTE, PAYMENT, BILLING)
    assert content.form == ConsentForm(FORM.url, SUBMISSION_ID) == sent.contract.form


@pytest.mark.parametrize("action", STEPS)
async def test_a_step_that_the_stage_does_not_have_is_refused_with_what_is_possible(
    office: Office, action: str
) -> None:
    await office.knows(contract(Stage.NEW))
    with pytest.raises(TradeRefused, match="possible now: select"):
        await office.takes(action)
    assert await office.letters() == []


@pytest.mark.parametrize("action", STEPS)
async def test_a_step_of_an_unknown_contract_is_not_found(office: Office, action: str) -> None:
    with pytest.raises(Problem) as caught:
        await office.takes(action)
    assert caught.value.status == 404


async def test_nothing_is_sent_on_top_of_a_confirm_whose_answer_is_missing(office: Office) -> None:
    await office.knows(contract(Stage.INITIALISED))
    await office.takes("confirm")
    for action in ("confirm", "init"):
        with pytest.raises(Problem, match="answer to confirm is awaited") as caught:
            await office.takes(action)
        assert caught.value.status == 409
    assert len(await office.letters()) == 1


async def test_a_confirm_may_be_repeated_when_its_answer_did_not_come_in_time_and_both_still_count(
    office: Office,
) -> None:
    old = request("confirm", "old", sent_at=NOW - timedelta(seconds=300))
    await office.knows(contract(Stage.INITIALISED), old)
    await office.takes("confirm")
    assert await office.database.read(lambda tx: contracts.load_request(tx, "old")) == old


async def test_reading_goes_on_while_a_cancel_is_awaited(office: Office) -> None:
    await office.knows(contract(Stage.ACTIVE), request("cancel"))
    assert (await office.takes("status")).request.action == "status"


@pytest.mark.parametrize("newer", ["update", "cancel"])
async def test_an_update_keeps_counting_when_something_newer_is_sent_since_it_may_have_been_carried_out(
    office: Office, newer: str
) -> None:
    old = request("update", "old")
    await office.knows(contract(Stage.ACTIVE), old)
    await office.takes(newer)
    assert await office.database.read(lambda tx: contracts.load_request(tx, "old")) == old


@pytest.mark.parametrize(("older", "newer"), [("select", "init"), ("init", "init")])
async def test_a_newer_request_takes_the_place_of_an_older_one_that_waits(
    office: Office, older: str, newer: str
) -> None:
    await office.knows(contract(READY.get(newer, Stage.ACTIVE)), request(older, "old"))
    sent = await office.takes(newer)
    replaced = await office.database.read(lambda tx: contracts.load_request(tx, "old"))
    assert replaced is not None
    assert replaced.state is RequestState.REPLACED
    newest = await office.database.read(lambda tx: contracts.waiting_request(tx, SEARCH.search_id))
    assert newest == sent.request


async def test_of_reads_that_could_not_be_sent_yet_one_is_enough(office: Office) -> None:
    await office.knows(contract(Stage.ACTIVE))
    for _ in range(3):
        newest = await office.takes("status")
    ((_, context, _),) = await office.letters()
    assert context.message_id == newest.request.message_id


@pytest.mark.parametrize(("action", "stays"), [("update", False), ("cancel", False), ("status", True)])
async def test_an_error_is_over_when_the_trade_goes_on_and_not_when_it_is_only_read(
    office: Office, action: str, stays: bool
) -> None:
    await office.knows(contract(Stage.ACTIVE, error=Failure("update", "40002", "Sold out.")))
    assert ((await office.takes(action)).contract.error is not None) is stays


async def test_the_refusal_while_an_answer_is_awaited_says_until_when(office: Office) -> None:
    await office.knows(contract(Stage.ACTIVE), request("cancel"))
    until: datetime = NOW + timedelta(seconds=office.requests.settings.answer_within_s)
    with pytest.raises(Problem, match=timestamp_text(until)):
        await office.takes("update")
