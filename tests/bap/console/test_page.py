"""The page under ``/console``: kept to itself by its headers, and drawn by a real browser where there is one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx
import pytest

from bap.app import Bap
from bap.client import AsyncBapClient
from bap.console import page
from energy.offers import ContractState
from node.console.pages import PAGE, SHARED
from tests.bap.examples import live
from tests.bap.market import Market
from tests.bap.test_app import trade
from tests.browser import needs_chromium, visiting
from tests.consoles import check_files, small_texts

FOLDER = Path(page.__file__).parent
FILES = ("", *(f"/{name}" for name in (*page.FILES, *SHARED)))


@pytest.fixture
async def browser(bap: Bap) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that was given the address with the token."""
    async with httpx.AsyncClient(base_url=bap.participant.identity.url.removesuffix("/beckn")) as opened:
        answer = await opened.get("/console", params={"token": bap.participant.token})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
        yield opened


@pytest.mark.parametrize("path", FILES)
async def test_every_file_of_the_page_is_served_with_a_policy_that_lets_nothing_else_in(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.get(f"/console{path}")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_cookie_reads_the_api_and_can_not_write(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/api/v1/contracts")).json() == {"contracts": []}
    assert (await browser.post("/api/v1/searches", json={})).status_code == 401


def test_every_file_of_the_page_is_served_and_none_is_missing() -> None:
    there = {path.name for path in FOLDER.iterdir() if path.suffix in {".html", ".css", ".js", ".svg"}}
    assert there == {PAGE, *page.FILES}


def test_nothing_comes_from_elsewhere_and_nothing_is_read_as_markup() -> None:
    check_files(FOLDER)


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_offers_contract_and_live_state_of_charge_are_on_the_page_of_a_phone(
    bap: Bap, client: AsyncBapClient, market: Market, scheme: Literal["light", "dark"]
) -> None:
    contract_id = await trade(client, market)
    told = market.running(market.contents["confirm"], state=ContractState.IN_PROGRESS)
    await market.tell_unasked("on_status", contract_id, replace(told, live=live()))
    server = bap.participant.identity.url.removesuffix("/beckn")
    async with visiting() as visit:
        page = visit.page
        await page.emulate_media(color_scheme=scheme)
        await page.goto(f"{server}/console?token={bap.participant.token}")
        await page.get_by_text("Up to date.").wait_for()
        text = re.sub(r"\s+", " ", await page.locator("main").inner_text())
        for words in ("Hebbal 1", "Bengaluru Storage", "₹5,610.90", "7.1 km", "88.4 %", "42 %", "Charging at 75 kW"):
            assert words in text
        assert "75 kWh of 300 kWh" in text
        assert not await visit.is_wider_than_its_window()
        assert await page.locator(".battery .text").evaluate("at => at.scrollWidth <= at.clientWidth")
        assert await small_texts(visit) == []
        assert [url for url in visit.requested if not url.startswith(f"{server}/")] == []
        assert visit.complaints == []


@needs_chromium
async def test_a_contract_is_chosen_with_the_keyboard_and_keeps_the_focus(
    bap: Bap, client: AsyncBapClient, market: Market
) -> None:
    await trade(client, market)
    server = bap.participant.identity.url.removesuffix("/beckn")
    async with visiting() as visit:
        page = visit.page
        await page.goto(f"{server}/console?token={bap.participant.token}")
        choice = page.locator("button.row")
        await choice.focus()
        await visit.press("Enter")
        await page.locator("button.row[aria-pressed=true]").wait_for()
        assert await choice.evaluate("at => at === document.activeElement")
        assert await choice.evaluate("at => getComputedStyle(at).outlineStyle") != "none"
        assert await page.get_by_role("main").count() == await page.get_by_role("banner").count() == 1
