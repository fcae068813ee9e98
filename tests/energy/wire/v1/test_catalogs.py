from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energy.intervals import Interval, slots
from energy.offers import Provider
from energy.searches import PAGES_MAX, Catalog, CatalogPage, FreeSlot
from energy.wire.v1 import catalogs
from energy.wire.v1.catalogs import read_catalog, write_catalog
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from tests.energy.examples import NOVEMBER, at
from tests.energy.wire.v1.examples import CATALOG, OFFER, PROVIDER, written


def read(message: dict[str, Any]) -> Catalog:
    return read_catalog(Node(message, "/message"))


def provider() -> tuple[dict[str, Any], dict[str, Any]]:
    """The story's message, and the provider in it."""
    message = written("on_search")
    return message, message["catalog"]["providers"][0]


def test_an_item_has_the_shape_of_the_profile() -> None:
    _, seller = provider()
    item = seller["items"][0]
    assert item["price"] == {"currency": "INR", "value": "90"}
    assert item["quantity"] == {
        "available": {"measure": {"value": "380", "unit": "kWh"}},
        "minimum": {"measure": {"value": "1", "unit": "kWh"}},
        "maximum": {"measure": {"value": "380", "unit": "kWh"}},
    }
    assert item["cancellation_terms"] == [{"cancellation_fee": {"percentage": "10"}}]
    assert item["fulfillment_ids"] == ["automatic-dispatch", "manual-dispatch"]
    codes = [group["descriptor"]["code"] for group in item["tags"]]
    assert codes == ["tariff", "battery-specification", "availability-profile"]
    assert seller["locations"] == [
        {"id": "location-1", "gps": "13.0358,77.597", "address": "der://meter/hebbal-1"},
    ]


def test_batteries_at_one_meter_share_a_location() -> None:
    twin = replace(OFFER, item_id="battery-2")
    elsewhere = replace(OFFER, item_id="battery-3", meter_address="der://meter/other")
    catalog = replace(CATALOG, offers=(OFFER, twin, elsewhere))
    seller = write_catalog(catalog)["catalog"]["providers"][0]
    assert [item["location_ids"] for item in seller["items"]] == [["location-1"], ["location-1"], ["location-2"]]
    assert read(write_catalog(catalog)) == catalog


def test_an_empty_catalog_is_read_back() -> None:
    assert read(write_catalog(Catalog(PROVIDER, ()))) == Catalog(PROVIDER, ())


@pytest.mark.parametrize("offer", [replace(OFFER, provider=Provider("p-2", "")), replace(OFFER, modes=())])
def test_an_offer_of_another_provider_or_without_dispatch_is_not_written(offer: Any) -> None:
    with pytest.raises(ValueError, match="another provider"):
        write_catalog(Catalog(PROVIDER, (offer,)))


def test_offers_of_several_providers_keep_their_own() -> None:
    message, seller = provider()
    other = Provider("city-storage", "City Storage")
    second = write_catalog(Catalog(other, (replace(OFFER, provider=other),)))["catalog"]["providers"]
    message["catalog"]["providers"] = [seller, *second]
    catalog = read(message)
    assert (catalog.provider, [offer.provider for offer in catalog.offers]) == (PROVIDER, [PROVIDER, other])


def test_a_catalog_without_a_provider_is_refused() -> None:
    with pytest.raises(WireError, match="at least one provider"):
        read({"catalog": {"providers": []}})


@pytest.mark.parametrize("member", ["location_ids", "fulfillment_ids"])
def test_an_item_that_refers_to_nothing_is_refused_at_the_reference(member: str) -> None:
    message, seller = provider()
    seller["items"][0][member] = ["elsewhere"]
    with pytest.raises(WireError) as raised:
        read(message)
    assert raised.value.path == f"/message/catalog/providers/0/items/0/{member}/0"


def test_what_an_item_does_not_tell_is_not_known() -> None:
    message, seller = provider()
    item = seller["items"][0]
    del item["tags"], item["cancellation_terms"], seller["locations"][0]["address"]
    offer = read(message).offers[0]
    assert (offer.tariff, offer.specification, offer.cancellation, offer.meter_address) == (None, None, None, None)
    assert (offer.unit_price, offer.free_energy_wh) == (None, 380_000)


@pytest.mark.parametrize("member", ["tariff", "specification", "cancellation", "meter_address"])
def test_an_offer_that_does_not_tell_all_is_not_written(member: str) -> None:
    with pytest.raises(ValueError, match="strict form"):
        write_catalog(replace(CATALOG, offers=(replace(OFFER, **{member: None}),)))


def test_an_item_without_a_least_amount_has_none() -> None:
    message, seller = provider()
    del seller["items"][0]["quantity"]["minimum"]
    assert read(message).offers[0].min_energy_wh == 0


def test_a_catalog_does_not_unfold_without_bound() -> None:
    month = tuple(FreeSlot(slot, 1, 1, 1) for slot in slots(Interval(NOVEMBER, at(31 * 24)), 300))
    message = write_catalog(Catalog(PROVIDER, (replace(OFFER, profile=month),)))
    items = message["catalog"]["providers"][0]["items"]
    items += items * (catalogs.CATALOG_SLOTS_MAX // len(month))
    with pytest.raises(WireError, match="too long"):
        read(message)


def test_a_page_says_which_of_how_many_it_is_in_its_providers_tags() -> None:
    page = replace(CATALOG, page=CatalogPage(2, 3, 57))
    seller = write_catalog(page)["catalog"]["providers"][0]
    (group,) = seller["tags"]
    assert group["descriptor"] == {"code": "catalog-page"}
    assert [(tag["descriptor"]["code"], tag["value"]) for tag in group["list"]] == [
        ("page", "2"),
        ("pages", "3"),
        ("total", "57"),
    ]
    assert read(write_catalog(page)) == page


@pytest.mark.parametrize(("page", "pages"), [("0", "3"), ("4", "3"), ("1", str(PAGES_MAX + 1)), ("one", "3")])
def test_a_page_that_can_not_be_is_refused(page: str, pages: str) -> None:
    message = write_catalog(replace(CATALOG, page=CatalogPage(2, 3, 57)))
    tags = message["catalog"]["providers"][0]["tags"][0]["list"]
    tags[0]["value"], tags[1]["value"] = page, pages
    with pytest.raises(WireError):
        read(message)


@pytest.mark.parametrize("page", [CatalogPage(0, 1, 1), CatalogPage(2, 1, 1), CatalogPage(1, 1, -1)])
def test_a_page_that_can_not_be_is_not_written(page: CatalogPage) -> None:
    with pytest.raises(ValueError, match="no page"):
        write_catalog(replace(CATALOG, page=page))


def test_a_location_says_its_city_where_the_battery_does() -> None:
    catalog = replace(CATALOG, offers=(OFFER, replace(OFFER, item_id="battery-2", city_code="std:044")))
    seller = write_catalog(catalog)["catalog"]["providers"][0]
    assert [location.get("city") for location in seller["locations"]] == [None, {"code": "std:044"}]
    assert read(write_catalog(catalog)) == catalog
