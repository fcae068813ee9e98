"""``on_search``: what an operator offers, as Beckn's Catalog (ENERGY 1.5).

One item is one battery or pool. Its place and the battery meter's DER address are a location, its ways of dispatch are
fulfillments, and three tag groups carry what core has no members for: ``tariff``, ``battery-specification``
and ``availability-profile``. A large answer comes in several messages: in each, the provider's tag group
``catalog-page`` says which of how many pages it is, and how many items there are in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeVar

from energy.offers import CancellationTerms, DispatchMode, Place, Provider
from energy.searches import PAGES_MAX, BatterySpecification, Catalog, CatalogPage, Offer
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.fulfillments import FULFILLMENT_IDS
from energy.wire.v1.measures import energy_quantity, price_of_rate, read_energy, read_kilo, read_share
from energy.wire.v1.profiles import profile_group, read_profile
from energy.wire.v1.searches import ITEM_CODE, check_item_code
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.tariff_tags import read_tariff, read_unit_price, tariff_group
from energy.wire.v1.texts import (
    gps_text,
    kilo_text,
    moment_text,
    number_text,
    percent_text,
    place_of,
    range_of,
    whole_of,
)

_Value = TypeVar("_Value")
_SPECIFICATION = "battery-specification"
_PAGE = "catalog-page"
_RATING_STEP = Decimal("0.01")  # An average has digits without end.
CATALOG_SLOTS_MAX = 250_000
"""As many slots as all profiles of a catalog may unfold into: about 80 MB of objects."""


def write_catalog(catalog: Catalog) -> dict[str, Any]:
    """The message of an ``on_search``.

    Raises:
        ValueError: an offer of another provider or without all of its terms, or a value that can not be written.
    """
    places = list(dict.fromkeys(map(_site, catalog.offers)))
    modes = list(dict.fromkeys(mode for offer in catalog.offers for mode in offer.modes))
    provider = write_provider(catalog.provider) | {
        "locations": [_location(number, *place) for number, place in enumerate(places, 1)],
        "fulfillments": [{"id": FULFILLMENT_IDS[mode], "type": mode.value, "tracking": True} for mode in modes],
        "items": [_item(offer, catalog.provider, places) for offer in catalog.offers],
    }
    if catalog.page is not None:
        provider["tags"] = [_page_group(catalog.page)]
    wire: dict[str, Any] = {
        "descriptor": {"name": catalog.provider.name, "code": ITEM_CODE},
        "providers": [provider],
    }
    if catalog.expires_at is not None:
        wire["exp"] = moment_text(catalog.expires_at)
    return {"catalog": wire}


def read_catalog(message: Node) -> Catalog:
    """The catalog of a message. Where it names several providers, the first stands for the catalog, and each offer
    has its own.

    Raises:
        WireError: no provider, or an offer without name, place, amount or way of dispatch. What else it lacks is None.
    """
    wire = message.need("catalog")
    providers = wire.need("providers")
    if not providers.items():
        raise WireError(providers.path, "A catalog names at least one provider.", "one provider", "an empty array")
    offers: list[Offer] = []
    slots = 0
    for offer in (offer for provider in providers.items() for offer in _offers(provider)):
        slots += len(offer.profile)
        if slots > CATALOG_SLOTS_MAX:
            got = f"{slots} slots or more"
            raise WireError(providers.path, "The profiles are too long.", f"at most {CATALOG_SLOTS_MAX} slots", got)
        offers.append(offer)
    first = providers.items()[0]
    return Catalog(read_provider(first), tuple(offers), wire.find_moment("exp"), read_page(first))


def write_provider(provider: Provider) -> dict[str, Any]:
    """A provider's id and name; an empty name is left out."""
    named: dict[str, Any] = {"descriptor": {"name": provider.name}} if provider.name else {}
    return {"id": provider.provider_id} | named


def read_provider(provider: Node) -> Provider:
    """A provider; where only its id is given, the name is empty."""
    return Provider(provider.need("id").text(), provider.find_text("descriptor", "name") or "")


def write_cancellation_terms(terms: CancellationTerms) -> list[dict[str, Any]]:
    """The terms as Beckn's list of CancellationTerm."""
    return [{"cancellation_fee": {"percentage": number_text(terms.fee_percent)}}]


def read_cancellation_terms(terms: Node) -> CancellationTerms:
    """The terms, of which a contract has one."""
    return CancellationTerms(terms.only().need("cancellation_fee", "percentage").decimal())


def _site(offer: Offer) -> tuple[Place, str, str | None]:
    return offer.place, _told(offer, "meter address", offer.meter_address), offer.city_code


def _location(number: int, place: Place, meter_address: str, city_code: str | None) -> dict[str, Any]:
    city = {} if city_code is None else {"city": {"code": city_code}}
    return {"id": _location_id(number), "gps": gps_text(place), "address": meter_address} | city


def _location_id(number: int) -> str:
    return f"location-{number}"


def _item(offer: Offer, provider: Provider, places: list[tuple[Place, str, str | None]]) -> dict[str, Any]:
    if offer.provider != provider or not offer.modes:
        raise ValueError(f"offer {offer.item_id} is of another provider than its catalog, or has no way of dispatch")
    tariff = _told(offer, "tariff", offer.tariff)
    tags = [tariff_group(tariff), _specification_group(_told(offer, "specification", offer.specification))]
    free = offer.free_energy_wh
    wire: dict[str, Any] = {
        "id": offer.item_id,
        "descriptor": {"name": offer.name, "code": ITEM_CODE},
        "price": price_of_rate(tariff.rates[0].price, tariff.currency),
        "quantity": energy_quantity("available", free)
        | energy_quantity("minimum", offer.min_energy_wh)
        | energy_quantity("maximum", free),
        "location_ids": [_location_id(1 + places.index(_site(offer)))],
        "fulfillment_ids": [FULFILLMENT_IDS[mode] for mode in offer.modes],
        "cancellation_terms": write_cancellation_terms(_told(offer, "cancellation terms", offer.cancellation)),
        "tags": tags + ([profile_group(offer.profile)] if offer.profile else []),
    }
    if offer.window is not None:
        wire["time"] = range_of(offer.window)
    if offer.rating is not None:
        wire["rating"] = number_text(offer.rating.quantize(_RATING_STEP))
    return wire


def _told(offer: Offer, name: str, value: _Value | None) -> _Value:
    if value is None:
        raise ValueError(f"offer {offer.item_id} has no {name}; the strict form tells it")
    return value


def _page_group(page: CatalogPage) -> dict[str, Any]:
    if not 1 <= page.number <= page.pages <= PAGES_MAX or page.total < 0:
        raise ValueError(f"{page} is no page of a catalog")
    return tag_group(
        _PAGE, (("page", str(page.number)), ("pages", str(page.pages)), ("total", str(page.total))), display=False
    )


def read_page(provider: Node) -> CatalogPage | None:
    """Which page of an answer the provider's catalog is; None where it does not say.

    Raises:
        WireError: a page that can not be.
    """
    tags = find_tags(provider, _PAGE)
    if tags is None:
        return None
    number, pages, total = (tags.need(code).parsed(whole_of, "a whole number") for code in ("page", "pages", "total"))
    if not 1 <= number <= pages <= PAGES_MAX:
        expected, got = f"a page of at most {PAGES_MAX}", f"page {number} of {pages}"
        raise WireError(tags.path, "This page can not be.", expected, got)
    return CatalogPage(number, pages, total)


def _specification_group(battery: BatterySpecification) -> dict[str, Any]:
    return tag_group(
        _SPECIFICATION,
        (
            ("nominal-energy-kwh", kilo_text(battery.energy_nominal_wh)),
            ("usable-energy-kwh", kilo_text(battery.usable_energy_wh)),
            ("charge-power-kw", kilo_text(battery.charge_power_w)),
            ("discharge-power-kw", kilo_text(battery.discharge_power_w)),
            ("charge-efficiency-percent", percent_text(battery.efficiency_charge)),
            ("discharge-efficiency-percent", percent_text(battery.efficiency_discharge)),
            ("standing-loss-percent-per-day", percent_text(battery.standing_loss_per_day)),
            ("chemistry", battery.chemistry),
            ("soh-percent", percent_text(battery.soh)),
        ),
    )


def _read_specification(item: Node) -> BatterySpecification | None:
    tags = find_tags(item, _SPECIFICATION)
    if tags is None:
        return None
    return BatterySpecification(
        energy_nominal_wh=read_kilo(tags.need("nominal-energy-kwh")),
        usable_energy_wh=read_kilo(tags.need("usable-energy-kwh")),
        charge_power_w=read_kilo(tags.need("charge-power-kw")),
        discharge_power_w=read_kilo(tags.need("discharge-power-kw")),
        efficiency_charge=read_share(tags.need("charge-efficiency-percent")),
        efficiency_discharge=read_share(tags.need("discharge-efficiency-percent")),
        standing_loss_per_day=read_share(tags.need("standing-loss-percent-per-day")),
        chemistry=tags.need("chemistry").text(),
        soh=read_share(tags.need("soh-percent")),
    )


def _offers(provider: Node) -> Iterator[Offer]:
    items = provider.find("items")
    who, locations, fulfillments = (
        read_provider(provider),
        _by_id(provider, "locations"),
        _by_id(provider, "fulfillments"),
    )
    for item in items.items() if items is not None else ():
        yield _offer(item, who, locations, fulfillments)


def _offer(item: Node, provider: Provider, locations: dict[str, Node], fulfillments: dict[str, Node]) -> Offer:
    check_item_code(item)
    location = _referred(item.need("location_ids").only(), locations, "locations")
    modes = tuple(
        _referred(id_, fulfillments, "fulfillments").need("type").choice(DispatchMode)
        for id_ in item.need("fulfillment_ids").items()
    )
    quantity, tariff = item.need("quantity"), read_tariff(item)
    return Offer(
        provider=provider,
        item_id=item.need("id").text(),
        name=item.need("descriptor", "name").text(),
        place=location.need("gps").parsed(place_of, "'latitude,longitude' in degrees"),
        meter_address=location.find_text("address"),
        modes=modes,
        tariff=tariff,
        specification=_read_specification(item),
        free_energy_wh=read_energy(quantity.need("available")),
        min_energy_wh=if_given(read_energy, quantity.find("minimum")) or 0,
        cancellation=if_given(read_cancellation_terms, item.find("cancellation_terms")),
        window=if_given(Node.interval, item.find("time")),
        profile=read_profile(item),
        rating=if_given(Node.decimal, item.find("rating")),
        city_code=location.find_text("city", "code"),
        unit_price=None if tariff is not None else read_unit_price(item),
    )


def _by_id(provider: Node, member: str) -> dict[str, Node]:
    listed = provider.find(member)
    return {node.need("id").text(): node for node in listed.items()} if listed is not None else {}


def _referred(id_: Node, known: dict[str, Node], kind: str) -> Node:
    found = known.get(id_.text())
    if found is None:
        raise WireError(id_.path, f"The provider has nothing with this id in its {kind}.", "a known id", id_.text())
    return found
