from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from energy.offers import Place
from energy.searches import SearchIntent, SortBy
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.searches import read_search, write_search
from tests.energy.wire.v1.examples import SEARCH


def test_a_full_search_has_the_shape_of_the_profile() -> None:
    intent = write_search(SEARCH)["intent"]
    start, end = intent["fulfillment"]["stops"]
    assert intent["item"]["descriptor"] == {"code": "energy-storage"}
    assert intent["item"]["quantity"] == {"selected": {"measure": {"value": "300", "unit": "kWh"}}}
    assert intent["fulfillment"]["type"] == "Automatic Dispatch"
    assert start["location"] == {
        "address": "der://meter/producer-7",
        "circle": {"gps": "13.0358,77.597", "radius": {"type": "CONSTANT", "value": "12.5", "unit": "km"}},
    }
    assert start["time"] == {"range": {"start": "2026-11-01T00:00:00.000Z", "end": "2026-11-01T04:00:00.000Z"}}
    assert end == {
        "type": "end",
        "time": {"range": {"start": "2026-11-05T20:00:00.000Z", "end": "2026-11-06T00:00:00.000Z"}},
    }


def test_a_search_may_name_an_amount_and_nothing_else() -> None:
    assert write_search(SearchIntent(1_000)) == {
        "intent": {
            "item": {
                "descriptor": {"code": "energy-storage"},
                "quantity": {"selected": {"measure": {"value": "1", "unit": "kWh"}}},
            }
        }
    }


def test_a_point_without_a_radius_is_a_plain_location() -> None:
    message = write_search(SearchIntent(1_000, near=Place(Decimal("13"), Decimal("77.5"))))
    assert message["intent"]["fulfillment"]["stops"][0]["location"] == {"gps": "13,77.5"}


def test_a_radius_without_a_point_is_not_written() -> None:
    with pytest.raises(ValueError, match="point"):
        write_search(replace(SEARCH, near=None))


@pytest.mark.parametrize(
    ("member", "value", "path"),
    [
        ("descriptor", {"code": "ev-charging"}, "/message/intent/item/descriptor/code"),
        ("quantity", {}, "/message/intent/item/quantity/selected"),
        (
            "quantity",
            {"selected": {"measure": {"value": "0", "unit": "kWh"}}},
            "/message/intent/item/quantity/selected/measure/value",
        ),
    ],
)
def test_a_search_for_something_else_or_for_no_energy_is_refused(member: str, value: object, path: str) -> None:
    message = write_search(SEARCH)
    message["intent"]["item"][member] = value
    with pytest.raises(WireError) as raised:
        read_search(Node(message, "/message"))
    assert raised.value.path == path


def test_a_radius_in_miles_is_refused() -> None:
    message = write_search(SEARCH)
    message["intent"]["fulfillment"]["stops"][0]["location"]["circle"]["radius"]["unit"] = "mi"
    with pytest.raises(WireError, match="km"):
        read_search(Node(message, "/message"))


def test_names_words_rating_and_order_stand_where_core_and_the_profile_have_them() -> None:
    asked = SearchIntent(
        1_000,
        provider_id="hebbal-storage",
        provider_name="Hebbal",
        item_name="solar",
        text="LFP night",
        min_rating=Decimal("4.5"),
        sort=SortBy.DISTANCE,
    )
    intent = write_search(asked)["intent"]
    assert intent["descriptor"] == {"name": "LFP night"}
    assert intent["provider"] == {"id": "hebbal-storage", "descriptor": {"name": "Hebbal"}}
    assert intent["item"]["descriptor"] == {"code": "energy-storage", "name": "solar"}
    assert intent["item"]["rating"] == "gte 4.5"
    (group,) = intent["tags"]
    assert group["list"] == [{"descriptor": {"code": "sort-by"}, "value": "distance"}]
    assert read_search(Node({"intent": intent}, "/message")) == asked


@pytest.mark.parametrize(("rating", "least"), [("gte 4", "4"), ("4.5", "4.5")])
def test_a_rating_that_is_asked_for_is_the_least(rating: str, least: str) -> None:
    message = write_search(SearchIntent(1_000))
    message["intent"]["item"]["rating"] = rating
    assert read_search(Node(message, "/message")).min_rating == Decimal(least)


def test_a_comparison_of_ratings_that_is_not_at_least_is_refused() -> None:
    message = write_search(SearchIntent(1_000))
    message["intent"]["item"]["rating"] = "lte 3"
    with pytest.raises(WireError) as raised:
        read_search(Node(message, "/message"))
    assert raised.value.path == "/message/intent/item/rating"
