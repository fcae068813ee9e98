"""The page's files and the headers that keep it to itself: its own script and style, and no server but this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from node.auth import CONSOLE

_HERE = Path(__file__).parent
_PAGE = "console.html"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = (_PAGE, "console.css", "console.js", "views.js", "drawing.js", "icon.svg")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_console(app: web.Application) -> None:
    """``GET /console`` and its files; the participant's middleware asks for the token or its cookie."""
    for name in _FILES:
        path = CONSOLE if name == _PAGE else f"{CONSOLE}/{name}"
        app.router.add_get(path, _served(_HERE / name))


def _served(file: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    content, content_type = file.read_bytes(), _TYPES[file.suffix]

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type, charset="utf-8", headers=_HEADERS)

    return handler
