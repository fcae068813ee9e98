"""What an update says, by its target, and what it makes of a use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy.offers import Billing, Payment, PaymentType, StorageUse, UpdateRequest
from energy.quantities import Money
from energy.wire.v1.reader import read
from energy.wire.v1.writer import write
from tests.energy.examples import USE, hours

LATER = hours(128, 132)
PAID = Payment(PaymentType.POST_FULFILLMENT, Money(561_090, "INR"), paid=True, reference="UTR 4711")


def test_energy_is_asked_back_by_a_return_stop_with_its_window_and_an_amount_beside_it() -> None:
    request = UpdateRequest("HS-0001", "fulfillments", giveback=LATER, return_wh=100_000)
    message = write("update", request)
    assert message == {
        "update_target": "fulfillments",
        "order": {
            "id": "HS-0001",
            "fulfillments": [
                {
                    "stops": [
                        {
                            "type": "end",
                            "time": {"range": {"start": "2026-11-06T08:00:00.000Z", "end": "2026-11-06T12:00:00.000Z"}},
                        }
                    ],
                    "tags": [
                        {
                            "descriptor": {"code": "energy-retrieval"},
                            "display": True,
                            "list": [{"descriptor": {"code": "energy-kwh"}, "value": "100"}],
                        }
                    ],
                }
            ],
        },
    }
    assert read("update", message) == request


def test_several_targets_stand_in_one_message_separated_by_commas() -> None:
    request = UpdateRequest(
        "HS-0001", "items,billing,payments", energy_wh=200_000, billing=Billing("Asha Rao"), payment=PAID
    )
    message = write("update", request)
    assert set(message["order"]) == {"id", "items", "billing", "payments"}
    assert message["order"]["payments"][0]["status"] == "PAID"
    assert read("update", message) == request


@pytest.mark.parametrize(
    ("target", "named"), [("item", "items"), ("fulfillment", "fulfillments"), ("billing", "billing")]
)
def test_a_target_may_name_one_of_its_objects(target: str, named: str) -> None:
    assert UpdateRequest("HS-0001", f" {target} ,payment").targets == {named, "payments"}


@pytest.mark.parametrize(
    "request_",
    [
        UpdateRequest("HS-0001", "provider"),
        UpdateRequest("HS-0001", "items"),
        UpdateRequest("HS-0001", "fulfillments"),
        UpdateRequest("HS-0001", "items,billing", energy_wh=1),
        UpdateRequest("HS-0001", "items", energy_wh=1, billing=Billing("Asha Rao")),
        UpdateRequest("HS-0001", ""),
    ],
)
def test_a_target_without_its_object_or_with_another_ones_is_not_written(request_: UpdateRequest) -> None:
    with pytest.raises(ValueError, match="can not be asked for"):
        write("update", request_)


@pytest.mark.parametrize(
    ("request_", "use"),
    [
        (UpdateRequest("o", "items", energy_wh=200_000), replace(USE, energy_wh=200_000)),
        (UpdateRequest("o", "fulfillments", giveback=LATER), replace(USE, giveback=LATER)),
        (UpdateRequest("o", "fulfillments", return_wh=5), replace(USE, return_wh=5)),
        (UpdateRequest("o", "billing", billing=Billing("Asha Rao")), USE),
    ],
)
def test_what_an_update_does_not_name_stays_as_it_was(request_: UpdateRequest, use: StorageUse) -> None:
    assert request_.applied_to(USE) == use


def test_another_window_is_all_asked_back_again_and_who_pays_changes_nothing_about_that() -> None:
    part = replace(USE, return_wh=5)
    assert UpdateRequest("o", "fulfillments", giveback=LATER).applied_to(part) == replace(USE, giveback=LATER)
    assert UpdateRequest("o", "billing", billing=Billing("Asha Rao")).applied_to(part) == part
