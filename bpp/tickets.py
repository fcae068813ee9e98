"""Tickets: what a producer or the operator wants to have put right, answered or done, and how that stands.

A ticket is open until the operator answers, answered until the producer writes again, and closed when the operator says
so; what is closed is written to no more. A maintenance ticket may take its battery out of service for a time
(`bpp.maintenance`). Times are wire time, but for that one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from energy.intervals import Interval

SUBJECT_CHARS_MAX = 120
TEXT_CHARS_MAX = 4_000
NAME_CHARS_MAX = 120
NOTES_MAX = 200


class Kind(StrEnum):
    """What a ticket is about."""

    ISSUE = "issue"
    MAINTENANCE = "maintenance"
    QUESTION = "question"
    DOCUMENT = "document-request"


class State(StrEnum):
    """How a ticket stands."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Side(StrEnum):
    """Who writes."""

    PRODUCER = "producer"
    OPERATOR = "operator"


class TicketRefused(ValueError):
    """What was written can not be taken; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Note:
    """One message of a ticket (personal data: never logged)."""

    side: Side
    text: str
    at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket. ``bap_id`` and ``ref_id`` are whose support it came by, None where the operator opened it.

    ``maintenance`` is the trade time for which its battery is out of service.
    """

    ticket_id: str
    kind: Kind
    subject: str
    notes: tuple[Note, ...]
    state: State = State.OPEN
    bap_id: str | None = None
    ref_id: str | None = None
    contract_id: str | None = None
    battery_id: str | None = None
    maintenance: Interval | None = None

    @property
    def opened_at(self) -> datetime:
        """When its first message was written."""
        return self.notes[0].at

    @property
    def updated_at(self) -> datetime:
        """When its last message was written."""
        return self.notes[-1].at


def checked_subject(text: str) -> str:
    """A subject that can be taken.

    Raises:
        TicketRefused: it is empty or too long.
    """
    return _checked(text, "subject", SUBJECT_CHARS_MAX)


def checked_note(side: Side, text: str, at: datetime, name: str = "") -> Note:
    """A message that can be taken.

    Raises:
        TicketRefused: it is empty or too long.
    """
    named = _checked(name, "name", NAME_CHARS_MAX) if name.strip() else None
    return Note(side, _checked(text, "message", TEXT_CHARS_MAX), at, named)


def with_note(ticket: Ticket, note: Note) -> Ticket:
    """The ticket after one more message.

    Raises:
        TicketRefused: it is closed, or has as many messages as it may.
    """
    if ticket.state is State.CLOSED:
        raise TicketRefused("This ticket is closed. Open another one.")
    if len(ticket.notes) >= NOTES_MAX:
        raise TicketRefused(f"A ticket has at most {NOTES_MAX} messages. Open another one.")
    state = State.ANSWERED if note.side is Side.OPERATOR else State.OPEN
    return replace(ticket, state=state, notes=(*ticket.notes, note))


def _checked(text: str, member: str, most: int) -> str:
    text = text.strip()
    if not 0 < len(text) <= most:
        raise TicketRefused(f"Write a {member} of 1 to {most} characters.")
    return text
