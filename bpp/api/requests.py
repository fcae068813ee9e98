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
TEXT_LENGTH_MAX = 255


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


def text_of(request: web.Request, name: str) -> str | None:
    """A text in the query, as a database can hold it; None when it is not there."""
    text = request.query.get(name)
    if text is not None and (not text or len(text) > TEXT_LENGTH_MAX or "\x00" in text):
        raise Problem(400, "Invalid query", f"{name} must be a text of 1 to {TEXT_LENGTH_MAX} characters.")
    return text


def flag_of(request: web.Request, name: str) -> bool:
    """A flag in the query: true, false, or not there, which is false."""
    text = request.query.get(name, "false")
    if text not in {"true", "false"}:
        raise Problem(400, "Invalid query", f"{name} must be true or false.")
    return text == "true"
