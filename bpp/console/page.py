"""The files of the operator's console; `node.console.pages` serves them."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from node.console.pages import add_pages

FILES = (
    "console.css",
    "console.js",
    "fleet.js",
    "battery.js",
    "charts.js",
    "commands.js",
    "trades.js",
    "care.js",
    "dialogs.js",
)


def add_console(app: web.Application) -> None:
    """``GET /console`` and its files; the participant's middleware asks for a session or a token."""
    add_pages(app, Path(__file__).parent, FILES)
