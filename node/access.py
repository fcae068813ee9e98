"""Who gets through to a participant's own API: tokens, sessions, roles and rates.

A request shows ``Authorization: Bearer`` or a session's cookie. Who was found is remembered for `CACHE_S`, so a token
that another process revokes counts at most that much longer. A cookie travels by itself: it reads, and it changes
something only together with the session's CSRF token in ``X-CSRF-Token``, which no other site can read.

Below ``/beckn`` a signature or an unguessable address takes the token's place; here only its rate is checked.
``/console?token=…`` exchanges a token for a session, whose cookie then holds a secret of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from aiohttp import web
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from node import rates, sessions, tokens
from node.answers import Answer, nack, too_many
from node.audit import ACCOUNT
from node.auth import CONSOLE, COOKIE, OPEN_PATHS, bearer_of
from node.callers import CALLER, READING, Caller, check_role, least_role
from node.clocks import Now
from node.database import Database
from node.ids import new_token
from node.problems import Handler, Problem
from node.rates import RateLimit
from node.settings import AccessSettings
from node.tokens import LiveCredential, digest

logger = logging.getLogger(__name__)

CACHE_S = 2
CSRF_HEADER = "X-CSRF-Token"
LOGIN = "/login"
_BECKN = "/beckn/"
_REMEMBERED_MAX = 10_000
_TOKEN_USE_NOTED_EVERY = timedelta(hours=1)
_SESSION_USE_NOTED_EVERY = timedelta(minutes=1)

_network_of = lru_cache(4_096)(rates.network_of)


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    until: datetime


class Access:
    """The door of one participant. ``realm`` is its subscriber id, ``file_token`` what ``api.token`` holds.

    ``encrypted``: browsers reach it by TLS.
    """

    def __init__(
        self, database: Database, realm: str, file_token: str, now: Now, settings: AccessSettings, *, encrypted: bool
    ) -> None:
        self.settings = settings
        self.now = now
        self._database = database
        self._realm = realm
        self._file_token = file_token
        self.encrypted = encrypted
        self._idle = timedelta(seconds=settings.session_idle_s)
        self._most = timedelta(seconds=settings.session_max_s)
        self._remembered: dict[bytes, _Remembered] = {}
        self._tokens = RateLimit(settings.token_rate)
        self._addresses = RateLimit(settings.address_rate)
        self._guesses = RateLimit(settings.guess_rate)

    async def start(self) -> None:
        """Make the token of ``api.token`` count; the database is open."""
        now = self.now()
        await self._database.write(lambda tx: tokens.enter_file_token(tx, self._file_token, now))

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let through who may, with ``request["caller"]``; 401, 403 or 429 for the others."""
        if request.path.startswith(_BECKN):
            refusal = self.too_often(request.remote)
            return await handler(request) if refusal is None else refusal.response
        least = least_role(request)
        if least is None or request.path in OPEN_PATHS:
            return await handler(request)
        if request.path == CONSOLE and "token" in request.query:
            return await self._exchanged(request)
        caller = await self.caller(request)
        if caller is None:
            return _unauthorized(request)
        check_wait(self._tokens.wait_s(caller.token_id or f"account {caller.account}", self.now()))
        check_role(caller, least)
        request[CALLER], request[ACCOUNT] = caller, caller.name
        return await handler(request)

    async def caller(self, request: web.Request) -> Caller | None:
        """Whose token or session the request shows; a session without its CSRF token counts for reading only.

        Raises:
            Problem: 429, too many unknown tokens from this address.
        """
        bearer = bearer_of(request)
        if bearer:
            return await self._of_token(request, bearer)
        secret = request.cookies.get(COOKIE, "")
        if not secret:
            return None
        if request.method not in READING and not is_csrf_token(secret, request.headers.get(CSRF_HEADER, "")):
            return None
        return await self.of_session(request, secret)

    async def of_session(self, request: web.Request, secret: str) -> Caller | None:
        """Whose session this secret is. Raises as `caller`."""
        hashed, now = digest(secret), self.now()
        key = b"session" + hashed
        known = self._known(key, now)
        if known is not None:
            return known
        self._check_guesses(request, now, taking=False)
        found = await self._database.read(lambda tx: sessions.live(tx, hashed, now, self._idle, self._most))
        if found is None:
            self._check_guesses(request, now)
            return None
        if found.used_at is None or now - found.used_at >= _SESSION_USE_NOTED_EVERY:
            await self._note(lambda tx: sessions.note_use(tx, hashed, now))
        return self._remember(key, found, now)

    async def begin_session(self, response: web.Response, caller: Caller) -> None:
        """A new session for the caller, in a cookie that scripts and other sites can not use."""
        secret, now = new_token(), self.now()
        await self._database.write(lambda tx: sessions.begin(tx, secret, caller, now, self._most))
        self.set_cookie(response, COOKIE, secret, self.settings.session_max_s)

    async def end_session(self, secret: str) -> None:
        """Forget a session, at once."""
        hashed = digest(secret)
        await self._database.write(lambda tx: sessions.end(tx, hashed))
        self._remembered.pop(b"session" + hashed, None)

    def set_cookie(self, response: web.Response, name: str, value: str, max_age_s: int) -> None:
        """A cookie for this server's own pages only."""
        response.set_cookie(
            name, value, max_age=max_age_s, path="/", httponly=True, samesite="Strict", secure=self.encrypted
        )

    async def _of_token(self, request: web.Request, token: str) -> Caller | None:
        hashed, now = digest(token), self.now()
        known = self._known(hashed, now)
        if known is not None:
            return known
        self._check_guesses(request, now, taking=False)
        found = await self._database.read(lambda tx: tokens.live(tx, hashed, now))
        if found is None:
            self._check_guesses(request, now)
            return None
        if found.used_at is None or now - found.used_at >= _TOKEN_USE_NOTED_EVERY:
            token_id = found.caller.token_id or ""
            await self._note(lambda tx: tokens.note_use(tx, token_id, now))
        return self._remember(hashed, found, now)

    async def _note(self, note_use: Callable[[Connection], None]) -> None:
        try:
            await self._database.write(note_use)
        except (DBAPIError, sqlite3.Error) as error:
            # Reading goes on when the disk is full; when something was used last is not worth more.
            logger.warning("the use of a token or session could not be noted: %s", error)

    async def _exchanged(self, request: web.Request) -> web.StreamResponse:
        caller = await self._of_token(request, request.query["token"])
        if caller is None:
            return _unauthorized(request)
        response = web.Response(status=303, headers={"Location": CONSOLE})
        await self.begin_session(response, caller)
        return response

    def too_often(self, remote: str | None) -> Answer | None:
        """The refusal of a message that comes too soon after the others from this address; it counts as one."""
        wait_s = self._addresses.wait_s(_network_of(remote), self.now())
        return nack(too_many(wait_s, "from this address"), self._realm) if wait_s else None

    def _check_guesses(self, request: web.Request, now: datetime, *, taking: bool = True) -> None:
        # Only what is not known costs: behind one address may be many who have a token.
        check_wait(self._guesses.wait_s(_network_of(request.remote), now, taking=taking))

    def _known(self, key: bytes, now: datetime) -> Caller | None:
        known = self._remembered.get(key)
        return known.caller if known is not None and now < known.until else None

    def _remember(self, key: bytes, found: LiveCredential, now: datetime) -> Caller:
        until = now + timedelta(seconds=CACHE_S)
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[key] = _Remembered(found.caller, until if found.until is None else min(until, found.until))
        return found.caller


def check_wait(wait_s: int) -> None:
    """Nothing for 0 seconds.

    Raises:
        Problem: 429.
    """
    if wait_s:
        sentence = f"Too many requests; send the next one in {wait_s} s."
        raise Problem(429, "Too many requests", sentence, retry_after_s=wait_s)


def csrf_token(session_secret: str) -> str:
    """What a form of this session has to carry: it follows from the secret and does not tell it."""
    return hashlib.sha256(b"csrf " + session_secret.encode("utf-8", "replace")).hexdigest()


def is_csrf_token(session_secret: str, given: str) -> bool:
    """Whether this is the session's."""
    return hmac.compare_digest(csrf_token(session_secret).encode(), given.encode("utf-8", "replace"))


def _unauthorized(request: web.Request) -> web.Response:
    if request.path == CONSOLE and request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=303, headers={"Location": LOGIN})
    raise Problem(
        401, "Unauthorized", "Send Authorization: Bearer with an API token of this platform, or log in with a browser."
    )
