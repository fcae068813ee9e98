"""The headers that every answer of ours carries, so that a browser does nothing with it but show it.

A page that needs more sets its own policy; what stands here only fills what is missing. Answers to peers' messages are
left out: no browser reads them, and they are many.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

_ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
_BECKN = "/beckn/"


def security_headers(*, encrypted: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """For ``app.on_response_prepare``; ``encrypted``: browsers reach us by TLS and shall never do without."""

    async def complete(request: web.Request, response: web.StreamResponse) -> None:
        if request.method == "POST" and request.path.startswith(_BECKN):
            return
        headers = response.headers
        for name, value in _ALWAYS.items():
            headers.setdefault(name, value)
        if encrypted:
            headers.setdefault(*_HSTS)

    return complete
