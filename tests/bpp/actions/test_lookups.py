"""Orders that leave out what their transaction has said before, or what nobody has (ENERGY 1.2, S8 and S12)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bpp.actions.lookups import NO_USUAL_WINDOWS
from bpp.settings import WindowlessSettings
from energy.searches import SearchIntent
from energy.wire.v1.writer import write
from protocol.errors import INVALID_REQUEST, SettingsWrong
from tests.bpp.platform import BILLING, Platform, order, running, use

USE = use()


@pytest_asyncio.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    async with running(tmp_path) as started:
        await started.put_battery()
        yield started


def short(action: str = "select", *, windows: bool = False, **more: Any) -> dict[str, Any]:
    """An order without its amount, and without its windows unless asked for."""
    message = write(action, order(**more))
    del message["order"]["items"][0]["quantity"]
    if not windows:
        del message["order"]["fulfillments"][0]["stops"]
    return message


async def test_the_amount_and_the_windows_are_those_of_the_search(platform: Platform) -> None:
    search = write("search", SearchIntent(USE.energy_wh, USE.charge, USE.giveback))
    search["intent"]["note"] = "not in the strict form"
    await platform.answer("search", search)
    assert (await platform.answer("select", short())).order.use == USE


async def test_a_later_selection_counts_more_than_the_search(platform: Platform) -> None:
    smaller = replace(USE, energy_wh=100_000)
    await platform.answer("search", write("search", SearchIntent(USE.energy_wh)))
    await platform.answer("select", order(use=smaller))
    assert (await platform.answer("init", short("init", billing=BILLING))).order.use == smaller


async def test_the_windows_of_who_names_none_are_the_operators(platform: Platform) -> None:
    platform.desk.settings = replace(platform.desk.settings, windowless=WindowlessSettings())
    await platform.answer("search", write("search", SearchIntent(USE.energy_wh)))
    told = (await platform.answer("select", short())).order
    assert (told.use.charge, told.use.giveback) == WindowlessSettings().windows(platform.trade)
    assert (await platform.answer("init", short("init", billing=BILLING))).order.use == told.use


async def test_who_names_no_windows_is_refused_where_the_operator_has_none(platform: Platform) -> None:
    await platform.answer("search", write("search", SearchIntent(USE.energy_wh)))
    letter = await platform.answer("select", short())
    assert letter.error is not None
    assert letter.code == INVALID_REQUEST
    assert letter.error["message"].endswith(NO_USUAL_WINDOWS)


async def test_an_amount_that_nobody_has_named_is_asked_for(platform: Platform) -> None:
    letter = await platform.answer("select", short(windows=True))
    assert letter.error is not None
    assert (letter.code, letter.error["paths"]) == (INVALID_REQUEST, "/message/order/items/0/quantity")


@pytest.mark.parametrize(("name", "value"), [("charge_s", 0), ("giveback_s", 1_000), ("lead_s", -900), ("hold_s", 1)])
def test_windows_that_no_battery_can_be_booked_for_are_no_setting(name: str, value: int) -> None:
    with pytest.raises(SettingsWrong, match=f"windowless.{name}"):
        WindowlessSettings(**{name: value})
