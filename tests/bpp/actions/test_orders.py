"""What can be asked of a confirmed contract: status, track, update, cancel, rating, support."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from energy.offers import (
    CancelRequest,
    ContractState,
    FeedbackForm,
    Message,
    OrderStatus,
    RatingRequest,
    StatusRequest,
    SupportContact,
    SupportRequest,
    Tracking,
    TrackRequest,
    UpdateRequest,
)
from energy.quantities import Money
from energy.tariffs import LineTitle
from node.ids import new_uuid
from tests.bpp.platform import LISTED, OTHER_TRADE, PROVIDER, Platform, order, sample, use
from tests.energy.examples import BATTERY
from tests.messages import BPP_URL

OTHER_BAP = {"transaction_id": OTHER_TRADE, "bap_id": "other.test"}


async def bought(platform: Platform) -> str:
    return str((await platform.buy()).order.order_id)


async def test_status_tells_the_contract_with_the_batterys_live_state(platform: Platform) -> None:
    order_id = await bought(platform)
    await platform.add_samples(sample(platform.trade, 1_000, soc=Decimal("0.5"), power_w=2_000))
    told = (await platform.answer("status", StatusRequest(order_id))).order
    assert told.status is OrderStatus.ACTIVE
    assert told.live is not None
    assert (told.live.soc, told.live.power_w, told.live.energy_in_wh) == (Decimal("0.5"), 2_000, 0)


async def test_status_before_any_sample_has_no_live_state(platform: Platform) -> None:
    told = (await platform.answer("status", StatusRequest(await bought(platform)))).order
    assert told.live is None


async def test_track_tells_an_address_that_nobody_can_guess(platform: Platform) -> None:
    answer = await platform.answer("track", TrackRequest(await bought(platform)))
    assert isinstance(answer.content, Tracking)
    assert answer.content.active
    assert answer.content.url.startswith(f"{BPP_URL}/track/")
    assert len(answer.content.url.rpartition("/")[2]) >= 43


async def test_support_tells_whom_to_call(platform: Platform) -> None:
    answer = await platform.answer("support", SupportRequest("anything"))
    assert answer.content == SupportContact("anything", PROVIDER.phone, PROVIDER.email, PROVIDER.support_url)


async def test_another_amount_is_quoted_booked_and_told(platform: Platform) -> None:
    order_id = await bought(platform)
    told = (await platform.answer("update", UpdateRequest(order_id, "items", 200_000))).order
    assert told.state is ContractState.UPDATED
    assert told.use.energy_wh == 200_000
    assert told.quote is not None
    # 200 × 90 × 5/30 + 200 × 0.85 = 3170, and 18 % tax.
    assert told.quote.total == Money(374_060, "INR")
    other = await platform.answer("select", order(use=use(200_000)), **OTHER_BAP)
    assert other.code is None


async def test_an_update_that_does_not_fit_changes_nothing(platform: Platform) -> None:
    order_id = await bought(platform)
    before = await platform.contract(order_id)
    refused = await platform.answer("update", UpdateRequest(order_id, "items", 500_000))
    assert refused.code == "40002"
    assert await platform.contract(order_id) == before


@pytest.mark.parametrize(
    ("target", "energy_wh", "item_id", "code"),
    [
        ("billing", 200_000, None, "30012"),
        ("items", 200_000, "another-battery", "30004"),
        ("items", 500, None, "40002"),
    ],
)
async def test_an_update_that_we_do_not_make_is_refused(
    platform: Platform, target: str, energy_wh: int, item_id: str | None, code: str
) -> None:
    order_id = await bought(platform)
    refused = await platform.answer("update", UpdateRequest(order_id, target, energy_wh, item_id))
    assert refused.code == code


async def test_an_update_without_an_amount_is_refused(platform: Platform) -> None:
    message = {"update_target": "items", "order": {"id": await bought(platform)}}
    assert (await platform.answer("update", message)).code == "30000"


async def test_cancelling_costs_ten_percent_of_the_charges_and_frees_the_battery(platform: Platform) -> None:
    order_id = await bought(platform)
    told = (await platform.answer("cancel", CancelRequest(order_id, "1", "We moved house"))).order
    assert told.status is OrderStatus.CANCELLED
    assert told.quote is not None
    assert [line.title for line in told.quote.lines] == [LineTitle.CANCELLATION_FEE, LineTitle.CGST, LineTitle.SGST]
    assert told.quote.total == Money(56_110, "INR")
    assert told.cancellation is not None
    assert (told.cancellation.reason_id, told.cancellation.reason) == ("1", "We moved house")
    assert (await platform.answer("select", order(), **OTHER_BAP)).code is None


async def test_a_cancelled_contract_can_be_read_and_not_cancelled_again(platform: Platform) -> None:
    order_id = await bought(platform)
    await platform.answer("cancel", CancelRequest(order_id, "5", ""))
    assert (await platform.answer("cancel", CancelRequest(order_id, "5", ""))).code == "50001"
    assert (await platform.answer("status", StatusRequest(order_id))).order.state is ContractState.CANCELLED


async def test_an_unknown_reason_is_refused_and_names_the_known_ones(platform: Platform) -> None:
    refused = await platform.answer("cancel", CancelRequest(await bought(platform), "99", "because"))
    assert refused.code == "30011"
    assert refused.error is not None
    assert "5 (The grid is down)" in refused.error["message"]


@pytest.mark.parametrize(("action", "code"), [("cancel", "50001"), ("update", "50002")])
async def test_once_charging_began_nothing_is_changed(platform: Platform, action: str, code: str) -> None:
    order_id = await bought(platform)
    platform.go_to(use().charge.start)
    requests: dict[str, Message] = {
        "cancel": CancelRequest(order_id, "1", ""),
        "update": UpdateRequest(order_id, "items", 200_000),
    }
    assert (await platform.answer(action, requests[action])).code == code


async def test_the_orders_of_another_platform_do_not_exist_for_a_sender(platform: Platform) -> None:
    order_id = await bought(platform)
    requests: dict[str, Message] = {
        "status": StatusRequest(order_id),
        "track": TrackRequest(order_id),
        "update": UpdateRequest(order_id, "items", 200_000),
        "cancel": CancelRequest(order_id, "1", ""),
    }
    codes = {action: (await platform.answer(action, request, **OTHER_BAP)).code for action, request in requests.items()}
    assert codes == dict.fromkeys(requests, "30010")


async def test_a_quote_is_no_order_yet(platform: Platform) -> None:
    await platform.answer("select", order())
    assert (await platform.answer("status", StatusRequest(new_uuid()))).code == "30010"


async def test_ratings_of_orders_show_in_the_catalog_as_their_batterys_average(platform: Platform) -> None:
    order_id = await bought(platform)
    assert (await platform.answer("rating", RatingRequest("Order", order_id, Decimal(4)))).content == FeedbackForm(None)
    await platform.answer("rating", RatingRequest("Item", BATTERY.battery_id, Decimal(5)), **OTHER_BAP)
    listed = await platform.listed(BATTERY.battery_id)
    assert listed.rating == Decimal("4.5")
    assert replace(listed, rating=None) == LISTED


async def test_a_second_rating_takes_the_place_of_the_first(platform: Platform) -> None:
    order_id = await bought(platform)
    await platform.answer("rating", RatingRequest("Order", order_id, Decimal(1)))
    await platform.answer("rating", RatingRequest("Order", order_id, Decimal(3)))
    assert (await platform.listed(BATTERY.battery_id)).rating == Decimal(3)


@pytest.mark.parametrize("value", ["0", "6", "4.5", "-1"])
async def test_a_rating_that_is_not_from_one_to_five_is_refused(platform: Platform, value: str) -> None:
    refused = await platform.answer("rating", RatingRequest("Order", await bought(platform), Decimal(value)))
    assert refused.code == "30015"


@pytest.mark.parametrize(
    ("category", "rated_id"), [("Order", "unknown"), ("Item", "unknown"), ("Provider", "stranger"), ("Agent", "anyone")]
)
async def test_what_is_not_here_can_not_be_rated(platform: Platform, category: str, rated_id: str) -> None:
    refused = await platform.answer("rating", RatingRequest(category, rated_id, Decimal(3)))
    assert refused.code == "30014"
