"""What the trade refuses: an ACK, since the message is good, then a signed callback that says no and why.

The requests are made by hand, as a platform might that keeps no rules of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio

from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.intervals import Interval, align_up
from energy.messages import Message
from energy.offers import (
    Billing,
    CancelRequest,
    DispatchMode,
    Order,
    Place,
    Provider,
    RatingRequest,
    StatusRequest,
    StorageUse,
    TrackRequest,
    UpdateRequest,
)
from energy.wire.v1.reader import read
from node.ids import new_uuid
from protocol import errors
from protocol.forms import FORM_TYPE, read_form
from protocol.verification import Verified
from schemas.loader import core, storage
from tests.journeys.subscriber import Subscriber, subscribed
from tests.journeys.trading import DAY, HOUR, close, need, put_battery

pytestmark = pytest.mark.asyncio(loop_scope="module")

BILLING = Billing("Asha Farms", email="asha@farms.example", state_code="29")
NOBODYS_ID = "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asker(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subscriber]:
    """A producer's platform that sends what it likes."""
    registry, peer = network.registry.peer_settings, network.bpp.participant.identity
    async with subscribed(registry, peer, tmp_path_factory.mktemp("asker")) as joined:
        yield joined


def order(network: Network, item_id: str, energy_wh: int = 100_000, lead: timedelta = DAY) -> Order:
    """What a proper ``select`` wants."""
    provider = network.bpp.desk.provider
    start = align_up(network.bpp.participant.clocks.trade() + lead)
    use = StorageUse(energy_wh, Interval(start, start + 4 * HOUR), Interval(start + 5 * HOUR, start + 9 * HOUR))
    return Order(provider=provider, item_id=item_id, use=use, mode=DispatchMode.MANUAL)


async def terms(asker: Subscriber, wanted: Order, transaction_id: str) -> Order:
    """What ``confirm`` has to say after a proper select and init."""
    await asker.ask("select", wanted, transaction_id=transaction_id)
    billed = replace(wanted, billing=BILLING)
    told = read("on_init", (await asker.ask("init", billed, transaction_id=transaction_id)).message)
    assert isinstance(told, Order)
    assert told.form is not None
    assert told.form.url is not None
    form = replace(told.form, submission_id=await submit_pages(told.form.url))
    return replace(billed, quote=told.quote, payment=told.payment, form=form)


async def submit_pages(form_url: str) -> str:
    """Agree to every page of the operator's form, as a person's browser would; the submission's id."""
    async with httpx.AsyncClient() as browser:
        for _ in range(3):
            form = read_form((await browser.get(form_url)).content)
            assert form is not None
            headers = {"Content-Type": FORM_TYPE, "Accept": "application/json"}
            told = (await browser.post(urljoin(form_url, form.action), content=form.body, headers=headers)).json()
            if told["submission_id"] is not None:
                return str(told["submission_id"])
    raise AssertionError("the form never ended")


async def agree(asker: Subscriber, wanted: Order, transaction_id: str) -> Order:
    """A confirmed order."""
    accepted = await terms(asker, wanted, transaction_id)
    told = read("on_confirm", (await asker.ask("confirm", accepted, transaction_id=transaction_id)).message)
    assert isinstance(told, Order)
    assert told.order_id is not None
    return told


def check_refusal(told: Verified, action: str, code: str, path: str) -> None:
    """The callback is a valid message that says no with that code, for that member, in a sentence."""
    assert told.action == action
    assert told.error is not None
    assert (told.error["code"], told.error["paths"]) == (code, path)
    assert told.error["message"].endswith(".")
    assert " " in told.error["message"]
    assert core(action, formats=True).explain(told.content) == []
    assert storage(action).explain(told.content) == []


async def test_an_unknown_battery_provider_or_amount_is_refused_at_select_with_its_member(
    network: Network, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "asked-for", place)
    good = order(network, "asked-for")
    stranger = replace(good, provider=Provider("somebody-else", "Somebody"))
    past = order(network, "asked-for", lead=-DAY)
    quantity = "/message/order/items/0/quantity/selected/measure/value"
    charge = "/message/order/fulfillments/0/stops/0/time/range"
    cases = [
        (replace(good, item_id="no-such-battery"), errors.ITEM_NOT_FOUND, "/message/order/items/0/id"),
        (stranger, errors.PROVIDER_NOT_FOUND, "/message/order/provider/id"),
        (order(network, "asked-for", 900_000), errors.QUANTITY_UNAVAILABLE, quantity),
        (order(network, "asked-for", 10), errors.QUANTITY_UNAVAILABLE, quantity),
        (past, errors.INVALID_REQUEST, charge),
    ]
    for wanted, code, path in cases:
        check_refusal(await asker.ask("select", wanted), "on_select", code, path)
    told = await asker.ask("select", good)
    assert told.error is None


async def test_steps_out_of_order_are_refused_and_the_trade_goes_on_in_order(
    network: Network, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "in-order", place)
    wanted, trade = order(network, "in-order"), {"transaction_id": new_uuid()}
    billed = replace(wanted, billing=BILLING)
    out_of_order = (errors.ACTION_NOT_APPLICABLE, "/context/action")
    check_refusal(await asker.ask("init", billed, **trade), "on_init", *out_of_order)
    await asker.ask("select", wanted, **trade)
    early = replace(await terms(asker, wanted, new_uuid()), item_id="in-order")
    check_refusal(await asker.ask("confirm", early, **trade), "on_confirm", *out_of_order)
    told = await agree(asker, wanted, trade["transaction_id"])
    assert told.order_id is not None


async def test_confirming_twice_is_refused_and_the_contract_stays_one(
    network: Network, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "confirmed-twice", place)
    trade = {"transaction_id": new_uuid()}
    accepted = await terms(asker, order(network, "confirmed-twice"), trade["transaction_id"])
    first = await asker.ask("confirm", accepted, **trade)
    assert first.error is None
    second = await asker.ask("confirm", accepted, **trade)
    check_refusal(second, "on_confirm", errors.ACTION_NOT_APPLICABLE, "/context/action")
    orders = (await operator.get("/contracts")).json()["contracts"]
    assert len([one for one in orders if one["battery_id"] == "confirmed-twice"]) == 1


async def test_confirming_another_quote_or_another_amount_is_refused(
    network: Network, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "other-quote", place)
    trade = {"transaction_id": new_uuid()}
    accepted = await terms(asker, order(network, "other-quote"), trade["transaction_id"])
    assert accepted.quote is not None
    dearer = replace(accepted, quote=replace(accepted.quote, quote_id=new_uuid()))
    more = replace(accepted, use=replace(accepted.use, energy_wh=accepted.use.energy_wh + 1_000))
    told = await asker.ask("confirm", dearer, **trade)
    check_refusal(told, "on_confirm", errors.QUOTE_UNAVAILABLE, "/message/order/quote")
    told = await asker.ask("confirm", more, **trade)
    check_refusal(told, "on_confirm", errors.QUOTE_UNAVAILABLE, "/message/order")
    assert (await asker.ask("confirm", accepted, **trade)).error is None


async def test_cancelling_twice_or_without_a_reason_of_ours_is_refused(
    network: Network, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "cancelled-by-hand", place)
    trade = {"transaction_id": new_uuid()}
    order_id = (await agree(asker, order(network, "cancelled-by-hand"), trade["transaction_id"])).order_id
    assert order_id is not None
    told = await asker.ask("cancel", CancelRequest(order_id, "999", "Because."), **trade)
    check_refusal(told, "on_cancel", errors.INVALID_CANCELLATION_REASON, "/message/cancellation_reason_id")
    assert (await asker.ask("cancel", CancelRequest(order_id, "1", "Plans changed."), **trade)).error is None
    told = await asker.ask("cancel", CancelRequest(order_id, "1", "Plans changed."), **trade)
    check_refusal(told, "on_cancel", errors.CANCELLATION_NOT_POSSIBLE, "/context/action")


async def test_an_order_that_is_unknown_or_anothers_is_refused_alike_by_every_action(
    client: AsyncBapClient, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "anothers", place)
    others_id = (await close(client, await need(client, place)))["order_id"]
    assert others_id is not None
    for order_id in (NOBODYS_ID, others_id):
        requests: list[tuple[str, Message, str, str]] = [
            ("status", StatusRequest(order_id), errors.ORDER_NOT_FOUND, "/message/order_id"),
            ("track", TrackRequest(order_id), errors.ORDER_NOT_FOUND, "/message/order_id"),
            ("cancel", CancelRequest(order_id, "1", "Mine."), errors.ORDER_NOT_FOUND, "/message/order_id"),
            ("update", UpdateRequest(order_id, "items", 50_000), errors.ORDER_NOT_FOUND, "/message/order/id"),
            (
                "rating",
                RatingRequest("Order", order_id, Decimal(5)),
                errors.RATED_ENTITY_NOT_FOUND,
                "/message/ratings/0/id",
            ),
        ]
        for action, content, code, path in requests:
            check_refusal(await asker.ask(action, content), f"on_{action}", code, path)


async def test_an_amount_for_a_battery_that_is_not_in_the_order_is_refused(
    network: Network, operator: httpx.AsyncClient, asker: Subscriber, place: Place
) -> None:
    await put_battery(operator, "other-target", place)
    trade = {"transaction_id": new_uuid()}
    order_id = (await agree(asker, order(network, "other-target"), trade["transaction_id"])).order_id
    assert order_id is not None
    told = await asker.ask("update", UpdateRequest(order_id, "items", 50_000, "other-battery"), **trade)
    check_refusal(told, "on_update", errors.ITEM_NOT_FOUND, "/message/order/items/0/id")
