"""The operator ends a contract: for its own reasons, without a fee, and the other side is told at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from energy.offers import OrderStatus
from tests.bpp.platform import OTHER_TRADE, Platform, order, sample, use

OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}


async def bought(platform: Platform) -> str:
    return str((await platform.buy()).order.order_id)


async def test_the_other_side_hears_of_it_by_an_on_cancel_that_nobody_asked_for(
    platform: Platform, operator: Any
) -> None:
    order_id = await bought(platform)
    answer = await operator.post(f"/api/v1/contracts/{order_id}/cancel", json={"reason_id": "6"})
    content = await answer.json()
    assert (content["stage"], content["cancellation"]["cancelled_by"]) == ("CANCELLED", "PROVIDER")
    assert (content["quote"]["total"], content["invoice"]) == ("0.00", None)
    (told,) = await platform.sent()
    assert told.action == "on_cancel"
    assert told.order.status is OrderStatus.CANCELLED
    assert told.order.cancellation is not None
    assert (told.order.cancellation.by_consumer, told.order.cancellation.reason) == (
        False,
        "The battery is out of service",
    )
    assert (await platform.answer("select", order(), **OTHER_BAP)).code is None


async def test_what_was_used_until_then_is_invoiced(platform: Platform, operator: Any) -> None:
    order_id = await bought(platform)
    start = use().charge.start
    await platform.add_samples(sample(start, 0), sample(start + timedelta(hours=2), 75_000))
    platform.go_to(start + timedelta(hours=2))
    content = {"reason_id": "7", "reason": "Smoke in the container"}
    cancelled = await (await operator.post(f"/api/v1/contracts/{order_id}/cancel", json=content)).json()
    # 84.38 for capacity and 63.75 for 75 kWh, and 18 % tax.
    assert cancelled["quote"]["total"] == "174.79"
    assert cancelled["invoice"]["total"] == "174.79"
    assert cancelled["cancellation"]["reason"] == "Smoke in the container"


@pytest.mark.parametrize("content", [{}, {"reason_id": "1"}, {"reason_id": 6}, {"reason_id": "6", "reason": 1}])
async def test_a_reason_that_is_none_of_the_operators_is_refused(
    platform: Platform, operator: Any, content: dict[str, object]
) -> None:
    order_id = await bought(platform)
    refused = await operator.post(f"/api/v1/contracts/{order_id}/cancel", json=content)
    assert (refused.status, "6 (The battery is out of service)" in (await refused.json())["detail"]) == (422, True)


async def test_what_is_over_or_unknown_is_not_cancelled(platform: Platform, operator: Any) -> None:
    order_id = await bought(platform)
    wish = {"reason_id": "6"}
    assert (await operator.post("/api/v1/contracts/unknown/cancel", json=wish)).status == 404
    platform.go_to(use().giveback.end)
    assert (await operator.post(f"/api/v1/contracts/{order_id}/cancel", json=wish)).status == 409


async def test_the_reasons_are_listed_with_who_may_say_them(operator: Any) -> None:
    listed = (await (await operator.get("/api/v1/cancellation-reasons")).json())["reasons"]
    said_by = {each["reason_id"]: each["cancelled_by"] for each in listed}
    assert (said_by["1"], said_by["5"], said_by["6"]) == (["CONSUMER"], ["CONSUMER", "PROVIDER"], ["PROVIDER"])
