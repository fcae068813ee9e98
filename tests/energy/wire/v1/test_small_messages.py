from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from energy.offers import CancelRequest, FeedbackForm, RatingRequest, SupportContact
from energy.wire.v1.errors import WireError
from energy.wire.v1.reader import read
from energy.wire.v1.writer import write
from tests.energy.wire.v1.examples import written


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("status", {"order_id": "HS-0001"}),
        ("track", {"order_id": "HS-0001", "callback_url": "https://bap.example/track"}),
        ("on_track", {"tracking": {"id": "track-1", "url": "https://bpp.example/track/1", "status": "active"}}),
        (
            "update",
            {
                "update_target": "items",
                "order": {
                    "id": "HS-0001",
                    "items": [
                        {
                            "id": "battery-1",
                            "descriptor": {"code": "energy-storage"},
                            "quantity": {"selected": {"measure": {"value": "200", "unit": "kWh"}}},
                        }
                    ],
                },
            },
        ),
        (
            "cancel",
            {
                "order_id": "HS-0001",
                "cancellation_reason_id": "5",
                "descriptor": {"short_desc": "The grid is down"},
            },
        ),
        ("rating", {"ratings": [{"rating_category": "Order", "id": "HS-0001", "value": "4.5"}]}),
        (
            "on_rating",
            {
                "feedback_form": {
                    "form": {"url": "https://bpp.example/feedback", "mime_type": "text/html"},
                    "required": False,
                }
            },
        ),
        ("support", {"support": {"ref_id": "HS-0001"}}),
        (
            "on_support",
            {
                "support": {
                    "ref_id": "HS-0001",
                    "phone": "+91 80 5550 0100",
                    "email": "desk@hebbal.example.in",
                    "url": "https://bpp.example/help",
                }
            },
        ),
    ],
)
def test_each_small_message_has_the_shape_of_core(action: str, message: dict[str, Any]) -> None:
    assert written(action) == message


def test_an_answer_to_a_rating_without_a_form_is_empty() -> None:
    assert write("on_rating", FeedbackForm(None)) == {}


def test_a_way_to_support_that_there_is_not_is_left_out() -> None:
    contact = SupportContact("HS-0001", "+91 80 5550 0100", "", "")
    assert write("on_support", contact) == {"support": {"ref_id": "HS-0001", "phone": "+91 80 5550 0100"}}
    assert read("on_support", write("on_support", contact)) == contact


@pytest.mark.parametrize("code", ["SOFT_CANCEL", "soft-cancel", "soft"])
def test_a_cancel_that_only_asks_what_it_would_cost_says_so_by_its_descriptors_code(code: str) -> None:
    asked = CancelRequest("HS-0001", "5", "The grid is down", soft=True)
    message = write("cancel", asked)
    assert message["descriptor"] == {"code": "SOFT_CANCEL", "short_desc": "The grid is down"}
    message["descriptor"]["code"] = code
    assert read("cancel", message) == asked


def test_a_cancel_whose_code_is_its_reason_is_meant() -> None:
    message = write("cancel", CancelRequest("HS-0001", "5", "")) | {"descriptor": {"code": "grid-down"}}
    assert read("cancel", message) == CancelRequest("HS-0001", "5", "grid-down")


def test_a_cancellation_needs_no_words() -> None:
    message = {"order_id": "HS-0001", "cancellation_reason_id": "5"}
    assert read("cancel", message) == CancelRequest("HS-0001", "5", "")


def test_a_rating_of_something_that_core_does_not_know_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError, match="none of Item"):
        write("rating", RatingRequest("Battery", "battery-1", Decimal(5)))
    message = written("rating")
    message["ratings"][0]["rating_category"] = "Battery"
    with pytest.raises(WireError) as raised:
        read("rating", message)
    assert raised.value.path == "/message/ratings/0/rating_category"


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ("status", "/message/order_id"),
        ("track", "/message/order_id"),
        ("on_track", "/message/tracking"),
        ("update", "/message/order"),
        ("cancel", "/message/order_id"),
        ("rating", "/message/ratings"),
        ("support", "/message/support"),
        ("on_support", "/message/support"),
        ("search", "/message/intent"),
        ("on_search", "/message/catalog"),
        ("select", "/message/order"),
    ],
)
def test_an_empty_message_is_refused_at_what_it_lacks(action: str, path: str) -> None:
    with pytest.raises(WireError) as raised:
        read(action, {})
    assert raised.value.path == path


def test_tracking_is_active_or_inactive() -> None:
    message = written("on_track")
    message["tracking"]["status"] = "paused"
    with pytest.raises(WireError, match="active or inactive"):
        read("on_track", message)
