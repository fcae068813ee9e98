"""Tickets, and the links by which producers reach theirs: unguessable, and good for a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, true, update

from bpp.store.rows import put
from bpp.store.service_tables import support_links, tickets
from bpp.tickets import Kind, Note, Side, State, Ticket
from energy.intervals import Interval
from node.clocks import milliseconds, moment_of
from node.database import lock
from node.personal_columns import opened, sealed

OF_A_LINK_MAX = 100


@dataclass(frozen=True, slots=True)
class SupportLink:
    """Where one platform reaches its tickets about one thing, until a wire time.

    ``once`` is what the next form has to be sent with.
    """

    token: str
    once: str
    bap_id: str
    ref_id: str
    contract_id: str | None
    expires_at: datetime


def add_link(tx: Connection, link: SupportLink, now: datetime) -> None:
    """Remember a link, and forget those that are over."""
    tx.execute(delete(support_links).where(support_links.c.expires_at_ms <= milliseconds(now)))
    row = {"token": link.token, "once": link.once, "bap_id": link.bap_id, "ref_id": link.ref_id}
    tx.execute(
        insert(support_links).values(**row, contract_id=link.contract_id, expires_at_ms=milliseconds(link.expires_at))
    )


def link_of(tx: Connection, token: str, now: datetime, *, locked: bool = False) -> SupportLink | None:
    """The link with this token, if it is good at ``now``; locked until the end of the transaction where it is used."""
    if locked:
        lock(tx, support_links, [token])
    good = and_(support_links.c.token == token, support_links.c.expires_at_ms > milliseconds(now))
    row = tx.execute(select(support_links).where(good)).first()
    if row is None:
        return None
    return SupportLink(row.token, row.once, row.bap_id, row.ref_id, row.contract_id, moment_of(row.expires_at_ms))


def use_link(tx: Connection, token: str, once: str) -> None:
    """A form was taken: the next one needs this."""
    tx.execute(update(support_links).where(support_links.c.token == token).values(once=once))


def save(tx: Connection, ticket: Ticket) -> None:
    """Write the ticket as it is now."""
    document = orjson.dumps({"subject": ticket.subject, "notes": [_note_json(note) for note in ticket.notes]})
    window = ticket.maintenance
    put(
        tx,
        tickets,
        {
            "ticket_id": ticket.ticket_id,
            "kind": ticket.kind.value,
            "state": ticket.state.value,
            "bap_id": ticket.bap_id,
            "ref_id": ticket.ref_id,
            "contract_id": ticket.contract_id,
            "battery_id": ticket.battery_id,
            "maintenance_start_ms": None if window is None else milliseconds(window.start),
            "maintenance_end_ms": None if window is None else milliseconds(window.end),
            "updated_at_ms": milliseconds(ticket.updated_at),
            "document": sealed(tx, tickets.c.document, ticket.ticket_id, document),
        },
    )


def locked(tx: Connection, ticket_id: str) -> Ticket | None:
    """A ticket, locked until the end of the transaction."""
    lock(tx, tickets, [ticket_id])
    return find(tx, ticket_id)


def find(tx: Connection, ticket_id: str) -> Ticket | None:
    """A ticket, to look at."""
    found = _all(tx, tickets.c.ticket_id == ticket_id, 1)
    return found[0] if found else None


def of_link(tx: Connection, link: SupportLink) -> list[Ticket]:
    """What the link's platform has written about its thing, the last changed first."""
    return _all(tx, and_(tickets.c.bap_id == link.bap_id, tickets.c.ref_id == link.ref_id), OF_A_LINK_MAX)


def latest(tx: Connection, limit: int, state: State | None = None, kind: Kind | None = None) -> list[Ticket]:
    """The tickets of all, the last changed first."""
    wanted: ColumnElement[bool] = true()
    if state is not None:
        wanted = and_(wanted, tickets.c.state == state.value)
    if kind is not None:
        wanted = and_(wanted, tickets.c.kind == kind.value)
    return _all(tx, wanted, limit)


def _all(tx: Connection, condition: ColumnElement[bool], limit: int) -> list[Ticket]:
    newest = select(tickets).where(condition).order_by(tickets.c.updated_at_ms.desc(), tickets.c.ticket_id)
    return [_ticket_of(tx, row) for row in tx.execute(newest.limit(limit)).all()]


def _ticket_of(tx: Connection, row: Row[Any]) -> Ticket:
    document = orjson.loads(opened(tx, tickets.c.document, row.ticket_id, row.document))
    window = None
    if row.maintenance_start_ms is not None:
        window = Interval(moment_of(row.maintenance_start_ms), moment_of(row.maintenance_end_ms))
    return Ticket(
        ticket_id=row.ticket_id,
        kind=Kind(row.kind),
        subject=document["subject"],
        notes=tuple(_note_of(note) for note in document["notes"]),
        state=State(row.state),
        bap_id=row.bap_id,
        ref_id=row.ref_id,
        contract_id=row.contract_id,
        battery_id=row.battery_id,
        maintenance=window,
    )


def _note_json(note: Note) -> dict[str, Any]:
    return {"side": note.side.value, "text": note.text, "at_ms": milliseconds(note.at), "name": note.name}


def _note_of(content: Mapping[str, Any]) -> Note:
    return Note(Side(content["side"]), content["text"], moment_of(content["at_ms"]), content["name"])
