"""The terms of a tariff beside rates and taxes, as tags of the group ``tariff``: times, discounts, floors, occupancy.

The time of a rate is one text (`energy.calendars.when_text`), so that the n-th ``rate-when`` belongs to the n-th
``rate-unit``. It is local in ``time-zone``. Tags of terms that a tariff does not have are left out.
"""

from __future__ import annotations

from energy.calendars import When, check_zone, when_of, when_text
from energy.tariffs import Discount, OccupancyStep, Rate, Tariff
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import read_kilo
from energy.wire.v1.tags import Tags
from energy.wire.v1.texts import kilo_text, number_text, whole_of

_EXPECTED = "'always' or a text such as 'months=11,12 days=1,2 time=06:00-22:00'"


def when_tags(rates: tuple[Rate, ...]) -> list[tuple[str, str]]:
    """One tag for each rate when any of them has its times, else none."""
    if all(rate.when is None for rate in rates):
        return []
    return [("rate-when", when_text(rate.when)) for rate in rates]


def read_whens(tags: Tags, rates: int) -> list[When | None]:
    """The times of each rate, in their order.

    Raises:
        WireError: another number of them than of rates, or no time that is known.
    """
    found = tags.all("rate-when")
    if not found:
        return [None] * rates
    if len(found) != rates:
        raise WireError(tags.path, "Each rate-unit needs its rate-when.", f"{rates} or none", str(len(found)))
    return [node.parsed(when_of, _EXPECTED) for node in found]


def term_tags(tariff: Tariff) -> list[tuple[str, str | None]]:
    """The tags of everything that is neither a rate nor a tax."""
    tags: list[tuple[str, str | None]] = []
    if any(rate.when is not None for rate in tariff.rates):
        tags.append(("time-zone", tariff.time_zone))
    for discount in tariff.discounts:
        tags += [
            ("discount-id", discount.offer_id),
            ("discount-percent", number_text(discount.percent)),
            ("discount-min-kwh", kilo_text(discount.min_energy_wh)),
            ("discount-min-days", str(discount.min_days)),
        ]
    tags.append(("minimum-charge", if_given(number_text, tariff.minimum)))
    tags.append(("floor-price-per-kwh", if_given(number_text, tariff.floor_per_kwh)))
    for step in tariff.occupancy:
        tags.append(("occupancy-from-percent", str(step.from_percent)))
        tags.append(("occupancy-change-percent", number_text(step.change_percent)))
    tags.append(("fixed-change-percent", if_given(number_text, tariff.change_percent)))
    return tags


def read_zone(tags: Tags) -> str:
    """The time zone, UTC where none is named.

    Raises:
        WireError: a zone that is not known here.
    """
    node = tags.find("time-zone")
    return "UTC" if node is None else node.parsed(_known_zone, "a time zone such as Asia/Kolkata")


def read_discounts(tags: Tags) -> tuple[Discount, ...]:
    """The discounts, in their order.

    Raises:
        WireError: one lacks a tag.
    """
    names = ("discount-id", "discount-percent", "discount-min-kwh", "discount-min-days")
    return tuple(
        Discount(offer.text(), percent.decimal(), read_kilo(least), days.parsed(whole_of, "whole days"))
        for offer, percent, least, days in _together(tags, *names)
    )


def read_occupancy(tags: Tags) -> tuple[OccupancyStep, ...]:
    """The steps by occupancy, in their order.

    Raises:
        WireError: one lacks a tag.
    """
    names = ("occupancy-from-percent", "occupancy-change-percent")
    return tuple(
        OccupancyStep(since.parsed(whole_of, "whole percent"), change.decimal())
        for since, change in _together(tags, *names)
    )


def _together(tags: Tags, *names: str) -> list[tuple[Node, ...]]:
    found = [tags.all(name) for name in names]
    counts = {len(nodes) for nodes in found}
    if len(counts) > 1:
        got = " and ".join(str(len(nodes)) for nodes in found)
        raise WireError(tags.path, f"Write {', '.join(names)} together.", "as many of each", got)
    return list(zip(*found, strict=True))


def _known_zone(text: str) -> str:
    check_zone(text)
    return text
