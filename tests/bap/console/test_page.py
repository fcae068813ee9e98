"""The page under ``/console``: kept to itself by its headers, and drawn by a real browser where there is one."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bap.app import Bap
from bap.client import AsyncBapClient
from bap.console import page
from energy.offers import ContractState
from tests.bap.examples import live
from tests.bap.market import Market
from tests.bap.test_app import trade

FOLDER = Path(page.__file__).parent
FILES = ("", "/console.css", "/console.js", "/views.js", "/drawing.js", "/icon.svg")


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


def test_the_page_names_no_other_server() -> None:
    for path in FOLDER.iterdir():
        if path.suffix in {".html", ".css", ".js", ".svg"}:
            urls = re.findall(r"(?:https?:)?//[a-z][^\s\"']*", path.read_text(encoding="utf-8"))
            assert [url for url in urls if not url.startswith("http://www.w3.org/")] == []


def test_no_script_or_style_stands_in_the_page_itself() -> None:
    text = (FOLDER / "console.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert re.findall(r"<script([^>]*)>([^<]*)", text) == [(' type="module" src="console/console.js"', "")]


def test_what_others_wrote_is_never_read_as_markup() -> None:
    scripts = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("console.js", "views.js", "drawing.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)


def test_every_table_has_a_caption_and_every_head_a_scope() -> None:
    text = (FOLDER / "views.js").read_text(encoding="utf-8")
    assert text.count('el("table"') == text.count('el("caption"') > 0
    assert text.count('el("th", {') == len(re.findall(r'el\("th", \{ scope: "(?:col|row)"', text)) > 0


async def drawn(bap: Bap, folder: Path) -> str:
    """The page as a browser shows it a few seconds after it was opened."""
    url = f"{bap.participant.identity.url.removesuffix('/beckn')}/console?token={bap.participant.token}"
    process = await asyncio.create_subprocess_exec(
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
        "--virtual-time-budget=5000", "--dump-dom", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return re.sub(r"<[^>]+>|\s+", " ", output.decode())


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to draw the page with")
async def test_offers_contract_and_live_state_of_charge_are_on_the_page(
    bap: Bap, client: AsyncBapClient, market: Market, tmp_path: Path
) -> None:
    contract_id = await trade(client, market)
    told = market.running(market.contents["confirm"], state=ContractState.IN_PROGRESS)
    await market.tell_unasked("on_status", contract_id, replace(told, live=live()))
    text = await drawn(bap, tmp_path / "browser")
    for words in ("Hebbal 1", "Bengaluru Storage", "₹5,610.90", "7.1 km", "88.4 %", "42 %", "Charging at 75 kW"):
        assert words in text
    assert "75 kWh of 300 kWh" in re.sub(r"\s+", " ", text)
