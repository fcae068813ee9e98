"""``/login`` and ``/logout``: a password for a session, in pages that load nothing and run nothing.

Every form carries a token that only our own page can know: before the login the value of a cookie made with the form,
afterwards one that follows from the session. An attempt counts as failed before the password is looked at, so that many
at once are worth no more than one after the other. Whatever is wrong, the answer and its duration are the same.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from types import MappingProxyType

from aiohttp import web

from node import accounts
from node.access import LOGIN, Access, csrf_token, is_csrf_token
from node.auth import CONSOLE, COOKIE
from node.callers import Caller, allow
from node.database import Database
from node.ids import new_token
from node.lockout import Lockout
from node.problems import Problem
from node.rates import network_of

LOGOUT = "/logout"
FORM_COOKIE = "beckn_battery_login"
_FORM_S = 3_600
_CSRF = "csrf"
_ADDRESS_FREE_TIMES = 4
"""Behind one address may be a whole office: so many times as many failures are free there."""
_AT_ONCE = 2
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem;color:#13211b}"
    "label{display:block;margin-top:1rem}input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem}"
    "button{font:inherit;padding:.6rem 1.2rem;margin-top:1.2rem;border:0;background:#0b6b4f;color:#fff;cursor:pointer}"
    "[role=alert]{background:#fbe4e2;color:#9c1f1b;padding:.6rem}:focus-visible{outline:3px solid;outline-offset:2px}"
    ":root{color-scheme:light dark}@media(prefers-color-scheme:dark){body{background:#0d1411;color:#e8f0ec}"
    "a,button{color:#58d6a6}button{background:#123a2c}[role=alert]{background:#421b19;color:#ffa49e}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    }
)


def add_login(app: web.Application, access: Access, database: Database) -> None:
    """Register the pages; they lead to the console."""
    login = Login(access, database)
    app.router.add_get(LOGIN, login.page)
    app.router.add_post(LOGIN, login.enter)
    app.router.add_post(LOGOUT, login.leave)
    allow(app, {("GET", LOGIN): None, ("POST", LOGIN): None, ("POST", LOGOUT): None})


class Login:
    """The handlers."""

    def __init__(self, access: Access, database: Database) -> None:
        settings = access.settings
        most = timedelta(seconds=settings.lock_max_s)
        self._access = access
        self._database = database
        self._accounts = Lockout(settings.failures_free, most)
        self._addresses = Lockout(settings.failures_free * _ADDRESS_FREE_TIMES, most)
        self._hashing = asyncio.Semaphore(_AT_ONCE)

    async def page(self, request: web.Request) -> web.Response:
        """The form; for who is logged in, the way to the console and out."""
        secret = request.cookies.get(COOKIE, "")
        caller = await self._access.of_session(request, secret) if secret else None
        return self._form() if caller is None else _inside(caller, secret)

    async def enter(self, request: web.Request) -> web.Response:
        """Begin a session when the password is right."""
        fields = await _fields(request)
        cookie = request.cookies.get(FORM_COOKIE, "")
        if not cookie or not hmac.compare_digest(cookie.encode(), fields.get(_CSRF, "").encode("utf-8", "replace")):
            return self._form("This form was out of date. Try again.", 403)
        name, address, now = fields.get("account", "")[:255], network_of(request.remote), self._access.now()
        wait_s = max(self._accounts.wait_s(name, now), self._addresses.wait_s(address, now))
        if wait_s:
            return self._form(f"Too many attempts. Try again in {wait_s} seconds.", 429, wait_s)
        self._accounts.failed(name, now)
        self._addresses.failed(address, now)
        caller = await self._checked(name, fields.get("password", ""))
        if caller is None:
            return self._form("Account or password is wrong.", 401)
        self._accounts.succeeded(name)
        self._addresses.forgive(address)
        return await self._entered(request, caller)

    async def leave(self, request: web.Request) -> web.Response:
        """End the session of the cookie."""
        secret = request.cookies.get(COOKIE, "")
        if not secret or not is_csrf_token(secret, (await _fields(request)).get(_CSRF, "")):
            return self._form("You were not logged out: open this page again and log out there.", 403)
        await self._access.end_session(secret)
        response = web.Response(status=303, headers={"Location": LOGIN})
        response.del_cookie(COOKIE, path="/")
        return response

    async def _checked(self, name: str, password: str) -> Caller | None:
        found = await self._database.read(lambda tx: accounts.for_login(tx, name))
        stored = None if found is None else found[1]
        async with self._hashing:
            fits = await asyncio.to_thread(accounts.fits, stored, password[: accounts.PASSWORD_LENGTH_MAX])
        return found[0] if found is not None and fits else None

    async def _entered(self, request: web.Request, caller: Caller) -> web.Response:
        before = request.cookies.get(COOKIE, "")
        if before:
            await self._access.end_session(before)
        response = web.Response(status=303, headers={"Location": CONSOLE})
        await self._access.begin_session(response, caller)
        response.del_cookie(FORM_COOKIE, path="/")
        return response

    def _form(self, wrong: str = "", status: int = 200, wait_s: int = 0) -> web.Response:
        csrf = new_token()
        alert = f'<p role="alert">{escape(wrong)}</p>' if wrong else ""
        response = _page(
            "Log in",
            f'{alert}<form method="post" action="{LOGIN}">{_hidden(csrf)}'
            '<label>Account <input name="account" autocomplete="username" required autofocus></label>'
            '<label>Password <input name="password" type="password" autocomplete="current-password" required></label>'
            '<button type="submit">Log in</button></form>',
            status,
        )
        self._access.set_cookie(response, FORM_COOKIE, csrf, _FORM_S)
        if wait_s:
            response.headers["Retry-After"] = str(wait_s)
        return response


async def _fields(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Problem(415, "Unsupported media type", "Send the form as application/x-www-form-urlencoded.")
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _inside(caller: Caller, secret: str) -> web.Response:
    return _page(
        "You are logged in",
        f"<p>Account {escape(caller.account)}, {caller.role}.</p>"
        f'<p><a href="{CONSOLE}">Open the console</a></p>'
        f'<form method="post" action="{LOGOUT}">{_hidden(csrf_token(secret))}'
        '<button type="submit">Log out</button></form>',
    )


def _hidden(csrf: str) -> str:
    return f'<input type="hidden" name="{_CSRF}" value="{csrf}">'


def _page(title: str, content: str, status: int = 200) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS)
