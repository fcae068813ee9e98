"""The harness's own messages are valid, and any catalog can be looked through."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import messages
from conformance.messages import BILLING, Letter, Parties, Pick, Writer, nothing_known, picked, use_on
from energy.messages import Message
from energy.offers import CancelRequest, DispatchMode, Provider, StatusRequest
from energy.wire.v1.writer import write
from schemas.loader import core, storage
from tests.conformance.targets import CATALOG
from tests.messages import DAY

PARTIES = Parties(
    domain="dent:0.1.0",
    bap_id="harness.test",
    bap_uri="http://127.0.0.1:4003/beckn",
    bpp_id="target.test",
    bpp_uri="http://127.0.0.1:4002/beckn",
    city_code="std:080",
    country_code="IND",
)
USE = use_on(date(2026, 11, 21), 10_000)
ORDER = messages.order(nothing_known(), USE)
CONFIRMED = messages.with_made_up_terms(ORDER, "5c2b1f0a-2f33-4a53-8a3e-9d1f4a1c7b60")


def letter(action: str, content: Message) -> Letter:
    return Writer(PARTIES, lambda: DAY).letter(action, content)


@pytest.mark.parametrize(
    ("action", "content"),
    [
        ("search", messages.intent(USE)),
        ("select", ORDER),
        ("init", replace(ORDER, billing=BILLING)),
        ("confirm", CONFIRMED),
        ("status", StatusRequest("order-1")),
        ("cancel", CancelRequest("order-1", "5", "The run is over.")),
    ],
)
def test_what_the_harness_sends_is_valid_by_core_and_by_the_storage_trade(action: str, content: Message) -> None:
    made = letter(action, content)

    assert core(action, formats=True).explain(made.content) == []
    assert storage(action).explain(made.content) == []


def test_a_search_names_no_bpp_and_everything_else_does() -> None:
    assert "bpp_id" not in letter("search", messages.intent(USE)).content["context"]
    assert letter("select", ORDER).content["context"]["bpp_id"] == PARTIES.bpp_id


def test_every_letter_has_ids_of_its_own() -> None:
    one, other = letter("select", ORDER), letter("select", ORDER)

    assert one.message_id != other.message_id
    assert one.transaction_id != other.transaction_id


def test_a_spoilt_letter_differs_in_one_member_and_leaves_the_first_alone() -> None:
    made = letter("select", ORDER)
    spoilt = made.with_context(action="init")
    rest = {name: value for name, value in made.content["context"].items() if name != "bap_id"}

    assert spoilt.content == {**made.content, "context": {**made.content["context"], "action": "init"}}
    assert made.without_context("bap_id").content["context"] == rest
    assert made.content["context"]["action"] == "select"


def test_the_first_item_of_a_catalog_is_picked_with_its_way_of_dispatch() -> None:
    assert picked(write("on_search", CATALOG)) == Pick(
        Provider("provider-1", "Provider"), "battery-1", DispatchMode.AUTOMATIC
    )


def test_an_item_of_manual_dispatch_is_ordered_so() -> None:
    catalog = {
        "providers": [
            {
                "id": "p",
                "fulfillments": [{"id": "1", "type": "Automatic Dispatch"}, {"id": "2", "type": "Manual Dispatch"}],
                "items": [{"id": "i", "fulfillment_ids": ["2"]}],
            }
        ]
    }

    assert picked({"catalog": catalog}) == Pick(Provider("p", ""), "i", DispatchMode.MANUAL)


def test_a_provider_without_items_is_picked_without_an_item() -> None:
    assert picked({"catalog": {"providers": [{"id": "p"}]}}) == Pick(Provider("p", ""), None, DispatchMode.AUTOMATIC)


@pytest.mark.parametrize("message", [{}, {"catalog": {}}, {"catalog": {"providers": [{"items": [{"id": "i"}]}]}}])
def test_a_catalog_without_providers_gives_nothing(message: dict[str, Any]) -> None:
    assert picked(message) is None


_MEMBERS = st.sampled_from(["catalog", "providers", "items", "id", "descriptor", "name", "fulfillments", "type"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_MEMBERS | st.just("fulfillment_ids"), inner),
    max_leaves=20,
)


@given(st.lists(_JSON, max_size=3))
def test_no_catalog_breaks_the_harness(providers: list[Any]) -> None:
    pick = picked({"catalog": {"providers": providers}})

    assert pick is None or pick.provider.provider_id != ""
