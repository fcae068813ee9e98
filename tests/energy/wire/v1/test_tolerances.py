"""Each deviation of ENERGY 1.2 is made on a strict message of ours; the reader must still read what was meant."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from energy.messages import Message
from energy.offers import ContractState, DispatchMode, Order, UpdateRequest
from energy.searches import Catalog, SearchIntent, UnitPrice
from energy.tariffs import LineTitle
from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read, read_tolerantly
from energy.wire.v1.tolerances import RULES, straightened
from energy.wire.v1.tolerances.rules import Known, Reading
from tests.energy.examples import USE
from tests.energy.wire.v1.deviations import (
    DEVIATIONS,
    Json,
    form_response,
    provider_images,
    seller,
    stop_quantity,
)
from tests.energy.wire.v1.examples import CONFIRMED, CONTENTS, written


@pytest.mark.parametrize(("action", "rule", "deviate"), DEVIATIONS, ids=lambda value: getattr(value, "__name__", value))
def test_a_known_deviation_is_read_as_meant_by_its_rule_alone(
    action: str, rule: str, deviate: Callable[[Json], None]
) -> None:
    message = written(action)
    deviate(message)
    assert read_tolerantly(action, message) == (CONTENTS[action], (rule,))


@pytest.mark.parametrize(("action", "rule", "deviate"), DEVIATIONS, ids=lambda value: getattr(value, "__name__", value))
def test_a_tolerance_that_is_switched_off_is_not_taken(action: str, rule: str, deviate: Callable[[Json], None]) -> None:
    message = written(action)
    deviate(message)
    kept = copy.deepcopy(message)
    assert straightened(action, message, Reading(without=frozenset({rule}))) == (kept, ())
    assert straightened(action, message, Reading(strict=True)) == (kept, ())


def test_every_tolerance_has_a_test_of_its_own() -> None:
    elsewhere = {"D14-buyers-form", "S6-no-breakup", "S9-progress-prose", "S18-quote-terms"}
    of_the_transaction = {"S8-known-amount", "S12-known-windows", "S19-known-mode"}
    assert {rule for _, rule, _ in DEVIATIONS} | elsewhere | of_the_transaction == {rule.name for rule in RULES}


def test_a_tolerance_names_its_deviation_where_it_is_written() -> None:
    assert [
        rule.name for rule in RULES if not (rule.mend.__doc__ or "").startswith(f"{rule.name.split('-')[0]}.")
    ] == []


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
def test_a_rate_as_currency_is_the_price_of_a_kwh_and_no_tariff(currency: str, value: str, price: str) -> None:
    message = written("on_search")
    item = seller(message)["items"][0]
    item["price"] = {"currency": currency, "value": value}
    del item["tags"][0]
    content, used = read_tolerantly("on_search", message)
    assert isinstance(content, Catalog)
    assert used == ("S1-rate-as-currency",)
    assert content.offers[0].unit_price == UnitPrice(Decimal(price), "INR")
    assert content.offers[0].tariff is None


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
    assert (content.quote.quote_id, content.quote.ttl_s, used) == ("", 0, ("S18-quote-terms",))


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
    assert read_tolerantly("select", message, known=Known.of(USE)) == (CONTENTS["select"], used)


def test_an_amount_and_windows_that_are_given_are_not_replaced() -> None:
    other = replace(USE, energy_wh=1)
    assert read_tolerantly("select", written("select"), known=Known.of(other)) == (CONTENTS["select"], ())


def test_one_window_alone_is_not_completed() -> None:
    message = written("select")
    del message["order"]["fulfillments"][0]["stops"][1]["time"]
    with pytest.raises(WireError, match="end stop"):
        read("select", message, known=Known.of(USE))


def test_a_fulfillment_that_only_refers_to_a_catalog_is_dispatched_as_the_transaction_says() -> None:
    message = written("select")
    fulfillment = message["order"]["fulfillments"][0]
    del fulfillment["type"]
    fulfillment["id"] = "1"
    with pytest.raises(WireError, match="type"):
        read("select", message)
    known = Known.of(USE, DispatchMode.AUTOMATIC)
    assert read_tolerantly("select", message, known=known) == (CONTENTS["select"], ("S19-known-mode",))


def test_a_total_without_its_parts_is_one_line_that_says_so() -> None:
    message = written("on_select")
    message["order"]["quote"] |= {"price": {"currency": "INR", "value": "-2400"}}
    del message["order"]["quote"]["breakup"]
    content, used = read_tolerantly("on_select", message)
    assert isinstance(content, Order)
    assert content.quote is not None
    assert [(line.title, line.amount) for line in content.quote.lines] == [(LineTitle.UNITEMISED, content.quote.total)]
    assert used == ("S6-no-breakup",)


@pytest.mark.parametrize("action", ["init", "confirm"])
def test_a_form_of_the_buyers_own_is_no_consent(action: str) -> None:
    message = written(action)
    message["order"]["xinput"] = {"head": {}, "form": {"id": "a", "url": "https://bap.example/form"}, "required": True}
    content, used = read_tolerantly(action, message)
    assert isinstance(content, Order)
    assert content.form is not None
    assert (content.form.url, content.form.submission_id) == (None, None)
    assert used == ("D14-buyers-form", "D12-form-members")


def test_two_providers_are_none() -> None:
    message = written("select")
    message["order"]["providers"] = [message["order"].pop("provider"), {"id": "another"}]
    with pytest.raises(WireError) as raised:
        read("select", message)
    assert raised.value.path == "/message/order/provider"


def test_a_time_without_a_zone_is_of_the_networks_zone() -> None:
    message = written("search")
    for stop in message["intent"]["fulfillment"]["stops"]:
        limits = stop["time"]["range"]
        limits |= {name: text.removesuffix("Z") for name, text in limits.items()}
    content = read("search", message, reading=Reading(zone=ZoneInfo("Asia/Kolkata")))
    assert isinstance(content, SearchIntent)
    assert content.charge is not None
    assert USE.charge.start - content.charge.start == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("local", ["2026-10-25T02:30:00", "2026-03-29T02:30:00"])
def test_a_time_that_the_clocks_skip_or_show_twice_is_refused(local: str) -> None:
    message = written("search")
    message["intent"]["fulfillment"]["stops"][0]["time"]["range"]["start"] = local
    with pytest.raises(WireError) as raised:
        read("search", message, reading=Reading(zone=ZoneInfo("Europe/Berlin")))
    assert raised.value.path == "/message/intent/fulfillment/stops/0/time/range/start"


def test_an_item_and_a_quote_in_two_currencies_are_refused_with_both_paths() -> None:
    message = written("on_select")
    message["order"]["items"][0]["price"] = {"currency": "USD/kWh", "value": "8"}
    with pytest.raises(WireError) as raised:
        read("on_select", message)
    assert raised.value.path == "/message/order/items/0/price/currency"
    assert "/message/order/quote/price/currency" in raised.value.sentence


def test_taxes_that_the_total_leaves_out_are_refused_with_both_paths() -> None:
    price = {"currency": "INR", "value": "40"}
    tax = {"currency": "INR", "value": "4"}
    message = written("on_select")
    message["order"]["quote"] |= {
        "price": price,
        "breakup": [
            {"title": "STORAGE_THROUGHPUT_CHARGE", "price": price},
            {"title": "cgst", "price": tax},
            {"title": "sgst", "price": tax},
        ],
    }
    with pytest.raises(WireError) as raised:
        read("on_select", message)
    assert raised.value.path == "/message/order/quote/price/value"
    assert "/message/order/quote/breakup" in raised.value.sentence


@pytest.mark.parametrize("unit", ["kWH", "MWh"])
def test_a_negative_amount_is_refused(unit: str) -> None:
    message = written("select")
    message["order"]["items"][0]["quantity"]["selected"]["measure"] = {"value": "-300", "unit": unit}
    with pytest.raises(WireError) as raised:
        read("select", message)
    assert raised.value.path == "/message/order/items/0/quantity/selected/measure/value"
