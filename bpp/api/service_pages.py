"""``/beckn/feedback/<token>`` and ``/beckn/tickets/<token>``: what people tell the operator, at addresses of their own.

Forms carry a token that is good for one submission. Programs post the same fields and get JSON; without any field they
are told how things stand, the token for the next submission included.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.answering import again, fields_of, html, notice, wants_json
from bpp.desk import Desk
from bpp.pages.layout import ONCE
from bpp.pages.service import feedback_page, tickets_page
from bpp.store import feedback, tickets
from bpp.store.feedback import Feedback
from bpp.store.tickets import SupportLink
from bpp.tickets import (
    TEXT_CHARS_MAX,
    Kind,
    Side,
    Ticket,
    TicketRefused,
    checked_note,
    checked_subject,
    with_note,
)
from node.ids import new_token, new_uuid
from node.problems import json_response
from node.server import PREFIX
from protocol.moments import timestamp_text

_OLD = "This page was out of date: nothing was sent. Send it again."
_GONE = "This link is over, or never was. Ask for support again to get a new one."


class FeedbackPages:
    """Words about a rating."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """Register the routes; call it before the catch-all below ``/beckn``."""
        app.router.add_get(f"{PREFIX}/feedback/{{token}}", self._show)
        app.router.add_post(f"{PREFIX}/feedback/{{token}}", self._submit)

    async def _show(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        asked = await self._desk.database.read(lambda tx: feedback.of_token(tx, token))
        if asked is None:
            return notice(request, 404, "Not found", "There is no form at this address.")
        return html(feedback_page(asked, self._desk.provider.name))

    async def _submit(self, request: web.Request) -> web.Response:
        fields, token = await fields_of(request), request.match_info["token"]
        once, now = new_token(), self._desk.moment().wire
        asked, wrong = await self._desk.database.write(lambda tx: _give(tx, token, fields, once, now))
        if asked is None:
            return notice(request, 404, "Not found", "There is no form at this address.")
        if wrong:
            if wants_json(request):
                return notice(request, 400, "Not sent", wrong)
            return html(feedback_page(asked, self._desk.provider.name, wrong), 400)
        return json_response({"given": True}) if wants_json(request) else again(request)


class TicketPages:
    """A platform's tickets about one thing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """Register the routes; call it before the catch-all below ``/beckn``."""
        app.router.add_get(f"{PREFIX}/tickets/{{token}}", self._show)
        app.router.add_post(f"{PREFIX}/tickets/{{token}}", self._submit)

    async def _show(self, request: web.Request) -> web.Response:
        return await self._answer(request, "")

    async def _submit(self, request: web.Request) -> web.Response:
        fields, token = await fields_of(request), request.match_info["token"]
        if not fields and wants_json(request):
            return await self._answer(request, "")
        ids, now = (new_token(), new_uuid()), self._desk.moment().wire
        try:
            taken = await self._desk.database.write(lambda tx: _take(tx, token, fields, ids, now))
        except TicketRefused as refusal:
            return await self._answer(request, str(refusal))
        if not taken:
            return notice(request, 404, "Not found", _GONE)
        return await self._answer(request, "") if wants_json(request) else again(request)

    async def _answer(self, request: web.Request, wrong: str) -> web.Response:
        token, now = request.match_info["token"], self._desk.moment().wire
        link, found = await self._desk.database.read(lambda tx: _seen(tx, token, now))
        if link is None:
            return notice(request, 404, "Not found", _GONE)
        if wants_json(request):
            return notice(request, 400, "Not sent", wrong) if wrong else json_response(_link_json(link, found))
        support_url = self._desk.settings.provider.support_url
        shown = tickets_page(self._desk.provider.name, support_url, link.once, found, wrong)
        return html(shown, 400 if wrong else 200)


def ticket_json(ticket: Ticket) -> dict[str, Any]:
    """A ticket."""
    window = ticket.maintenance
    return {
        "ticket_id": ticket.ticket_id,
        "kind": ticket.kind.value,
        "state": ticket.state.value,
        "subject": ticket.subject,
        "opened_at": timestamp_text(ticket.opened_at),
        "updated_at": timestamp_text(ticket.updated_at),
        "maintenance": None
        if window is None
        else {"start": timestamp_text(window.start), "end": timestamp_text(window.end)},
        "notes": [
            {"side": note.side.value, "name": note.name, "text": note.text, "at": timestamp_text(note.at)}
            for note in ticket.notes
        ],
    }


def _link_json(link: SupportLink, found: Sequence[Ticket]) -> dict[str, Any]:
    expires_at = timestamp_text(link.expires_at)
    return {ONCE: link.once, "expires_at": expires_at, "tickets": [ticket_json(ticket) for ticket in found]}


def _seen(tx: Connection, token: str, now: datetime) -> tuple[SupportLink | None, list[Ticket]]:
    link = tickets.link_of(tx, token, now)
    return link, [] if link is None else tickets.of_link(tx, link)


def _give(
    tx: Connection, token: str, fields: Mapping[str, str], once: str, now: datetime
) -> tuple[Feedback | None, str]:
    asked = feedback.of_token(tx, token, locked=True)
    if asked is None:
        return None, ""
    if not _is_fresh(fields, asked.once):
        return asked, _OLD
    words = fields.get("words", "").strip()
    if not 0 < len(words) <= TEXT_CHARS_MAX:
        return asked, f"Write 1 to {TEXT_CHARS_MAX} characters."
    feedback.give(tx, token, words, once, now)
    return asked, ""


def _take(tx: Connection, token: str, fields: Mapping[str, str], ids: tuple[str, str], now: datetime) -> bool:
    """Open a ticket, or write to one; whether there is such a link.

    Raises:
        TicketRefused: it can not be taken.
    """
    once, ticket_id = ids
    link = tickets.link_of(tx, token, now, locked=True)
    if link is None:
        return False
    if not _is_fresh(fields, link.once):
        raise TicketRefused(_OLD)
    note = checked_note(Side.PRODUCER, fields.get("text", ""), now, fields.get("name", ""))
    if "ticket_id" in fields:
        known = tickets.locked(tx, fields["ticket_id"][:36])
        if known is None or (known.bap_id, known.ref_id) != (link.bap_id, link.ref_id):
            raise TicketRefused("There is no such ticket here.")
        ticket = with_note(known, note)
    else:
        kinds = [kind for kind in Kind if kind.value == fields.get("kind")]
        if not kinds:
            raise TicketRefused(f"Name a kind: {', '.join(Kind)}.")
        ticket = Ticket(
            ticket_id=ticket_id,
            kind=kinds[0],
            subject=checked_subject(fields.get("subject", "")),
            notes=(note,),
            bap_id=link.bap_id,
            ref_id=link.ref_id,
            contract_id=link.contract_id,
        )
    tickets.save(tx, ticket)
    tickets.use_link(tx, token, once)
    return True


def _is_fresh(fields: Mapping[str, str], once: str) -> bool:
    return hmac.compare_digest(fields.get(ONCE, "").encode("utf-8", "replace"), once.encode())
