"""The pages by which people tell the operator something: feedback about a rating, and tickets."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bpp.pages.layout import alert, form, page
from bpp.store.feedback import Feedback
from bpp.tickets import NAME_CHARS_MAX, SUBJECT_CHARS_MAX, TEXT_CHARS_MAX, Kind, Note, Side, State, Ticket
from protocol.moments import timestamp_text

_KINDS = {
    Kind.ISSUE: "Something is wrong",
    Kind.MAINTENANCE: "Maintenance",
    Kind.QUESTION: "A question",
    Kind.DOCUMENT: "I need a document",
}


def feedback_page(asked: Feedback, operator: str, wrong: str = "") -> str:
    """A form for words about a rating; those that were given stand in it."""
    words = (
        f'<label>What should {escape(operator)} know?<textarea name="words" required '
        f'maxlength="{TEXT_CHARS_MAX}">{escape(asked.words or "")}</textarea></label>'
    )
    thanks = '<p role="status">Thank you. You can change it here.</p>' if asked.given_at is not None else ""
    about = f"<p>About: {escape(asked.category)} {escape(asked.rated_id)}</p>"
    return page("Feedback", f"{alert(wrong)}{thanks}{about}{form(asked.once, words, 'Send feedback')}")


def tickets_page(operator: str, support_url: str, once: str, found: Sequence[Ticket], wrong: str = "") -> str:
    """A platform's tickets about one thing, each with a form to answer, and a form for a new one."""
    shown = "".join(_ticket(ticket, once) for ticket in found)
    help_at = f'<p>More help: <a href="{escape(support_url)}">{escape(support_url)}</a></p>'
    return page(f"Support of {operator}", f"{alert(wrong)}{_new_ticket(once)}{shown}{help_at}")


def _new_ticket(once: str) -> str:
    options = "".join(f'<option value="{kind.value}">{escape(text)}</option>' for kind, text in _KINDS.items())
    fields = (
        f'<label>What is it about?<select name="kind">{options}</select></label>'
        f'<label>In a few words<input type="text" name="subject" required maxlength="{SUBJECT_CHARS_MAX}"></label>'
        f"{_text_fields()}"
    )
    return f"<h2>New ticket</h2>{form(once, fields, 'Open ticket')}"


def _ticket(ticket: Ticket, once: str) -> str:
    notes = "".join(_note(note) for note in ticket.notes)
    answer = ""
    if ticket.state is not State.CLOSED:
        fields = f'<input type="hidden" name="ticket_id" value="{escape(ticket.ticket_id)}">{_text_fields()}'
        answer = form(once, fields, "Answer")
    window = ticket.maintenance
    planned = ""
    if window is not None:
        planned = f"<p>Out of service from {timestamp_text(window.start)} to {timestamp_text(window.end)}</p>"
    return (
        f"<article><h2>{escape(ticket.subject)}</h2>"
        f"<p>{escape(_KINDS[ticket.kind])}, {ticket.state.value}</p>{planned}{notes}{answer}</article>"
    )


def _text_fields() -> str:
    return (
        f'<label>Your name (if you like)<input type="text" name="name" maxlength="{NAME_CHARS_MAX}"></label>'
        f'<label>Message<textarea name="text" required maxlength="{TEXT_CHARS_MAX}"></textarea></label>'
    )


def _note(note: Note) -> str:
    who = "Operator" if note.side is Side.OPERATOR else note.name or "You"
    return f"<p><strong>{escape(who)}</strong>, {timestamp_text(note.at)}<br>{escape(note.text)}</p>"
