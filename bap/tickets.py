"""The producer's side of tickets: read and written at the link that the operator's ``on_support`` gave.

Nothing is asked of any other server than the one its Beckn endpoints are on. What comes back is somebody else's JSON:
it is believed member by member, and of bounded size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bap.store.records import Contract, Ticket, TicketNote
from node.client import PeerClient
from node.problems import Problem
from protocol.errors import Diagnosis, PeerFailed
from protocol.urls import same_origin

TICKETS_MAX = 100
NOTES_MAX = 200
_TEXT_CHARS_MAX = 4_000
_ONCE = "once"


async def read_tickets(client: PeerClient, contract: Contract) -> tuple[Ticket, ...]:
    """The contract's tickets as the operator has them now.

    Raises:
        Problem: 409, the operator was not asked for support yet.
        PeerFailed: the link is elsewhere, or over, or gives no tickets.
    """
    return _tickets(await _asked(client, contract, b""), _link(contract))


async def write_ticket(client: PeerClient, contract: Contract, fields: Mapping[str, str]) -> tuple[Ticket, ...]:
    """Open a ticket (``kind``, ``subject``, ``text``) or answer one (``ticket_id``, ``text``); the tickets afterwards.

    Raises as `read_tickets`.
    """
    once = (await _asked(client, contract, b"")).get(_ONCE)
    if not isinstance(once, str):
        raise _failed(_link(contract), "a token to write with", "none")
    return _tickets(await _asked(client, contract, urlencode({_ONCE: once, **fields}).encode()), _link(contract))


def _link(contract: Contract) -> str:
    if contract.support is None or not contract.support.url:
        raise Problem(409, "No link", "Ask for support first: the operator answers with a link to its tickets.")
    return contract.support.url


async def _asked(client: PeerClient, contract: Contract, form: bytes) -> Mapping[str, Any]:
    url = _link(contract)
    if not same_origin(url, contract.bpp_uri):
        raise _failed(url, f"a page of {contract.bpp_uri}", "another server, which is not asked")
    answer = await client.submit(url, form)
    content = answer.json()
    if answer.status != 200 or not isinstance(content, dict):
        detail = content.get("detail") if isinstance(content, dict) else None
        raise _failed(url, "tickets", f"status {answer.status}: {str(detail)[:200]}")
    return content


def _tickets(content: Mapping[str, Any], url: str) -> tuple[Ticket, ...]:
    listed = content.get("tickets")
    try:
        if not isinstance(listed, list):
            raise TypeError("no list")
        return tuple(_ticket(entry) for entry in listed[:TICKETS_MAX])
    except (KeyError, TypeError) as error:
        raise _failed(url, "tickets", f"something else ({type(error).__name__})") from None


def _ticket(entry: Mapping[str, Any]) -> Ticket:
    notes = [_note(note) for note in entry["notes"][:NOTES_MAX]]
    return Ticket(
        ticket_id=_text(entry["ticket_id"]),
        kind=_text(entry["kind"]),
        state=_text(entry["state"]),
        subject=_text(entry["subject"]),
        updated_at=_text(entry["updated_at"]),
        notes=tuple(notes),
    )


def _note(entry: Mapping[str, Any]) -> TicketNote:
    return TicketNote(_text(entry["side"]), _text(entry["text"]), _text(entry["at"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value[:_TEXT_CHARS_MAX]


def _failed(url: str, expected: str, got: str) -> PeerFailed:
    return PeerFailed(f"{url} did not give {expected}: {got}.", Diagnosis("tickets", url, expected, got))
