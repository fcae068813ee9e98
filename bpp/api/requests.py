"""Reading what an API request says: its JSON, its times and its limits.

Every function raises `node.problems.Problem`, with a sentence that says what to change.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from node.problems import Problem
from protocol.moments import parse_timestamp

LIST_DEFAULT = 200
LIST_MAX = 1_000


async def json_of(request: web.Request) -> Any:
    """The JSON value of the body, of any type: 415 for another media type, 400 for no JSON."""
    if request.content_type != "application/json":
        raise Problem(415, "Unsupported media type", "Send the body as application/json.")
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Problem(400, "Malformed JSON", f"The body is not JSON: {error}.") from None


def time_of(request: web.Request, name: str, default: datetime) -> datetime:
    """A time in the query, or the default when it is not there."""
    text = request.query.get(name)
    if text is None:
        return default
    try:
        return parse_timestamp(text)
    except ValueError:
        raise Problem(400, "Invalid query", f"{name} must be a time such as 2026-11-20T10:00:00Z.") from None


def limit_of(request: web.Request) -> int:
    """How many entries of a list are wanted."""
    text = request.query.get("limit", str(LIST_DEFAULT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LIST_MAX):
        raise Problem(400, "Invalid query", f"limit must be a whole number from 1 to {LIST_MAX}.")
    return int(text)
