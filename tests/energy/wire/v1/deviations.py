"""Deviations of the dent network (ENERGY 1.2), each made on a strict message of ours, with the rule that mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def seller(message: Json) -> Json:
    provider: Json = message["catalog"]["providers"][0]
    return provider


def bare(owner: Json, kind: str) -> None:
    """The selected quantity, under another name and without its measure."""
    owner["quantity"] = {kind: owner["quantity"]["selected"]["measure"]}


def provider_location(message: Json) -> None:
    seller(message)["location"] = seller(message).pop("locations")


def provider_images(message: Json) -> None:
    seller(message)["images"] = [{"url": "https://bpp.example/logo.png"}]


def item_references(message: Json) -> None:
    for item in seller(message)["items"]:
        item["locations"], item["fulfillments"] = item.pop("location_ids"), item.pop("fulfillment_ids")


def stop_quantity(message: Json) -> None:
    order = message["order"]
    selected = order["items"][0].pop("quantity")["selected"]["measure"]
    order["fulfillments"][0]["stops"][0]["quantity"] = {"required": selected}


def echoed_stop_quantity(message: Json) -> None:
    seller(message)["fulfillments"][0]["stops"] = [{"quantity": {"required": {"value": "315.0", "unit": "kWH"}}}]


def required_quantity(message: Json) -> None:
    bare(message["intent"]["item"], "required")


def available_quantity(message: Json) -> None:
    bare(message["intent"]["item"], "available")


def measured_availability(message: Json) -> None:
    quantity = message["intent"]["item"]["quantity"]
    quantity["available"] = quantity.pop("selected")


def update_path(message: Json) -> None:
    del message["update_target"]
    message["updated_target"] = "order.items[0].quantity.available.value"


def singular_target(message: Json) -> None:
    message["update_target"] = "item"


def cancel_order(message: Json) -> None:
    message["order"] = {
        "id": message.pop("order_id"),
        "cancellation_reason_id": message.pop("cancellation_reason_id"),
        "descriptor": message.pop("descriptor"),
    }


def support_order(message: Json) -> None:
    message["support"]["order_id"] = message["support"].pop("ref_id")


def form_response(message: Json) -> None:
    form = message["order"]["xinput"]["form"]
    message["order"]["xinput"]["form_response"] = {"status": True, "submission_id": form.pop("submission_id")}


def unit_spelling(message: Json) -> None:
    message["intent"]["item"]["quantity"]["selected"]["measure"]["unit"] = "kWH"


def other_unit(message: Json) -> None:
    message["intent"]["item"]["quantity"]["selected"]["measure"] = {"value": "0.3", "unit": "MWh"}


def line_units(message: Json) -> None:
    message["order"]["quote"]["breakup"][1]["item"]["quantity"]["selected"]["measure"]["unit"] = "kwh"


def bare_amount(message: Json) -> None:
    message["intent"]["item"]["quantity"] = {"selected": "300"}


def plural_provider(message: Json) -> None:
    message["order"]["providers"] = message["order"].pop("provider")


def provider_of_the_item(message: Json) -> None:
    message["order"]["items"][0]["provider"] = message["order"].pop("provider")


def place_of_the_intent(message: Json) -> None:
    location = message["intent"]["fulfillment"]["stops"][0].pop("location")
    circle = location.pop("circle")
    radius = {"value": circle["radius"]["value"], "unit": "km"}
    message["intent"]["location"] = location | {"gps": circle["gps"], "radius": radius}


def place_in_metres(message: Json) -> None:
    place_of_the_intent(message)
    message["intent"]["location"]["radius"] = {"value": "12500", "unit": "m"}


def billing_number(message: Json) -> None:
    message["order"]["billing"]["number"] = message["order"]["billing"].pop("phone")


def billing_city(message: Json) -> None:
    message["order"]["billing"]["city"] = "udupi"


def mode_as_a_word(message: Json) -> None:
    message["order"]["fulfillments"][0]["mode"] = "automatic"
    del message["order"]["fulfillments"][0]["type"]


def mode_of_the_item(message: Json) -> None:
    message["order"]["items"][0]["mode_selection"] = message["order"]["fulfillments"][0].pop("type")


def pages_of_the_form(message: Json) -> None:
    xinput = message["order"]["xinput"]
    xinput["head"] = {"descriptor": {"name": "Terms"}, "index": {"min": 0, "cur": 0, "max": 0}}
    xinput["form"] |= {"id": "terms", "resubmit": False, "multiple_sumbissions": False}


def time_without_zone(message: Json) -> None:
    limits = message["order"]["fulfillments"][0]["stops"][0]["time"]["range"]
    limits["start"] = limits["start"].removesuffix("Z")


def day_first(message: Json) -> None:
    limits = message["order"]["fulfillments"][0]["stops"][0]["time"]["range"]
    date, time = limits["start"].removesuffix(".000Z").split("T")
    limits["start"] = f"{'-'.join(reversed(date.split('-')))} {time}"


def untitled_line(message: Json) -> None:
    del message["order"]["quote"]["breakup"][1]["title"]


def small_tax_title(message: Json) -> None:
    message["order"]["quote"]["breakup"][2]["title"] = "cgst"


def rate_as_line_currency(message: Json) -> None:
    message["order"]["quote"]["breakup"][1]["item"]["price"]["currency"] = "INR/kWh"


DEVIATIONS: list[tuple[str, str, Callable[[Json], None]]] = [
    ("on_search", "D4-provider-locations", provider_location),
    ("on_search", "D5-provider-images", provider_images),
    ("on_search", "D6-item-references", item_references),
    ("select", "D7-stop-quantity", stop_quantity),
    ("on_select", "D7-stop-quantity", stop_quantity),
    ("on_search", "D7-stop-quantity", echoed_stop_quantity),
    ("search", "D8-wanted-quantity", required_quantity),
    ("search", "D8-wanted-quantity", available_quantity),
    ("search", "D8-wanted-quantity", measured_availability),
    ("update", "D9-update-target", update_path),
    ("update", "D9-update-target", singular_target),
    ("cancel", "D10-cancel-order", cancel_order),
    ("support", "D11-support-reference", support_order),
    ("on_support", "D11-support-reference", support_order),
    ("confirm", "D13-form-response", form_response),
    ("search", "S15-bare-amount", bare_amount),
    ("select", "S15-order-providers", plural_provider),
    ("init", "S15-item-provider", provider_of_the_item),
    ("search", "S15-intent-location", place_of_the_intent),
    ("search", "S15-intent-location", place_in_metres),
    ("init", "S15-billing-members", billing_number),
    ("init", "S15-billing-members", billing_city),
    ("select", "S15-dispatch-mode", mode_as_a_word),
    ("select", "S15-dispatch-mode", mode_of_the_item),
    ("on_init", "D12-form-members", pages_of_the_form),
    ("select", "D15-time-without-zone", time_without_zone),
    ("select", "D15-time-without-zone", day_first),
    ("search", "S2-unit-spelling", unit_spelling),
    ("search", "S2-unit-spelling", other_unit),
    ("on_select", "S2-unit-spelling", line_units),
    ("on_select", "S1-rate-as-currency", rate_as_line_currency),
    ("on_select", "S11-line-titles", untitled_line),
    ("on_select", "S11-line-titles", small_tax_title),
]
