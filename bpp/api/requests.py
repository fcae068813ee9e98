"""Reading what the query of an API request says: its times and its limits.

Every function raises `node.problems.Problem`, with a sentence that says what to change.
"""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from node.problems import Problem
from protocol.moments import parse_timestamp

LIST_DEFAULT = 200
LIST_MAX = 1_000


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
