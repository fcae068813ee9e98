from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource

import schemas
from energy.wire.v1.writer import write
from schemas.loader import core, storage
from tests.energy.wire.v1.examples import CONTENTS, written
from tests.energy.wire.v1.strategies import contents

CALLBACKS = [action for action in CONTENTS if action.startswith("on_")]
FOLDER = Path(schemas.__file__).parent

CONTEXT = (
    "domain",
    "location",
    "location/city",
    "location/city/code",
    "location/country",
    "location/country/code",
    "action",
    "version",
    "bap_id",
    "bap_uri",
    "transaction_id",
    "message_id",
    "timestamp",
    "ttl",
)
DRAFT_ORDER = (
    "order",
    "order/provider",
    "order/provider/id",
    "order/items",
    "order/items/0",
    "order/items/0/id",
    "order/items/0/quantity/selected/measure/unit",
    "order/items/0/quantity/selected/measure/value",
    "order/fulfillments",
    "order/fulfillments/0/stops/0",
    "order/fulfillments/0/stops/0/time",
    "order/fulfillments/0/stops/1/time/range/end",
)
QUOTE = (
    "order/quote",
    "order/quote/id",
    "order/quote/ttl",
    "order/quote/price/currency",
    "order/quote/price/value",
    "order/quote/breakup",
    "order/quote/breakup/0/title",
    "order/quote/breakup/0/price",
    "order/quote/breakup/2/item/tags/0/list/0",
)
PAYMENT = ("order/payments", "order/payments/0", "order/payments/0/type", "order/payments/0/params/amount")
BILLING = ("order/billing", "order/billing/name")
RUNNING = (
    *DRAFT_ORDER,
    *QUOTE,
    *PAYMENT,
    "order/id",
    "order/status",
    "order/fulfillments/0/state",
    "order/fulfillments/0/state/descriptor/code",
)
OFFER = "catalog/providers/0/items/0"
NEEDED: dict[str, tuple[str, ...]] = {
    "search": ("intent", "intent/item", "intent/item/quantity/selected/measure/value"),
    "on_search": (
        "catalog",
        "catalog/providers",
        "catalog/providers/0",
        "catalog/providers/0/id",
        "catalog/providers/0/locations/0/gps",
        "catalog/providers/0/fulfillments/0/type",
        *(
            f"{OFFER}/{member}"
            for member in (
                "id",
                "descriptor/name",
                "price/value",
                "quantity/available",
                "location_ids",
                "location_ids/0",
                "fulfillment_ids",
                "cancellation_terms",
                "cancellation_terms/0/cancellation_fee/percentage",
                "tags/0",
                "tags/1",
                *(f"tags/0/list/{tag}" for tag in (0, 2, 7)),
                *(f"tags/1/list/{tag}" for tag in range(9)),
                "tags/2/list/1",
            )
        ),
    ),
    "select": DRAFT_ORDER,
    "on_select": (*DRAFT_ORDER, *QUOTE),
    "init": (*DRAFT_ORDER, *BILLING),
    "on_init": (*DRAFT_ORDER, *QUOTE, *PAYMENT),
    "confirm": (*DRAFT_ORDER, *QUOTE, *PAYMENT, *BILLING),
    "on_confirm": RUNNING,
    "status": ("order_id",),
    "on_status": (*RUNNING, *(f"order/fulfillments/0/tags/0/list/{tag}" for tag in range(2, 10))),
    "track": ("order_id",),
    "on_track": ("tracking", "tracking/id", "tracking/url", "tracking/status"),
    "update": ("update_target", "order", "order/id", "order/items", "order/items/0/quantity/selected"),
    "on_update": RUNNING,
    "cancel": ("order_id", "cancellation_reason_id"),
    "on_cancel": (
        *RUNNING,
        *(f"order/cancellation{member}" for member in ("", "/time", "/cancelled_by", "/reason", "/reason/id")),
    ),
    "rating": ("ratings", "ratings/0", "ratings/0/id", "ratings/0/value", "ratings/0/rating_category"),
    "on_rating": ("feedback_form/form",),
    "support": ("support", "support/ref_id"),
    "on_support": ("support", "support/ref_id"),
}


def envelope(action: str, **members: Any) -> dict[str, Any]:
    """A whole message with the story's context."""
    context = {
        "domain": "dent:0.1.0",
        "location": {"city": {"code": "std:080"}, "country": {"code": "IND"}},
        "action": action,
        "version": "1.1.1",
        "bap_id": "bap.example",
        "bap_uri": "https://bap.example/beckn",
        "bpp_id": "bpp.example",
        "bpp_uri": "https://bpp.example/beckn",
        "transaction_id": "4a0c2a52-6f0e-4d0c-9c1e-5b1f6f1d2a77",
        "message_id": "5b0c2a52-6f0e-4d0c-9c1e-5b1f6f1d2a77",
        "timestamp": "2026-11-01T00:00:00.000Z",
        "ttl": "PT30S",
    }
    return {"context": context, **members}


def told(action: str) -> dict[str, Any]:
    """The story's whole message for an action."""
    return envelope(action, message=written(action))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a message, at any depth."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(child)


def without(message: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of the message that lacks the member or item at ``path``."""
    rest = copy.deepcopy(message)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    owner: Any = rest
    for step in steps:
        owner = owner[step]
    del owner[last]
    return rest


@pytest.mark.parametrize("action", CONTENTS)
def test_the_story_fits_the_closed_schema_and_core(action: str) -> None:
    assert storage(action).explain(told(action)) == []
    assert core(action, formats=True).explain(told(action)) == []


def test_the_reference_validator_agrees_on_the_story() -> None:
    documents = [json.loads(file.read_bytes()) for file in FOLDER.rglob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        [(doc["$id"], Resource.from_contents(doc)) for doc in documents]
    )
    for action in CONTENTS:
        schema = json.loads((FOLDER / "battery-storage" / f"{action}.json").read_bytes())
        validator = jsonschema.Draft202012Validator(
            schema, registry=registry, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        validator.check_schema(schema)
        assert list(validator.iter_errors(told(action))) == []
        assert not validator.is_valid(told(action) | {"more": True})


@pytest.mark.parametrize("action", CONTENTS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_writer_emits_fits_the_closed_schema_and_core(action: str, data: Any) -> None:
    message = envelope(action, message=write(action, data.draw(contents(action))))
    assert storage(action).explain(message) == []
    assert core(action, formats=True).is_valid(message)


@pytest.mark.parametrize("action", CONTENTS)
def test_one_more_member_in_any_object_is_refused(action: str) -> None:
    for index in range(len(list(objects(told(action))))):
        message = told(action)
        list(objects(message))[index]["x-more"] = "1"
        assert not storage(action).is_valid(message), index


@pytest.mark.parametrize(("action", "path"), [(action, path) for action, paths in NEEDED.items() for path in paths])
def test_a_message_without_a_needed_member_is_refused(action: str, path: str) -> None:
    assert not storage(action).is_valid(without(told(action), f"message/{path}"))


@pytest.mark.parametrize("action", CONTENTS)
def test_a_context_without_a_needed_member_is_refused(action: str) -> None:
    members = CONTEXT if action == "search" else (*CONTEXT, "bpp_id", "bpp_uri")
    for path in members:
        assert not storage(action).is_valid(without(told(action), f"context/{path}")), path


def test_a_search_may_be_for_every_bpp() -> None:
    assert storage("search").is_valid(without(without(told("search"), "context/bpp_id"), "context/bpp_uri"))


@pytest.mark.parametrize(("version", "fits"), [("1.1.0", True), ("1.1.12", True), ("1.2.0", False), ("1.1", False)])
def test_any_version_1_1_of_core_is_spoken(version: str, fits: bool) -> None:
    message = told("select")
    message["context"]["version"] = version
    assert storage("select").is_valid(message) is fits


@pytest.mark.parametrize("action", CALLBACKS)
def test_a_callback_may_carry_an_error_instead_of_its_message(action: str) -> None:
    error = {"code": "40002", "paths": "/message/order/items/0", "message": "Only 120 kWh are free then."}
    empty: dict[str, Any] = {"message": {}} if action == "on_rating" else {}
    assert storage(action).explain(envelope(action, **empty, error=error)) == []
    assert core(action, formats=True).is_valid(envelope(action, **empty, error=error))
    assert not storage(action).is_valid(told(action) | {"error": error})
    assert not storage(action).is_valid(envelope(action, **empty, error={"code": "40002"}))


@pytest.mark.parametrize("action", [action for action in CALLBACKS if action != "on_rating"])
def test_a_callback_with_neither_message_nor_error_is_refused(action: str) -> None:
    assert not storage(action).is_valid(envelope(action))


@pytest.mark.parametrize("action", [action for action in CONTENTS if action not in CALLBACKS])
def test_a_request_can_not_carry_an_error(action: str) -> None:
    assert not storage(action).is_valid(told(action) | {"error": {"code": "30000", "message": "No."}})


@pytest.mark.parametrize(
    ("action", "path", "value"),
    [
        ("search", "intent/item/quantity/selected/measure/unit", "kWH"),
        ("search", "intent/item/quantity/selected/measure/value", "-300"),
        ("search", "intent/item/quantity/selected/measure/value", 300),
        ("search", "intent/item/descriptor/code", "ev-charging"),
        ("search", "intent/fulfillment/type", "Some Dispatch"),
        ("search", "intent/fulfillment/stops/0/time/range/start", "2026-11-01T00:00:00"),
        ("search", "intent/fulfillment/stops/0/location/circle/gps", "95.0,77.0"),
        ("on_search", "catalog/providers/0/items/0/price/currency", "INR / kWh"),
        ("on_search", "catalog/providers/0/items/0/price/value", "1e3"),
        ("on_search", "catalog/providers/0/items/0/tags/0/list/3/value", "per-hour"),
        ("on_search", "catalog/providers/0/items/0/tags/0/list/4/value", "ninety"),
        ("on_search", "catalog/providers/0/items/0/tags/0/list/4/descriptor/code", "rate-per-night"),
        ("on_init", "order/payments/0/url", "pay here"),
        ("on_init", "order/quote/id", "quote-1"),
        ("on_init", "order/quote/ttl", "15 minutes"),
        ("on_init", "order/quote/breakup/0/title", "Estimated units to be stored"),
        ("on_init", "order/billing/email", "energystoragesolutions@"),
        ("on_status", "order/status", "DONE"),
        ("on_status", "order/fulfillments/0/state/descriptor/code", "bill-paid"),
        ("on_status", "order/fulfillments/0/tags/0/list/8/value", "good"),
        ("update", "update_target", "order.items[0].quantity"),
    ],
)
def test_a_value_of_another_form_is_refused_at_its_place(action: str, path: str, value: Any) -> None:
    message = told(action)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    owner: Any = message["message"]
    for step in steps:
        owner = owner[step]
    assert last in owner
    owner[last] = value
    assert f"/message/{path}" in {violation.path for violation in storage(action).explain(message)}


def test_an_invoice_file_needs_the_invoice_tags() -> None:
    message = told("on_status")
    media = [{"mimetype": "application/json", "url": "https://bpp.example/invoices/1"}]
    message["message"]["order"]["fulfillments"][0]["state"]["descriptor"]["media"] = media
    assert not storage("on_status").is_valid(message)


def test_tag_groups_of_other_codes_may_stand_beside_ours() -> None:
    message = told("on_search")
    group = {"descriptor": {"name": "Awards"}, "list": [{"descriptor": {"name": "2026"}, "value": "Best battery"}]}
    message["message"]["catalog"]["providers"][0]["items"][0]["tags"].append(group)
    assert storage("on_search").is_valid(message)


def test_a_select_may_name_our_fulfillment_by_its_id_alone() -> None:
    message = without(told("select"), "message/order/fulfillments/0/type")
    assert storage("select").is_valid(message)
    message["message"]["order"]["fulfillments"][0]["id"] = "1"
    assert not storage("select").is_valid(message)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_the_closed_schema_lets_pass_is_valid_core(data: Any) -> None:
    action = data.draw(st.sampled_from(sorted(CONTENTS)))
    message = told(action)
    for _ in range(data.draw(st.integers(1, 3))):
        owner = data.draw(st.sampled_from([node for part in message.values() for node in objects(part) if node]))
        name = data.draw(st.sampled_from(sorted(owner)))
        change = data.draw(st.sampled_from(["drop", "replace", "double"]))
        if change == "drop":
            del owner[name]
        elif change == "replace":
            owner[name] = data.draw(st.sampled_from(["", "x", "1.5", "PT5M", "2026-11-01T00:00:00Z", 1, True, [], {}]))
        elif isinstance(owner[name], list):
            owner[name] = [*owner[name], *copy.deepcopy(owner[name])]
    if storage(action).is_valid(message):
        assert core(action, formats=True).explain(message) == []
