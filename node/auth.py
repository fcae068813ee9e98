"""The token that a server's first start makes (a file of mode 0600), and how a request shows a token.

A participant holds it with its other tokens (`node.tokens`, `node.access`); the registry, which has no other caller,
compares it in constant time.
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
COOKIE = "beckn_battery_session"


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


def bearer_required(token: str) -> Middleware:
    """A middleware that lets only requests with this one token through: a server's that has no other callers."""
    expected = _hash(token)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hmac.compare_digest(_hash(bearer_of(request)), expected):
            raise Problem(401, "Unauthorized", "Send Authorization: Bearer with this platform's API token.")
        return await handler(request)

    return check


def bearer_of(request: web.Request) -> str:
    """The token in ``Authorization``; empty when there is none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
