"""A real headless Chromium for stories that people live through; where there is none, they are skipped and say so."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

PHONE = {"width": 360, "height": 640}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


class Visit:
    """A page in a browser, what it asked for (``requested``) and what the browser complained of (``complaints``)."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requested: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("console", self._note)

    async def is_wider_than_its_window(self) -> bool:
        """Whether a person has to scroll sideways."""
        return bool(await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    async def press(self, *keys: str) -> None:
        """Keys one after the other, as somebody without a mouse presses them."""
        for key in keys:
            await self.page.keyboard.press(key)

    def _note(self, message: Any) -> None:
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.complaints.append(message.text)


@asynccontextmanager
async def visiting() -> AsyncIterator[Visit]:
    """A browser with the window of a phone."""
    async with async_playwright() as playwright:
        # As root, which containers run their tests as, Chromium's sandbox does not start.
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield Visit(await browser.new_page(viewport=PHONE))
        finally:
            await browser.close()
