"""The tag group ``tariff``: a whole price model beside an item's headline price (ENERGY 1.5).

``item.price`` shows the first rate, since core has one price per item. The group carries every rate and tax;
the two must agree.
"""

from __future__ import annotations

from typing import Any

from energy.searches import UnitPrice
from energy.tariffs import LineTitle, Rate, RateUnit, Tariff, TaxClass, TaxPart
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import ENERGY_UNIT, read_currency, same_currency
from energy.wire.v1.tags import Tags, find_tags, tag_group
from energy.wire.v1.tariff_terms import read_discounts, read_occupancy, read_whens, read_zone, term_tags, when_tags
from energy.wire.v1.texts import number_text

GROUP = "tariff"
PRICE_UNIT = "price-unit"
"""The tag group of an item without a tariff that says for how much energy its price is."""

_MODELS = {
    RateUnit.KWH_MONTH: "capacity",
    RateUnit.KW_MONTH: "power",
    RateUnit.KW: "power",
    RateUnit.KWH_STORED: "throughput",
    RateUnit.KWH_DISCHARGED: "throughput",
    RateUnit.FLAT: "flat",
}


def tariff_group(tariff: Tariff) -> dict[str, Any]:
    """The tag group.

    Raises:
        ValueError: the tariff has no rate, or a rate does not fit into 24 characters.
    """
    if not tariff.rates:
        raise ValueError(f"tariff {tariff.tariff_id} has no rate")
    tags: list[tuple[str, str | None]] = [
        ("tariff-id", tariff.tariff_id),
        ("pricing-model", _model(tariff)),
        ("currency", tariff.currency),
    ]
    for rate in tariff.rates:
        tags += [("rate-unit", rate.unit.value), ("rate-price", number_text(rate.price))]
    tags += when_tags(tariff.rates) + term_tags(tariff)
    tags.append(("tax-code", tariff.tax.code))
    for part in tariff.tax.parts:
        tags += [("tax-title", part.title.value), ("tax-percent", number_text(part.percent))]
    return tag_group(GROUP, tags)


def read_tariff(item: Node) -> Tariff | None:
    """The tariff of an item; None when it has no such group, which the schema of the strict form refuses.

    Raises:
        WireError: the group is incomplete, or the item's price says another currency or another value.
    """
    tags = find_tags(item, GROUP)
    if tags is None:
        return None
    currency = tags.need("currency").text()
    pairs = _pairs(tags, "rate-unit", "rate-price")
    rates = tuple(
        Rate(unit.choice(RateUnit), price.decimal(), when)
        for (unit, price), when in zip(pairs, read_whens(tags, len(pairs)), strict=True)
    )
    if not rates:
        raise WireError(tags.path, "A tariff needs at least one rate.", "rate-unit and rate-price", "nothing")
    parts = tuple(
        TaxPart(title.choice(LineTitle), percent.decimal())
        for title, percent in _pairs(tags, "tax-title", "tax-percent")
    )
    tax = TaxClass(tags.need("tax-code").text(), parts)
    tariff = Tariff(
        tariff_id=tags.need("tariff-id").text(),
        currency=currency,
        rates=rates,
        tax=tax,
        time_zone=read_zone(tags),
        discounts=read_discounts(tags),
        minimum=if_given(Node.decimal, tags.find("minimum-charge")),
        floor_per_kwh=if_given(Node.decimal, tags.find("floor-price-per-kwh")),
        occupancy=read_occupancy(tags),
        change_percent=if_given(Node.decimal, tags.find("fixed-change-percent")),
    )
    _check_headline(item, tariff, tags)
    return tariff


def read_unit_price(item: Node) -> UnitPrice | None:
    """The price of a kWh that an item without a tariff names; None when it names no price for energy.

    Raises:
        WireError: no known currency, no number, or another unit than kWh.
    """
    tags, price = find_tags(item, PRICE_UNIT), item.find("price")
    if tags is None or price is None:
        return None
    unit = tags.need("unit")
    if unit.text() != ENERGY_UNIT:
        raise WireError(unit.path, "Write the price of a kWh.", ENERGY_UNIT, unit.text())
    return UnitPrice(price.need("value").decimal(), read_currency(price))


def _model(tariff: Tariff) -> str:
    models = {_MODELS[rate.unit] for rate in tariff.rates}
    return models.pop() if len(models) == 1 else "combined"


def _pairs(tags: Tags, first: str, second: str) -> list[tuple[Node, Node]]:
    firsts, seconds = tags.all(first), tags.all(second)
    if len(firsts) != len(seconds):
        got = f"{len(firsts)} and {len(seconds)}"
        raise WireError(tags.path, f"Each {first} needs its {second}.", "as many of both", got)
    return list(zip(firsts, seconds, strict=True))


def _check_headline(item: Node, tariff: Tariff, tags: Tags) -> None:
    price = item.need("price")
    same_currency(price, tariff.currency, tags.need("currency").path)
    value = price.need("value")
    if value.decimal() != tariff.rates[0].price:
        first = tags.all("rate-price")[0]
        raise WireError(
            value.path,
            f"The price differs from the first rate of the tariff, at {first.path}.",
            first.text(),
            value.text(),
        )
