"""Serving a console: its page, style and scripts, under headers that keep the browser to this server.

``GET /console/session`` tells the page who is logged in and the token that a change has to carry: it follows from the
session's cookie, which no script can read, and the answer can be read by pages of this origin alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web

from node.access import csrf_token
from node.auth import CONSOLE, COOKIE, bearer_of
from node.callers import caller_of
from node.problems import json_response

PAGE = "console.html"
SHARED = ("look.css", "elements.js", "connection.js", "icon.svg")
SESSION = f"{CONSOLE}/session"
_SHARED_FOLDER = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_pages(app: web.Application, folder: Path, files: Sequence[str]) -> None:
    """``GET /console``, the files of this console and those that all share; whoever reads them may see the platform."""
    app.router.add_get(CONSOLE, _served(folder / PAGE))
    app.router.add_get(SESSION, _session)
    for file in (*(folder / name for name in files), *(_SHARED_FOLDER / name for name in SHARED)):
        app.router.add_get(f"{CONSOLE}/{file.name}", _served(file))


def _served(file: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    content, content_type = file.read_bytes(), _TYPES[file.suffix]

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type, charset="utf-8", headers=_HEADERS)

    return handler


async def _session(request: web.Request) -> web.Response:
    """Who is logged in. ``csrf`` is null for a program with a token, which needs none."""
    caller, secret = caller_of(request), request.cookies.get(COOKIE, "")
    csrf = csrf_token(secret) if secret and not bearer_of(request) else None
    return json_response({"account": caller.account, "role": caller.role.value, "csrf": csrf})
