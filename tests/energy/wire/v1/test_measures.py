from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from energy.quantities import Money
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import (
    energy_quantity,
    price_of_money,
    price_of_rate,
    read_energy,
    read_kilo,
    read_money,
    read_share,
    read_signed_kilo,
    same_currency,
)


def measured(value: str, unit: str) -> Node:
    return Node({"measure": {"value": value, "unit": unit}}, "/q")


def test_energy_is_written_in_kwh() -> None:
    assert energy_quantity("available", 400_500) == {"available": {"measure": {"value": "400.5", "unit": "kWh"}}}


@pytest.mark.parametrize(("kind", "energy_wh"), [("selected", 0), ("selected", -1), ("available", -1)])
def test_no_energy_can_not_be_selected_and_negative_energy_not_be_written(kind: str, energy_wh: int) -> None:
    with pytest.raises(ValueError, match=r"no \w+ quantity"):
        energy_quantity(kind, energy_wh)


def test_energy_is_read_to_the_watt_hour() -> None:
    assert read_energy(measured("300.0", "kWh")) == 300_000


@pytest.mark.parametrize(
    ("value", "unit", "path"),
    [("300", "kWH", "/q/measure/unit"), ("300", "MWh", "/q/measure/unit"), ("-1", "kWh", "/q/measure/value")],
)
def test_other_units_and_negative_energy_are_refused_at_their_place(value: str, unit: str, path: str) -> None:
    with pytest.raises(WireError) as raised:
        read_energy(measured(value, unit))
    assert raised.value.path == path


def test_thousands_and_shares_are_read() -> None:
    assert read_kilo(Node("7.5", "/p")) == 7_500
    assert read_signed_kilo(Node("-7.5", "/p")) == -7_500
    assert read_share(Node("94", "/p")) == Decimal("0.94")


def test_prices_carry_their_currency() -> None:
    assert price_of_money(Money(561_090, "INR")) == {"currency": "INR", "value": "5610.90"}
    assert price_of_rate(Decimal("0.8512"), "INR") == {"currency": "INR", "value": "0.8512"}


@pytest.mark.parametrize(
    ("price", "path"),
    [
        ({"value": "1"}, "/p/currency"),
        ({"currency": "INR"}, "/p/value"),
        ({"currency": "INR / kWh", "value": "8"}, "/p/currency"),
        ({"currency": "XYZ", "value": "8"}, "/p/currency"),
        ({"currency": "INR", "value": "8.005"}, "/p/value"),
    ],
)
def test_a_price_that_is_no_exact_amount_is_refused(price: dict[str, Any], path: str) -> None:
    with pytest.raises(WireError) as raised:
        read_money(Node(price, "/p"))
    assert raised.value.path == path


def test_a_second_currency_is_refused_and_both_places_are_named() -> None:
    with pytest.raises(WireError) as raised:
        same_currency(Node({"currency": "USD", "value": "1"}, "/second"), "INR", "/first/currency")
    assert raised.value.path == "/second/currency"
    assert "/first/currency" in raised.value.sentence
