"""Who may use a participant's own API: a bearer token that the first start makes (a file of mode 0600).

The server compares in constant time. A browser opens ``/console?token=…`` once:
the token moves into a cookie that scripts and other sites can not use and that only reads.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from node.ids import new_token
from node.keyfile import read_secret, write_secret
from node.problems import Handler, Problem

TOKEN_FILE = "api.token"  # noqa: S105 - a file's name
OPEN_PATHS = frozenset({"/health", "/ready"})
CONSOLE = "/console"
COOKIE = "beckn_battery_token"


def load_or_make_token(data_dir: Path) -> str:
    """The API token in ``data_dir``, made on the first start.

    Raises:
        SettingsWrong: the file can not be read or others can read it.
    """
    path = data_dir / TOKEN_FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, new_token() + "\n")
    return read_secret(path).strip()


def bearer_required(token: str, open_prefixes: tuple[str, ...] = ()) -> Middleware:
    """A middleware that lets only requests with the token through, but for the open paths.

    ``open_prefixes`` are paths that authenticate otherwise, such as ``/beckn/``.
    """
    expected = _hash(token)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN_PATHS or request.path.startswith(open_prefixes):
            return await handler(request)
        if request.path == CONSOLE and hmac.compare_digest(_hash(request.query.get("token", "")), expected):
            return _into_cookie(token)
        if not hmac.compare_digest(_hash(_given(request)), expected):
            raise Problem(401, "Unauthorized", "Send Authorization: Bearer with this platform's API token.")
        return await handler(request)

    return check


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _given(request: web.Request) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    # A cookie travels by itself, so it may only read: another site could make a browser send it.
    return request.cookies.get(COOKIE, "") if request.method == "GET" else ""


def _into_cookie(token: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": CONSOLE})
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", path="/")
    return response
