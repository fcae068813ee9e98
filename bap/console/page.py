"""The files of the producer's page; `node.console.pages` serves them."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from node.console.pages import add_pages

FILES = ("console.css", "console.js", "views.js", "drawing.js")


def add_console(app: web.Application) -> None:
    """``GET /console`` and its files; the participant's middleware asks for a session or a token."""
    add_pages(app, Path(__file__).parent, FILES)
