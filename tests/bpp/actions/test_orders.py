"""What can be asked of a confirmed contract: status, track, update, cancel, rating, support."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from energy.messages import Message
from energy.offers import (
    CancelRequest,
    FeedbackForm,
    OrderStatus,
    RatingRequest,
    StatusRequest,
    SupportContact,
    SupportRequest,
    Tracking,
    TrackRequest,
    UpdateRequest,
)
from node.ids import new_uuid
from tests.bpp.platform import LISTED, OTHER_TRADE, PROVIDER, Platform, order, sample
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


async def test_support_tells_whom_to_call_and_a_link_that_nobody_can_guess(platform: Platform) -> None:
    told = [(await platform.answer("support", SupportRequest("anything"))).content for _ in range(2)]
    for contact in told:
        assert isinstance(contact, SupportContact)
        assert (contact.ref_id, contact.phone, contact.email) == ("anything", PROVIDER.phone, PROVIDER.email)
        assert contact.url.startswith(f"{BPP_URL}/tickets/")
    assert told[0] != told[1]


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
    answer = await platform.answer("rating", RatingRequest("Order", order_id, Decimal(4)))
    assert isinstance(answer.content, FeedbackForm)
    assert str(answer.content.url).startswith(f"{BPP_URL}/feedback/")
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
    ("category", "rated_id"),
    [("Order", "unknown"), ("Item", "unknown"), ("Provider", "stranger"), ("Fulfillment", "manual-dispatch")],
)
async def test_what_is_not_here_can_not_be_rated(platform: Platform, category: str, rated_id: str) -> None:
    refused = await platform.answer("rating", RatingRequest(category, rated_id, Decimal(3)))
    assert refused.code == "30014"


async def test_nobody_can_be_rated_as_an_agent(platform: Platform) -> None:
    assert (await platform.answer("rating", RatingRequest("Agent", "anyone", Decimal(3)))).code == "50003"


async def test_dispatch_counts_for_the_battery_and_support_and_provider_do_not(platform: Platform) -> None:
    order_id = await bought(platform)
    for category, rated_id, value in (
        ("Fulfillment", "automatic-dispatch", 5),
        ("Support", order_id, 1),
        ("Provider", PROVIDER.provider_id, 1),
    ):
        answer = await platform.answer("rating", RatingRequest(category, rated_id, Decimal(value)))
        assert answer.code is None
    assert (await platform.listed(BATTERY.battery_id)).rating == Decimal(5)


async def test_the_form_for_more_words_about_a_rating_stays_where_it_is(platform: Platform) -> None:
    order_id = await bought(platform)
    urls = [
        (await platform.answer("rating", RatingRequest("Order", order_id, Decimal(value)))).content for value in (1, 3)
    ]
    assert urls[0] == urls[1]
