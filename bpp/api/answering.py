"""How pages answer: HTML to people, JSON to programs that ask for it, each with headers that keep it to itself."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bpp.pages.layout import HEADERS, notice_page
from node.problems import Problem
from protocol.forms import FORM_TYPE


def html(page: str, status: int = 200) -> web.Response:
    """A page of ours."""
    return web.Response(text=page, status=status, content_type="text/html", charset="utf-8", headers=HEADERS)


def notice(request: web.Request, status: int, title: str, sentence: str) -> web.Response:
    """A short page.

    Raises:
        Problem: the same, for a program.
    """
    if wants_json(request):
        raise Problem(status, title, sentence)
    return html(notice_page(title, sentence), status)


def again(request: web.Request) -> web.Response:
    """After a form was taken: to its page, so that loading it anew sends nothing twice."""
    return web.Response(status=303, headers={**HEADERS, "Location": request.path})


def wants_json(request: web.Request) -> bool:
    """Whether a program asks."""
    return "application/json" in request.headers.get("Accept", "")


async def fields_of(request: web.Request) -> Mapping[str, str]:
    """The fields of a form.

    Raises:
        Problem: 415, something else was sent.
    """
    if request.content_type != FORM_TYPE:
        raise Problem(415, "Unsupported media type", f"Send the form as {FORM_TYPE}.")
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
