"""The tag group ``tariff``: a whole price model beside an item's headline price (ENERGY 1.5).

``item.price`` shows the first rate, since core has one price per item. The group carries every rate and tax;
the two must agree.
"""

from __future__ import annotations

from typing import Any

from energy.tariffs import LineTitle, Rate, RateUnit, Tariff, TaxClass, TaxPart
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import same_currency
from energy.wire.v1.tags import Tags, need_tags, tag_group
from energy.wire.v1.texts import number_text

GROUP = "tariff"
_MODELS = {
    RateUnit.KWH_MONTH: "capacity",
    RateUnit.KW_MONTH: "power",
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
    tags = [("tariff-id", tariff.tariff_id), ("pricing-model", _model(tariff)), ("currency", tariff.currency)]
    for rate in tariff.rates:
        tags += [("rate-unit", rate.unit.value), ("rate-price", number_text(rate.price))]
    tags.append(("tax-code", tariff.tax.code))
    for part in tariff.tax.parts:
        tags += [("tax-title", part.title.value), ("tax-percent", number_text(part.percent))]
    return tag_group(GROUP, tags)


def read_tariff(item: Node) -> Tariff:
    """The tariff of an item.

    Raises:
        WireError: the group is absent or incomplete, or the item's price says another currency or another value.
    """
    tags = need_tags(item, GROUP)
    currency = tags.need("currency").text()
    rates = tuple(
        Rate(unit.choice(RateUnit), price.decimal()) for unit, price in _pairs(tags, "rate-unit", "rate-price")
    )
    if not rates:
        raise WireError(tags.path, "A tariff needs at least one rate.", "rate-unit and rate-price", "nothing")
    parts = tuple(
        TaxPart(title.choice(LineTitle), percent.decimal())
        for title, percent in _pairs(tags, "tax-title", "tax-percent")
    )
    tax = TaxClass(tags.need("tax-code").text(), parts)
    tariff = Tariff(tags.need("tariff-id").text(), currency, rates, tax)
    _check_headline(item, tariff, tags)
    return tariff


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
