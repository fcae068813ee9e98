from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energy.offers import DispatchMode, Order, Payment, PaymentType
from energy.quantities import Money
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.orders import NEEDS, described, read_order, write_order
from tests.energy.wire.v1.examples import CONFIRMED, CONTENTS, INITIATED, SELECTED, written


def read(message: dict[str, Any]) -> Order:
    return read_order(Node(message, "/message"))


def refused(message: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as raised:
        read(message)
    return raised.value


def test_a_selection_has_provider_item_amount_windows_and_dispatch() -> None:
    assert write_order("select", replace(SELECTED, producer_meter_address=None)) == {
        "order": {
            "provider": {"id": "hebbal-storage", "descriptor": {"name": "Hebbal Storage"}},
            "items": [{"id": "battery-1", "quantity": {"selected": {"measure": {"value": "300", "unit": "kWh"}}}}],
            "fulfillments": [
                {
                    "id": "automatic-dispatch",
                    "type": "Automatic Dispatch",
                    "stops": [
                        {
                            "type": "start",
                            "time": {"range": {"start": "2026-11-01T00:00:00.000Z", "end": "2026-11-01T04:00:00.000Z"}},
                        },
                        {
                            "type": "end",
                            "time": {"range": {"start": "2026-11-05T20:00:00.000Z", "end": "2026-11-06T00:00:00.000Z"}},
                        },
                    ],
                }
            ],
        }
    }


def test_answers_say_that_the_order_can_be_tracked() -> None:
    assert written("on_confirm")["order"]["fulfillments"][0]["tracking"] is True
    assert "tracking" not in written("confirm")["order"]["fulfillments"][0]


@pytest.mark.parametrize(("action", "name"), [(action, name) for action, names in NEEDS.items() for name in names])
def test_an_order_that_lacks_what_its_action_needs_is_not_written(action: str, name: str) -> None:
    poorer = replace(CONTENTS[action], **{name: None})
    with pytest.raises(ValueError, match=f"{action} needs .*{name}"):
        write_order(action, poorer)


def test_an_id_of_our_catalog_names_the_dispatch_where_the_type_is_left_out() -> None:
    message = written("select")
    del message["order"]["fulfillments"][0]["type"]
    assert read(message) == SELECTED
    message["order"]["fulfillments"][0]["id"] = "1"
    assert refused(message).path == "/message/order/fulfillments/0/type"


def test_a_type_counts_before_an_id() -> None:
    message = written("select")
    message["order"]["fulfillments"][0]["type"] = "Manual Dispatch"
    assert read(message).mode is DispatchMode.MANUAL


@pytest.mark.parametrize("stop", [0, 1])
def test_an_order_without_both_windows_is_refused(stop: int) -> None:
    message = written("select")
    del message["order"]["fulfillments"][0]["stops"][stop]["time"]
    assert refused(message).path == "/message/order/fulfillments/0/stops"


def test_two_payments_are_refused() -> None:
    message = written("on_init")
    message["order"]["payments"] *= 2
    assert refused(message).path == "/message/order/payments"


def test_a_payment_in_another_currency_than_the_quote_is_refused_naming_both() -> None:
    message = write_order("on_init", replace(INITIATED, payment=Payment(PaymentType.PRE_ORDER, Money(1, "EUR"))))
    error = refused(message)
    assert error.path == "/message/order/payments/0/params/currency"
    assert "/message/order/quote/price/currency" in error.sentence


def test_the_consumers_cancellation_is_told_from_the_providers() -> None:
    message = written("on_cancel")
    assert message["order"]["cancellation"] == {
        "cancelled_by": "CONSUMER",
        "reason": {"id": "5", "descriptor": {"short_desc": "The grid is down"}},
        "time": "2026-11-01T00:00:00.000Z",
    }
    message["order"]["cancellation"]["cancelled_by"] = "PROVIDER"
    cancellation = read(message).cancellation
    assert cancellation is not None
    assert cancellation.by_consumer is False
    message["order"]["cancellation"]["cancelled_by"] = "GRID"
    assert refused(message).path == "/message/order/cancellation/cancelled_by"


@pytest.mark.parametrize(
    ("descriptor", "words"),
    [
        ({"short_desc": "s", "name": "n", "code": "c"}, "s"),
        ({"name": "n", "code": "c"}, "n"),
        ({"code": "c"}, "c"),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_descriptor_says_the_most_readable_of_its_texts(descriptor: dict[str, str] | None, words: str) -> None:
    assert described(None if descriptor is None else Node(descriptor, "/d")) == words


def test_personal_data_of_the_wrong_kind_is_not_quoted() -> None:
    message = write_order("on_confirm", CONFIRMED)
    message["order"]["billing"]["phone"] = 9_999_999_999
    error = refused(message)
    assert "9999" not in f"{error} {error.got} {error.expected}"
