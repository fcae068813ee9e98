from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.offers import ConsentForm, Payment, PaymentType, Quote
from energy.quantities import Money
from energy.tariffs import Line, LineTitle
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.quotes import (
    read_form,
    read_payment,
    read_quote,
    write_form,
    write_payment,
    write_quote,
)
from tests.energy.wire.v1.examples import QUOTE
from tests.energy.wire.v1.strategies import CURRENCIES, quotes

FEE = Money(10_000, "INR")


def node(value: dict[str, Any]) -> Node:
    return Node(value, "/quote")


def refused(wire: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as raised:
        read_quote(node(wire))
    return raised.value


def test_the_quote_of_5610_90_has_the_shape_of_the_profile() -> None:
    wire = write_quote(QUOTE)
    capacity, throughput, cgst, _ = wire["breakup"]
    assert (wire["price"], wire["ttl"]) == ({"currency": "INR", "value": "5610.90"}, "PT900S")
    assert capacity["title"] == "STORAGE_CAPACITY_CHARGE"
    assert throughput["item"] == {
        "quantity": {"selected": {"measure": {"value": "300", "unit": "kWh"}}},
        "price": {"currency": "INR", "value": "0.85"},
    }
    assert cgst["item"]["quantity"] == {"selected": {"measure": {"value": "4755", "unit": "INR"}}}
    assert cgst["price"] == {"currency": "INR", "value": "427.95"}


@given(st.sampled_from(CURRENCIES).flatmap(quotes))
def test_every_line_of_a_quote_is_read_back(quote: Quote) -> None:
    assert read_quote(node(write_quote(quote))) == quote


@pytest.mark.parametrize(
    "quote",
    [
        replace(QUOTE, total=QUOTE.total + Money(1, "INR")),
        replace(QUOTE, total=Money(561_090, "EUR")),
        replace(QUOTE, lines=(), total=Money(0, "INR")),
    ],
    ids=["one paisa off", "other currency", "no lines"],
)
def test_a_quote_that_does_not_add_up_is_not_written(quote: Quote) -> None:
    with pytest.raises(ValueError, match=r"add up|one line"):
        write_quote(quote)


@pytest.mark.parametrize(
    "line",
    [
        Line(LineTitle.CAPACITY, FEE, quantity=Decimal(1)),
        Line(LineTitle.CAPACITY, FEE, unit="kWh"),
        Line(LineTitle.CAPACITY, FEE, Decimal(-1), "kWh"),
        Line(LineTitle.CGST, FEE, Decimal(100), "%"),
    ],
    ids=["no unit", "no quantity", "negative", "no percent"],
)
def test_a_line_that_does_not_explain_itself_is_not_written(line: Line) -> None:
    with pytest.raises(ValueError, match=r"CGST|CAPACITY"):
        write_quote(Quote(QUOTE.quote_id, (line,), FEE, 0))


def test_a_breakup_that_does_not_add_up_is_refused_naming_both_paths() -> None:
    wire = write_quote(QUOTE)
    wire["price"]["value"] = "5610.91"
    error = refused(wire)
    assert (error.path, error.expected, error.got) == ("/quote/price/value", "5610.90", "5610.91")
    assert "/quote/breakup" in error.sentence


def test_a_quote_without_lines_is_refused_even_for_nothing() -> None:
    wire = write_quote(QUOTE) | {"breakup": [], "price": {"currency": "INR", "value": "0"}}
    assert refused(wire).path == "/quote/price/value"


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        (0, ("price", "currency")),
        (0, ("item", "price", "currency")),
        (2, ("item", "quantity", "selected", "measure", "unit")),
    ],
    ids=["line", "rate", "taxed amount"],
)
def test_two_currencies_in_one_quote_are_refused_naming_both_paths(line: int, steps: tuple[str, ...]) -> None:
    wire = write_quote(QUOTE)
    owner = wire["breakup"][line]
    for step in steps[:-1]:
        owner = owner[step]
    owner[steps[-1]] = "USD"
    error = refused(wire)
    assert error.path == "/".join(("/quote/breakup", str(line), *steps))
    assert "/quote/price/currency" in error.sentence


def test_a_negative_quantity_is_refused() -> None:
    wire = write_quote(QUOTE)
    wire["breakup"][0]["item"]["quantity"]["selected"]["measure"]["value"] = "-50"
    assert refused(wire).path == "/quote/breakup/0/item/quantity/selected/measure/value"


def test_a_total_that_the_provider_pays_is_negative() -> None:
    credit = Money(-240_000, "INR")
    quote = Quote(QUOTE.quote_id, (Line(LineTitle.AVAILABILITY_CREDIT, credit),), credit, 60)
    assert write_quote(quote)["price"] == {"currency": "INR", "value": "-2400.00"}
    assert read_quote(node(write_quote(quote))) == quote


def test_a_payment_has_its_amount_in_params() -> None:
    payment = Payment(PaymentType.PRE_ORDER, QUOTE.total, True, "pay-1", "https://bpp.example/pay", "ref-1")
    assert write_payment(payment) == {
        "id": "pay-1",
        "type": "PRE-ORDER",
        "status": "PAID",
        "url": "https://bpp.example/pay",
        "params": {"amount": "5610.90", "currency": "INR", "transaction_id": "ref-1"},
    }


def test_what_is_not_said_to_be_paid_is_not_paid() -> None:
    wire = write_payment(Payment(PaymentType.PRE_ORDER, QUOTE.total, True))
    del wire["status"]
    assert read_payment(node(wire)).paid is False
    with pytest.raises(WireError, match="PAID or NOT-PAID"):
        read_payment(node(wire | {"status": "almost"}))


def test_a_form_is_required_unless_it_says_otherwise() -> None:
    form = ConsentForm("https://bpp.example/consent", None, required=False)
    assert read_form(node(write_form(form))) == form
    assert read_form(node({"form": {"url": "https://bpp.example/consent"}})).required is True
