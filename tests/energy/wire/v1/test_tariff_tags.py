from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from energy.tariffs import Rate, RateUnit, Tariff
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import price_of_rate
from energy.wire.v1.tariff_tags import read_tariff, tariff_group
from energy.wire.v1.writer import write
from protocol.context import write_context
from schemas.loader import storage
from tests.energy.examples import NOVEMBER, TARIFF
from tests.energy.examples import tariffs as full_tariffs
from tests.energy.wire.v1.examples import CATALOG, OFFER
from tests.energy.wire.v1.strategies import tariffs
from tests.messages import context


def item(tariff: Tariff) -> dict[str, Any]:
    return {"price": price_of_rate(tariff.rates[0].price, tariff.currency), "tags": [tariff_group(tariff)]}


def tag(wire: dict[str, Any], code: str) -> dict[str, Any]:
    """The first tag of that code."""
    tags: list[dict[str, Any]] = wire["tags"][0]["list"]
    return next(tag for tag in tags if tag["descriptor"]["code"] == code)


@given(tariffs)
def test_every_rate_and_tax_of_a_tariff_is_rebuilt_in_order(tariff: Tariff) -> None:
    assert read_tariff(Node(item(tariff), "/item")) == tariff


@given(full_tariffs())
@settings(max_examples=100, deadline=None)
def test_every_term_of_a_tariff_is_rebuilt_and_valid_by_the_closed_schema(tariff: Tariff) -> None:
    assert read_tariff(Node(item(tariff), "/item")) == tariff
    message = write("on_search", replace(CATALOG, offers=(replace(OFFER, tariff=tariff),)))
    assert (
        storage("on_search").explain({"context": write_context(context("on_search", NOVEMBER)), "message": message})
        == []
    )


@pytest.mark.parametrize(
    ("units", "model"),
    [
        ((RateUnit.KWH_MONTH,), "capacity"),
        ((RateUnit.KWH_STORED, RateUnit.KWH_DISCHARGED), "throughput"),
        ((RateUnit.KW_MONTH,), "power"),
        ((RateUnit.FLAT,), "flat"),
        ((RateUnit.KWH_MONTH, RateUnit.KWH_STORED), "combined"),
    ],
)
def test_the_pricing_model_is_named_for_people(units: tuple[RateUnit, ...], model: str) -> None:
    wire = item(replace(TARIFF, rates=tuple(Rate(unit, Decimal(1)) for unit in units)))
    assert tag(wire, "pricing-model")["value"] == model


def test_a_tariff_without_a_rate_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError, match="no rate"):
        tariff_group(replace(TARIFF, rates=()))
    wire = item(TARIFF)
    wire["tags"][0]["list"] = [tag for tag in wire["tags"][0]["list"] if "rate" not in tag["descriptor"]["code"]]
    with pytest.raises(WireError, match="at least one rate"):
        read_tariff(Node(wire, "/item"))


@pytest.mark.parametrize("code", ["rate-unit", "rate-price", "tax-title", "tax-percent"])
def test_a_rate_or_tax_that_lacks_its_other_half_is_refused(code: str) -> None:
    wire = item(TARIFF)
    wire["tags"][0]["list"].remove(tag(wire, code))
    with pytest.raises(WireError, match="needs its"):
        read_tariff(Node(wire, "/item"))


@pytest.mark.parametrize(("code", "value"), [("currency", "EUR"), ("rate-price", "91")])
def test_a_headline_price_that_contradicts_the_tariff_is_refused_naming_both(code: str, value: str) -> None:
    wire = item(TARIFF)
    tag(wire, code)["value"] = value
    with pytest.raises(WireError) as raised:
        read_tariff(Node(wire, "/item"))
    assert raised.value.path.startswith("/item/price/")
    assert "/item/tags/0/list/" in raised.value.sentence
