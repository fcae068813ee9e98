"""The live address of an order of several batteries tells of all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.bpp.actions.test_several_batteries import OTHER, SMALL, bought
from tests.bpp.api.test_live import tracked
from tests.bpp.platform import LISTED, Platform, sample


async def test_the_address_of_an_order_tells_of_each_of_its_batteries(platform: Platform, stranger: Any) -> None:
    await platform.put_battery(replace(LISTED, battery=OTHER))
    path = await tracked(platform, str((await bought(platform)).order_id))
    within = SMALL.charge.start + timedelta(hours=1)
    platform.go_to(within)
    await platform.add_samples(replace(sample(within, 5_000, power_w=12_500), battery_id=OTHER.battery_id))
    async with stranger.get(path) as answer:
        told = await answer.json()
    (second,) = told["others"]
    assert (told["item_id"], second["item_id"]) == ("battery-1", "battery-2")
    assert second["live"]["power_w"] == 12_500
