"""Errors of the JSON APIs as RFC 9457 problem documents, and the middleware that makes every failure one.

``type`` is a stable URN, ``title`` a short name, ``detail`` a sentence that says what to change. What we did not
foresee becomes a 500 without details; its trace goes to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from protocol.errors import PeerFailed, TradeRefused

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):
    """An API error: ``status`` and a sentence; ``errors`` may list single members with their JSON pointers.

    A 429 has the member ``retry_after_s``, which is its ``Retry-After`` too.
    """

    def __init__(self, status: int, title: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.extra = extra

    def response(self) -> web.Response:
        """The document."""
        slug = self.title.lower().replace(" ", "-")
        content = {"type": f"urn:beckn-battery:{slug}", "title": self.title, "status": self.status}
        content |= {"detail": self.detail, **self.extra}
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        if self.status == 429:
            headers["Retry-After"] = str(self.extra["retry_after_s"])
        return web.Response(
            body=orjson.dumps(content),
            status=self.status,
            content_type="application/problem+json",
            headers=headers,
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception of an API handler into a problem document."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return Problem(error.status, error.reason, f"{request.method} {request.path[:200]}: {error.reason}").response()
    except TradeRefused as error:
        return Problem(
            409, "Trade refused", error.sentence, code=error.trade_code, path=error.diagnosis.path
        ).response()
    except PeerFailed as error:
        return Problem(502, "Peer failed", error.sentence).response()
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return Problem(500, "Internal error", "Something failed here; the operator's log has the trace.").response()


def json_response(content: object, status: int = 200) -> web.Response:
    """Compact UTF-8 JSON."""
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")


async def json_value(request: web.Request) -> Any:
    """The request's JSON value, of any type.

    Raises:
        Problem: 415 not application/json, or compressed; 400 no JSON.
    """
    if request.content_type != "application/json":
        raise Problem(415, "Unsupported media type", "Send the body as application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "Unsupported media type", "Send the body uncompressed.")
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Problem(400, "Malformed JSON", f"The body is not JSON: {error}.") from None


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        Problem: as `json_value`, and 400 for another JSON value.
    """
    content = await json_value(request)
    if not isinstance(content, dict):
        raise Problem(400, "Malformed JSON", "The body must be a JSON object.")
    return content
