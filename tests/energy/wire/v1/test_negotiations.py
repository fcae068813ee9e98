from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energy.offers import Negotiation
from energy.quantities import Money
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.orders import read_order, write_order
from schemas.loader import core, storage
from tests.energy.wire.v1.examples import QUOTED, SELECTED, written

OFFERED = Money(500_000, "INR")
LISTED = Money(600_000, "INR")
BARGAINED = replace(QUOTED, negotiation=Negotiation(OFFERED, LISTED, 2))


def item(message: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = message["order"]["items"][0]
    return found


def test_a_selection_offers_a_total_for_its_item() -> None:
    order = replace(SELECTED, negotiation=Negotiation(OFFERED))
    message = write_order("select", order)
    assert item(message)["price"] == {"currency": "INR", "offered_value": "5000.00"}
    assert read_order(Node(message, "/message")) == order


def test_the_answer_tells_offer_list_price_quote_and_the_rounds_that_are_left() -> None:
    message = write_order("on_select", BARGAINED)
    assert item(message)["price"] == {
        "currency": "INR",
        "value": "5610.90",
        "listed_value": "6000.00",
        "offered_value": "5000.00",
    }
    (group,) = item(message)["tags"]
    assert group["list"] == [{"descriptor": {"code": "rounds-left"}, "value": "2"}]
    assert read_order(Node(message, "/message")) == BARGAINED


@pytest.mark.parametrize("schema", [core("on_select", formats=True), storage("on_select")])
def test_what_is_bargained_for_is_valid_by_both_schemas(schema: Any, context: dict[str, Any]) -> None:
    assert schema.explain({"context": context, "message": write_order("on_select", BARGAINED)}) == []


@pytest.fixture
def context() -> dict[str, Any]:
    return {
        "domain": "dent:0.1.0",
        "location": {"city": {"code": "std:080"}, "country": {"code": "IND"}},
        "action": "on_select",
        "version": "1.1.1",
        "bap_id": "bap.example",
        "bap_uri": "https://bap.example/beckn",
        "bpp_id": "bpp.example",
        "bpp_uri": "https://bpp.example/beckn",
        "transaction_id": "0f6f1c9e-3f0d-4a63-9f5e-6b1f2f0c9a11",
        "message_id": "5d1c7b0a-52f4-4f0e-8f39-0a7c2f6f7c22",
        "timestamp": "2026-11-20T10:00:00.000Z",
        "ttl": "PT30S",
    }


@pytest.mark.parametrize(
    ("member", "value"), [("value", "5610.91"), ("currency", "EUR"), ("offered_value", "5000.001"), ("currency", None)]
)
def test_a_price_that_contradicts_the_quote_is_refused(member: str, value: str | None) -> None:
    message = write_order("on_select", BARGAINED)
    item(message)["price"][member] = value
    with pytest.raises(WireError) as refused:
        read_order(Node(message, "/message"))
    assert refused.value.path.startswith("/message/order/items/0/price/")


@pytest.mark.parametrize("offered", [Money(-1, "INR"), Money(1, "EUR")])
def test_less_than_nothing_and_another_currency_are_not_offered(offered: Money) -> None:
    with pytest.raises(ValueError, match="offer"):
        write_order("on_select", replace(QUOTED, negotiation=Negotiation(offered, LISTED)))


def test_a_plain_price_of_an_item_is_no_bargaining() -> None:
    message = written("on_select")
    item(message)["price"] = {"currency": "INR", "value": "90"}
    assert read_order(Node(message, "/message")).negotiation is None
