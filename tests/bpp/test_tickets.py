"""How a ticket stands after who has written what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.tickets import (
    NOTES_MAX,
    SUBJECT_CHARS_MAX,
    TEXT_CHARS_MAX,
    Kind,
    Note,
    Side,
    State,
    Ticket,
    TicketRefused,
    checked_note,
    checked_subject,
    with_note,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ASKED = Ticket(
    ticket_id="ticket-1", kind=Kind.QUESTION, subject="Losses", notes=(Note(Side.PRODUCER, "How many?", NOW),)
)


@given(st.lists(st.sampled_from(Side), min_size=1, max_size=10))
def test_who_wrote_last_decides_how_a_ticket_stands(sides: list[Side]) -> None:
    ticket = ASKED
    for side in sides:
        ticket = with_note(ticket, Note(side, "…", NOW))
    assert ticket.state is (State.ANSWERED if sides[-1] is Side.OPERATOR else State.OPEN)
    assert len(ticket.notes) == 1 + len(sides)


def test_a_closed_or_full_ticket_takes_no_more() -> None:
    note = Note(Side.PRODUCER, "And?", NOW)
    closed = Ticket(ticket_id="t", kind=Kind.ISSUE, subject="s", notes=ASKED.notes, state=State.CLOSED)
    with pytest.raises(TicketRefused, match="is closed"):
        with_note(closed, note)
    full = Ticket(ticket_id="t", kind=Kind.ISSUE, subject="s", notes=(note,) * NOTES_MAX)
    with pytest.raises(TicketRefused, match=f"at most {NOTES_MAX}"):
        with_note(full, note)


@pytest.mark.parametrize("text", ["", "  \n", "x" * (TEXT_CHARS_MAX + 1)])
def test_a_message_without_words_or_with_too_many_is_not_taken(text: str) -> None:
    with pytest.raises(TicketRefused, match="Write a message"):
        checked_note(Side.PRODUCER, text, NOW)


def test_a_subject_is_bounded_and_a_name_is_nobodys_duty() -> None:
    with pytest.raises(TicketRefused, match="Write a subject"):
        checked_subject("x" * (SUBJECT_CHARS_MAX + 1))
    assert checked_note(Side.PRODUCER, " Hello ", NOW) == Note(Side.PRODUCER, "Hello", NOW)
    assert checked_note(Side.PRODUCER, "Hello", NOW, " Asha ").name == "Asha"
