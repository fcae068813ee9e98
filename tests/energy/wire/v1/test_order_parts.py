"""One order for several batteries on the wire: an item and a fulfillment each, one quote, one payment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.offers import DispatchMode, Negotiation, Order, Quote
from energy.quantities import Money
from energy.tariffs import Line, LineTitle
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.orders import NEEDS, read_order, write_order
from energy.wire.v1.reader import read as read_message
from protocol.context import write_context
from schemas.loader import core, storage
from tests.energy.examples import NOVEMBER, USE, hours
from tests.energy.wire.v1.examples import CONFIRMED, INITIATED, QUOTE, QUOTED, SELECTED, SETTLED
from tests.energy.wire.v1.strategies import orders_of_several
from tests.messages import context

OTHER_USE = replace(USE, energy_wh=40_000, charge=hours(8, 10))
OTHER_QUOTE = Quote(QUOTE.quote_id, (Line(LineTitle.CAPACITY, Money(100_000, "INR")),), Money(100_000, "INR"), 900)


def with_other(order: Order, **more: Any) -> Order:
    """The order for a second battery too."""
    told: dict[str, Any] = {"item_id": "battery-2", "use": OTHER_USE, "mode": DispatchMode.MANUAL}
    if order.quote is not None:
        told["quote"] = OTHER_QUOTE
    if order.payment is not None:
        told["payment"] = replace(order.payment, amount=OTHER_QUOTE.total)
    return replace(order, others=(replace(order, **(told | more)),))


TWO = with_other(SELECTED)


def read(message: dict[str, Any]) -> Order:
    return read_order(Node(message, "/message"))


def refused(message: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as raised:
        read(message)
    return raised.value


def whole(action: str, message: dict[str, Any]) -> dict[str, Any]:
    """The whole message, for the schemas."""
    return {"context": write_context(context(action, NOVEMBER)), "message": message}


def test_each_item_names_a_fulfillment_with_its_own_windows() -> None:
    order = write_order("select", TWO)["order"]
    named = [(item["id"], item["fulfillment_ids"]) for item in order["items"]]
    assert named == [("battery-1", ["automatic-dispatch"]), ("battery-2", ["manual-dispatch-2"])]
    assert [each["id"] for each in order["fulfillments"]] == ["automatic-dispatch", "manual-dispatch-2"]
    assert order["fulfillments"][1]["stops"][0]["time"]["range"]["start"] == "2026-11-01T08:00:00.000Z"


def test_the_quote_is_the_sum_of_the_parts_and_its_lines_name_the_battery() -> None:
    order = write_order("on_init", with_other(INITIATED))["order"]
    assert order["quote"]["price"]["value"] == order["payments"][0]["params"]["amount"] == "6610.90"
    assert order["quote"]["breakup"][-1]["item"] == {"id": "battery-2"}
    assert {line["item"]["id"] for line in order["quote"]["breakup"][:-1]} == {"battery-1"}


@pytest.mark.parametrize("action", sorted(NEEDS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_order_for_several_batteries_is_valid_and_read_as_it_was_written(action: str, data: Any) -> None:
    order = data.draw(orders_of_several(action))
    message = write_order(action, order)
    assert core(action).explain(whole(action, message)) == []
    assert storage(action).explain(whole(action, message)) == []
    assert read_message(action, message, strict=True) == order


def test_the_order_of_the_fulfillments_does_not_matter() -> None:
    message = write_order("select", TWO)
    message["order"]["fulfillments"].reverse()
    assert read(message) == TWO


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("items", 1, "id"), "battery-1", "/message/order/items/1/id"),
        (("items", 1, "fulfillment_ids"), None, "/message/order/items/1/fulfillment_ids"),
        (("items", 1, "fulfillment_ids"), [], "/message/order/items/1/fulfillment_ids"),
        (("items", 1, "fulfillment_ids"), ["3"], "/message/order/items/1/fulfillment_ids/0"),
        (("items", 1, "fulfillment_ids"), ["automatic-dispatch"], "/message/order/items/1/fulfillment_ids/0"),
        (("fulfillments", 1, "id"), "automatic-dispatch", "/message/order/fulfillments/1/id"),
        (("fulfillments", 1, "id"), None, "/message/order/fulfillments/1/id"),
    ],
)
def test_items_and_fulfillments_that_do_not_fit_together_are_refused(
    place: tuple[str, int, str], value: Any, path: str
) -> None:
    message = write_order("select", TWO)
    member, index, name = place
    message["order"][member][index][name] = value
    assert refused(message).path == path


@pytest.mark.parametrize("member", ["items", "fulfillments"])
def test_an_item_or_a_fulfillment_too_many_is_refused_by_reader_and_schema(member: str) -> None:
    message = write_order("select", SELECTED)
    message["order"][member].append({**message["order"][member][0], "id": "automatic-dispatch-2"})
    refused(message)
    assert not storage("select").is_valid(whole("select", message))


def test_more_than_twenty_batteries_are_refused_by_reader_writer_and_schema() -> None:
    many = tuple(replace(SELECTED, item_id=f"battery-{number}") for number in range(2, 22))
    message = write_order("select", replace(SELECTED, others=many[:-1]))
    assert storage("select").is_valid(whole("select", message))
    for member in ("items", "fulfillments"):
        message["order"][member].append(message["order"][member][0])
    assert refused(message).path == "/message/order/items"
    assert not storage("select").is_valid(whole("select", message))
    with pytest.raises(ValueError, match="from 1 to 20"):
        write_order("select", replace(SELECTED, others=many))


def test_an_order_that_names_a_battery_twice_is_not_written() -> None:
    with pytest.raises(ValueError, match="each once"):
        write_order("select", replace(SELECTED, others=(SELECTED,)))


def test_a_line_for_the_order_as_a_whole_stands_with_the_first_battery() -> None:
    message = write_order("on_select", with_other(QUOTED))
    del message["order"]["quote"]["breakup"][0]["item"]["id"]
    assert read(message) == with_other(QUOTED)


def test_a_line_for_a_battery_that_is_not_ordered_is_refused() -> None:
    message = write_order("on_select", with_other(QUOTED))
    message["order"]["quote"]["breakup"][1]["item"]["id"] = "battery-3"
    assert refused(message).path == "/message/order/quote/breakup/1/item/id"


def test_a_payment_of_another_amount_than_all_parts_together_is_refused_naming_both() -> None:
    message = write_order("on_init", with_other(INITIATED))
    message["order"]["payments"][0]["params"]["amount"] = "5610.90"
    error = refused(message)
    assert error.path == "/message/order/payments/0/params/amount"
    assert "/message/order/quote/price/value" in error.sentence


def test_each_battery_has_a_price_of_its_own_to_bargain_for() -> None:
    offered = Negotiation(Money(90_000, "INR"), Money(100_000, "INR"), 2)
    order = with_other(QUOTED, negotiation=offered)
    message = write_order("on_select", order)
    assert message["order"]["items"][1]["price"]["value"] == "1000.00"
    assert read(message) == order
    message["order"]["items"][1]["price"]["value"] = "1000.01"
    assert refused(message).path == "/message/order/items/1/price/value"


def test_the_invoice_of_the_second_battery_is_told_while_the_first_goes_on() -> None:
    order = with_other(CONFIRMED, state=SETTLED.state, invoice=SETTLED.invoice)
    message = write_order("on_status", order)
    assert message["order"]["status"] == "ACTIVE"
    assert read(message) == order
