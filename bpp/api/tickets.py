"""The operator's API of what people say: ``/api/v1/tickets`` and ``/api/v1/ratings``.

A body's unknown members are wrong. What a ticket can not take is 409 with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy import Connection

from bpp import maintenance
from bpp.api.requests import limit_of
from bpp.api.service_pages import ticket_json
from bpp.desk import Desk
from bpp.store import feedback, tickets, trade
from bpp.store.feedback import Rating
from bpp.tickets import Kind, Side, State, Ticket, TicketRefused, checked_note, checked_subject, with_note
from energy.intervals import Interval, IntervalError
from node.ids import new_uuid
from node.problems import Problem, json_object, json_response
from protocol.moments import parse_timestamp, timestamp_text

E = TypeVar("E", bound=StrEnum)


class TicketsApi:
    """Tickets and ratings."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        one = f"{prefix}/tickets/{{ticket_id}}"
        app.router.add_get(f"{prefix}/tickets", self._list)
        app.router.add_post(f"{prefix}/tickets", self._open)
        app.router.add_get(one, self._show)
        app.router.add_post(f"{one}/notes", self._answer)
        app.router.add_put(f"{one}/state", self._set_state)
        app.router.add_put(f"{one}/maintenance", self._take_out)
        app.router.add_delete(f"{one}/maintenance", self._give_back)
        app.router.add_get(f"{prefix}/ratings", self._ratings)

    async def _list(self, request: web.Request) -> web.Response:
        """List the tickets."""
        limit, query = limit_of(request), request.query
        state = _choice(State, "state", query["state"]) if "state" in query else None
        kind = _choice(Kind, "kind", query["kind"]) if "kind" in query else None
        found = await self._desk.database.read(lambda tx: tickets.latest(tx, limit, state, kind))
        return json_response({"tickets": [_json(ticket) for ticket in found]})

    async def _show(self, request: web.Request) -> web.Response:
        """Show one ticket with its notes."""
        ticket_id = request.match_info["ticket_id"]
        found = await self._desk.database.read(lambda tx: tickets.find(tx, ticket_id))
        return json_response(_json(_needed(found, ticket_id)))

    async def _open(self, request: web.Request) -> web.Response:
        """Open a ticket."""
        content = await _content(request, {"kind", "subject", "text", "battery_id", "contract_id"})
        kind, now = _choice(Kind, "kind", content.get("kind")), self._desk.moment().wire
        contract_id, battery_id = _optional(content, "contract_id"), _optional(content, "battery_id")
        subject, text, ticket_id = _text(content, "subject"), _text(content, "text"), new_uuid()

        def write(tx: Connection) -> Ticket:
            contract = None if contract_id is None else trade.find(tx, contract_id)
            if contract_id is not None and contract is None:
                raise TicketRefused(f"There is no contract {contract_id[:64]} here.")
            opened = Ticket(
                ticket_id=ticket_id,
                kind=kind,
                subject=checked_subject(subject),
                notes=(checked_note(Side.OPERATOR, text, now),),
                state=State.ANSWERED,
                bap_id=None if contract is None else contract.peer.bap_id,
                ref_id=None if contract is None else contract.contract_id,
                contract_id=contract_id,
                battery_id=battery_id or (None if contract is None else contract.battery_id),
            )
            tickets.save(tx, opened)
            return opened

        return json_response(_json(await self._written(write)), 201)

    async def _answer(self, request: web.Request) -> web.Response:
        """Write a note on a ticket."""
        text, now = _text(await _content(request, {"text"}), "text"), self._desk.moment().wire
        return await self._changed(request, lambda _, known: with_note(known, checked_note(Side.OPERATOR, text, now)))

    async def _set_state(self, request: web.Request) -> web.Response:
        """Move a ticket to another state."""
        state = _choice(State, "state", (await _content(request, {"state"})).get("state"))

        def change(tx: Connection, known: Ticket) -> Ticket:
            if state is State.CLOSED:
                maintenance.give_back(tx, known.ticket_id)
                return replace(known, state=state, maintenance=None)
            return replace(known, state=state)

        return await self._changed(request, change)

    async def _take_out(self, request: web.Request) -> web.Response:
        """Take the battery out of the capacity book for a maintenance."""
        content, moment = await _content(request, {"start", "end", "battery_id"}), self._desk.moment()
        window, battery_id = _window(content), _optional(content, "battery_id")

        def change(tx: Connection, known: Ticket) -> Ticket:
            if known.kind is not Kind.MAINTENANCE or known.state is State.CLOSED:
                raise TicketRefused("Only an open ticket of kind maintenance takes a battery out of service.")
            contract = None if known.contract_id is None else trade.find(tx, known.contract_id)
            named = battery_id or known.battery_id or (None if contract is None else contract.battery_id)
            if named is None:
                raise TicketRefused("Say which battery: battery_id.")
            maintenance.take_out(tx, self._desk, named, known.ticket_id, window, moment)
            return replace(known, battery_id=named, maintenance=window)

        return await self._changed(request, change)

    async def _give_back(self, request: web.Request) -> web.Response:
        """Give the battery back to the capacity book: its maintenance is over."""

        def change(tx: Connection, known: Ticket) -> Ticket:
            maintenance.give_back(tx, known.ticket_id)
            return replace(known, maintenance=None)

        return await self._changed(request, change)

    async def _ratings(self, request: web.Request) -> web.Response:
        """List what producers rated."""
        limit = limit_of(request)
        found = await self._desk.database.read(lambda tx: feedback.rated(tx, limit))
        return json_response({"ratings": [_rating_json(rating) for rating in found]})

    async def _changed(self, request: web.Request, change: Callable[[Connection, Ticket], Ticket]) -> web.Response:
        ticket_id = request.match_info["ticket_id"]

        def write(tx: Connection) -> Ticket:
            changed = change(tx, _needed(tickets.locked(tx, ticket_id), ticket_id))
            tickets.save(tx, changed)
            return changed

        return json_response(_json(await self._written(write)))

    async def _written(self, write: Callable[[Connection], Ticket]) -> Ticket:
        try:
            return await self._desk.database.write(write)
        except TicketRefused as refusal:
            raise Problem(409, "Not possible", str(refusal)) from None


def _json(ticket: Ticket) -> dict[str, Any]:
    """A ticket as its operator sees it."""
    names = ("bap_id", "ref_id", "contract_id", "battery_id")
    return ticket_json(ticket) | {name: getattr(ticket, name) for name in names}


def _rating_json(rating: Rating) -> dict[str, Any]:
    return {
        "bap_id": rating.bap_id,
        "category": rating.category,
        "rated_id": rating.rated_id,
        "battery_id": rating.battery_id,
        "value": rating.value,
        "rated_at": timestamp_text(rating.rated_at),
        "feedback": rating.words,
    }


def _needed(found: Ticket | None, ticket_id: str) -> Ticket:
    if found is None:
        raise Problem(404, "Not found", f"There is no ticket {ticket_id[:64]} here.")
    return found


async def _content(request: web.Request, members: set[str]) -> dict[str, Any]:
    content = await json_object(request)
    unknown = sorted(content.keys() - members)
    if unknown:
        raise _wrong(unknown[0][:64], f"This member is not known here; known: {', '.join(sorted(members))}.")
    return content


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise _wrong(name, "Write a text.")
    return value


def _optional(content: dict[str, Any], name: str) -> str | None:
    return None if content.get(name) is None else _text(content, name)


def _choice(kind: type[E], name: str, value: object) -> E:
    for option in kind:
        if value == option.value:
            return option
    raise _wrong(name, f"Write one of: {', '.join(kind)}.")


def _window(content: dict[str, Any]) -> Interval:
    try:
        return Interval(_moment(content, "start"), _moment(content, "end"))
    except IntervalError:
        raise _wrong("end", "The end must be after the start.") from None


def _moment(content: dict[str, Any], name: str) -> datetime:
    try:
        return parse_timestamp(_text(content, name))
    except ValueError:
        raise _wrong(name, "Write an RFC 3339 time, such as 2026-11-20T10:00:00Z.") from None


def _wrong(name: str, sentence: str) -> Problem:
    errors = [{"pointer": f"/{name}", "detail": sentence}]
    return Problem(422, "Invalid request", f"/{name}: {sentence}", errors=errors)
