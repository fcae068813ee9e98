"""Each deviation of ENERGY 1.2 is made on a strict message of ours; the reader must still read what was meant."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from energy.offers import ContractState, Message, Order, UpdateRequest
from energy.tariffs import LineTitle, Rate, RateUnit, Tariff, TaxClass
from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read, read_tolerantly
from energy.wire.v1.tolerances import RULES
from tests.energy.examples import USE
from tests.energy.wire.v1.examples import CONFIRMED, CONTENTS, written

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
    ("search", "S2-unit-spelling", unit_spelling),
    ("search", "S2-unit-spelling", other_unit),
    ("on_select", "S2-unit-spelling", line_units),
    ("on_select", "S1-rate-as-currency", rate_as_line_currency),
    ("on_select", "S11-line-titles", untitled_line),
    ("on_select", "S11-line-titles", small_tax_title),
]


@pytest.mark.parametrize(("action", "rule", "deviate"), DEVIATIONS, ids=lambda value: getattr(value, "__name__", value))
def test_a_known_deviation_is_read_as_meant_by_its_rule_alone(
    action: str, rule: str, deviate: Callable[[Json], None]
) -> None:
    message = written(action)
    deviate(message)
    assert read_tolerantly(action, message) == (CONTENTS[action], (rule,))


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_the_strict_form_wins_where_both_forms_stand() -> None:
    message = written("support")
    message["support"]["order_id"] = "another"
    assert read_tolerantly("support", message) == (CONTENTS["support"], ())


def test_images_go_to_the_providers_descriptor() -> None:
    message = written("on_search")
    provider_images(message)
    del seller(message)["descriptor"]
    content, used = read_tolerantly("on_search", message)
    assert used == ("D5-provider-images",)
    assert content.provider.name == ""  # type: ignore[union-attr]


def test_two_different_amounts_at_the_stops_are_no_amount() -> None:
    message = written("select")
    stop_quantity(message)
    message["order"]["fulfillments"][0]["stops"][1]["quantity"] = {"required": {"value": "315", "unit": "kWh"}}
    with pytest.raises(WireError) as raised:
        read("select", message)
    assert raised.value.path == "/message/order/items/0/quantity"


def test_an_amount_of_the_item_counts_before_one_at_a_stop() -> None:
    message = written("select")
    message["order"]["fulfillments"][0]["stops"][0]["quantity"] = {"required": {"value": "315", "unit": "kWh"}}
    assert read_tolerantly("select", message) == (CONTENTS["select"], ("D7-stop-quantity",))


def test_a_dent_update_asks_for_another_amount() -> None:
    message = {
        "updated_target": "order.items[0].quantity.available.value",
        "order": {"id": "o-1", "items": [{"quantity": {"available": {"value": "200.0", "unit": "kWH"}}}]},
    }
    used = ("D9-update-target", "D8-wanted-quantity", "S2-unit-spelling")
    assert read_tolerantly("update", message) == (UpdateRequest("o-1", "items", 200_000), used)


def test_a_list_of_targets_is_left_as_it_is() -> None:
    message = written("update") | {"update_target": "items,billing"}
    content, used = read_tolerantly("update", message)
    assert isinstance(content, UpdateRequest)
    assert (content.target, used) == ("items,billing", ())


@pytest.mark.parametrize("status", [False, "true", None])
def test_a_submission_that_was_not_accepted_is_no_consent(status: object) -> None:
    message = written("confirm")
    form_response(message)
    message["order"]["xinput"]["form_response"]["status"] = status
    content = read("confirm", message)
    assert isinstance(content, Order)
    assert content.form is not None
    assert content.form.submission_id is None


@pytest.mark.parametrize(
    ("currency", "value", "price"),
    [("INR / kWh", "8", "8"), ("inr/kWH", "8.5", "8.5"), ("INR/MWh", "8000", "8"), ("INR / Wh", "0.008", "8")],
)
def test_a_rate_as_currency_is_a_tariff_with_one_rate_per_kwh_stored(currency: str, value: str, price: str) -> None:
    message = written("on_search")
    item = seller(message)["items"][0]
    item["price"] = {"currency": currency, "value": value}
    del item["tags"][0]
    content, used = read_tolerantly("on_search", message)
    assert used == ("S1-rate-as-currency",)
    assert content.offers[0].tariff == Tariff(  # type: ignore[union-attr]
        "", "INR", (Rate(RateUnit.KWH_STORED, Decimal(price)),), TaxClass("", ())
    )


@pytest.mark.parametrize("currency", ["INR per kWh", "rupees / kWh", "INR / kW", 8])
def test_what_is_no_rate_in_a_currency_is_refused(currency: object) -> None:
    message = written("on_search")
    seller(message)["items"][0]["price"]["currency"] = currency
    with pytest.raises(WireError) as raised:
        read("on_search", message)
    assert raised.value.path == "/message/catalog/providers/0/items/0/price/currency"


def test_a_total_whose_currency_is_a_rate_is_refused() -> None:
    message = written("on_select")
    message["order"]["quote"]["price"]["currency"] = "INR / kWh"
    with pytest.raises(WireError) as raised:
        read("on_select", message)
    assert raised.value.path == "/message/order/quote/price/currency"


@pytest.mark.parametrize("value", ["-2400", "2400"])
def test_totals_of_either_sign_are_read_without_a_rule(value: str) -> None:
    message = written("on_select")
    quote = message["order"]["quote"]
    quote["price"]["value"] = value
    quote["breakup"] = [{"title": "STORAGE_THROUGHPUT_CHARGE", "price": {"currency": "INR", "value": value}}]
    content, used = read_tolerantly("on_select", message)
    assert isinstance(content, Order)
    assert content.quote is not None
    assert (content.quote.total.amount_minor, used) == (int(value) * 100, ())


def test_a_sign_that_differs_between_total_and_lines_is_refused() -> None:
    message = written("on_select")
    message["order"]["quote"]["price"]["value"] = "-5610.90"
    with pytest.raises(WireError, match="add up"):
        read("on_select", message)


def progress(name: str) -> tuple[Message, tuple[str, ...]]:
    """What is read from an order in progress without telemetry whose state has this name."""
    message = written("on_status")
    fulfillment = message["order"]["fulfillments"][0]
    del fulfillment["tags"]
    fulfillment["state"]["descriptor"]["name"] = name
    return read_tolerantly("on_status", message)


def test_progress_told_in_a_sentence_is_read() -> None:
    order = replace(CONFIRMED, state=ContractState.IN_PROGRESS, transferred_wh=120_500)
    assert progress("120.5 out of 300 kWH transferred") == (order, ("S9-progress-prose",))


def test_another_sentence_tells_no_progress() -> None:
    assert progress("Energy is moving") == (replace(CONFIRMED, state=ContractState.IN_PROGRESS), ())


def test_a_penalty_line_is_known_by_its_name() -> None:
    message = written("on_select")
    quote = message["order"]["quote"]
    quote["breakup"].append({"title": "Penalty for late dispatch", "price": {"currency": "INR", "value": "500"}})
    quote["price"]["value"] = "6110.90"
    content, used = read_tolerantly("on_select", message)
    assert isinstance(content, Order)
    assert content.quote is not None
    assert (content.quote.lines[-1].title, used) == (LineTitle.IMBALANCE_PENALTY, ("S11-line-titles",))


def test_a_line_that_nobody_can_name_is_refused() -> None:
    message = written("on_select")
    message["order"]["quote"]["breakup"][0]["title"] = "Miscellaneous"
    with pytest.raises(WireError) as raised:
        read("on_select", message)
    assert raised.value.path == "/message/order/quote/breakup/0/title"


def test_a_quote_without_id_and_lifetime_has_none() -> None:
    message = written("on_select")
    del message["order"]["quote"]["id"], message["order"]["quote"]["ttl"]
    content, used = read_tolerantly("on_select", message)
    assert isinstance(content, Order)
    assert content.quote is not None
    assert (content.quote.quote_id, content.quote.ttl_s, used) == ("", 0, ("quote-without-id-or-ttl",))


def test_an_amount_and_windows_that_are_left_out_are_those_of_the_transaction() -> None:
    message = written("select")
    del message["order"]["items"][0]["quantity"]
    message["order"]["fulfillments"][0]["stops"] = [
        {"type": "start", "location": {"address": "der://meter/producer-7"}},
        {},
    ]
    with pytest.raises(WireError):
        read("select", copy.deepcopy(message))
    used = ("S8-known-amount", "S12-known-windows")
    assert read_tolerantly("select", message, known_use=USE) == (CONTENTS["select"], used)


def test_an_amount_and_windows_that_are_given_are_not_replaced() -> None:
    other = replace(USE, energy_wh=1)
    assert read_tolerantly("select", written("select"), known_use=other) == (CONTENTS["select"], ())


def test_one_window_alone_is_not_completed() -> None:
    message = written("select")
    del message["order"]["fulfillments"][0]["stops"][1]["time"]
    with pytest.raises(WireError, match="end stop"):
        read("select", message, known_use=USE)
