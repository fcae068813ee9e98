"""One trade in order: every message that came or went, every decision and every retry, from what a database holds.

`story` reads one participant's part. `ordered` puts the parts of several together by wire time, so their clocks must
agree well enough. `diagram` draws them as a Mermaid sequence diagram: a letter is drawn by its sender, a message that
came only when its sender's database is not among the parts.

A trace tells actions, ids, states and reasons; it shows no body. It reads no table to its end: outbox and audit chain
are indexed by transaction. The inbox is not, since that would cost every message that comes; but whatever was decided
or given up has an entry in the chain with its number, and the others are the few that are pending.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, Row, literal_column, select

from node import ledger
from node.clocks import moment_of
from node.personal_columns import opened
from node.tables import DEAD, DROPPED, PENDING, SENT, audit, inbox, outbox
from protocol.context import read_context

_NAME_LENGTH_MAX = 60
_ROWS_AT_ONCE = 500


class Kind(StrEnum):
    """What happened."""

    CAME = "came"
    QUEUED = "queued"
    SENT = "sent"
    TRIED = "tried"
    DEAD = "dead"
    DROPPED = "dropped"
    DONE = "done"
    BOOKED = "booked"


@dataclass(frozen=True, slots=True)
class Event:
    """At ``at`` (wire time), at the participant ``place``; ``source`` and ``target`` for what goes from one to another.

    ``text`` says it in words, ``action`` and ``message_id`` what it is about, where it is about a message.
    """

    at: datetime
    place: str
    kind: Kind
    text: str
    action: str = ""
    message_id: str = ""
    source: str = ""
    target: str = ""


def story(tx: Connection, place: str, transaction_id: str) -> list[Event]:
    """What the participant ``place`` (its subscriber id) knows of a transaction."""
    went = tx.execute(select(outbox).where(outbox.c.transaction_id == transaction_id)).all()
    told = tx.execute(select(audit).where(audit.c.about == transaction_id)).all()
    changes = [orjson.loads(row.change) for row in told]
    numbers = sorted({change["inbox_id"] for change in changes if "inbox_id" in change})
    found = [_came(row, place) for row in _messages(tx, transaction_id, numbers)]
    for row in went:
        found += _went(row, place, _target(tx, row))
    return ordered([found, [_told(row, change, place) for row, change in zip(told, changes, strict=True)]])


def booked(
    tx: Connection, place: str, contract_ids: Sequence[str], wire_at: Callable[[datetime], datetime]
) -> list[Event]:
    """What the participant's ledger has of these contracts; ``wire_at`` makes wire time of trade time."""
    found = [each for contract_id in contract_ids for each in ledger.of_contract(tx, contract_id)]
    return [
        Event(at=wire_at(each.at), place=place, kind=Kind.BOOKED, text=f"entry {each.seq}: {each.entry.sentence}")
        for each in sorted(found, key=lambda each: each.seq)
    ]


def ordered(parts: Iterable[Sequence[Event]]) -> list[Event]:
    """The events of several parts by their time; what one participant did at one moment keeps its order."""
    return sorted((event for part in parts for event in part), key=lambda event: (event.at, _ORDER[event.kind]))


def diagram(events: Sequence[Event]) -> str:
    """A Mermaid sequence diagram."""
    traced = {event.place for event in events}
    lines, names = [], dict[str, str]()

    def of(name: str) -> str:
        return names.setdefault(name, f"p{len(names) + 1}")

    for event in events:
        text = _plain(f"{event.action}: {event.text}" if event.action else event.text)
        if (event.kind is Kind.CAME and event.source not in traced) or event.kind is Kind.SENT:
            lines.append(f"    {of(event.source)}->>{of(event.target)}: {_plain(event.action)}")
        elif event.kind in (Kind.DEAD, Kind.TRIED):
            lines.append(f"    {of(event.source)}-x{of(event.target)}: {text}")
        elif event.kind in (Kind.DONE, Kind.DROPPED, Kind.BOOKED):
            lines.append(f"    Note over {of(event.place)}: {text}")
    heads = [f"    participant {alias} as {_plain(name)}" for name, alias in names.items()]
    return "\n".join(["sequenceDiagram", *heads, *lines]) + "\n"


_ORDER = {kind: place for place, kind in enumerate(Kind)} | {Kind.DONE: 0.5, Kind.QUEUED: 0.7}


# The state as a literal: only so SQLite sees that its index of pending rows serves.
_STILL_PENDING = inbox.c.state == literal_column(f"'{PENDING}'")
_SHOWN = [column for column in inbox.c if column.name not in {"body", "authorization", "dedup_key", "digest"}]


def _messages(tx: Connection, transaction_id: str, numbers: Sequence[int]) -> list[Row[Any]]:
    """The messages of a transaction: those with these numbers, and those that are still pending."""
    pending = tx.execute(select(*_SHOWN).where(_STILL_PENDING, inbox.c.transaction_id == transaction_id)).all()
    rows = {row.id: row for row in pending}
    for start in range(0, len(numbers), _ROWS_AT_ONCE):
        some = numbers[start : start + _ROWS_AT_ONCE]
        rows |= {row.id: row for row in tx.execute(select(*_SHOWN).where(inbox.c.id.in_(some)))}
    return list(rows.values())


def _came(row: Row[Any], place: str) -> Event:
    hop = row.gateway_id or row.sender_id
    through = f" through {row.gateway_id}" if row.gateway_id else ""
    return Event(
        at=moment_of(row.received_at_ms),
        place=place,
        kind=Kind.CAME,
        text=f"from {row.sender_id}{through}, acknowledged; now {row.state}{_reason(row)}",
        action=row.action,
        message_id=row.message_id,
        source=hop,
        target=place,
    )


def _went(row: Row[Any], place: str, target: str) -> list[Event]:
    about = {"place": place, "action": row.action, "message_id": row.message_id, "source": place, "target": target}
    found = [Event(at=moment_of(row.created_at_ms), kind=Kind.QUEUED, text=f"to {target}, in the outbox", **about)]
    attempts = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
    if row.state == PENDING:
        if row.attempts:
            text = f"{attempts} failed, the next is due{_reason(row)}"
            found.append(Event(at=moment_of(row.due_at_ms), kind=Kind.TRIED, text=text, **about))
        return found
    ends = {
        SENT: (Kind.SENT, f"to {target}, delivered ({row.response_status}) after {attempts}"),
        DEAD: (Kind.DEAD, f"to {target}, dead after {attempts}{_reason(row)}"),
        DROPPED: (Kind.DROPPED, f"to {target}{_reason(row)}"),
    }
    kind, text = ends[row.state]
    return [*found, Event(at=moment_of(row.finished_at_ms), kind=kind, text=text, **about)]


def _told(row: Row[Any], change: Mapping[str, Any], place: str) -> Event:
    code = f" ({change['code']})" if "code" in change else ""
    return Event(
        at=moment_of(row.at_ms),
        place=place,
        kind=Kind.DONE,
        text=f"{change['what']}{code}, by {row.actor}",
        action=change.get("action", ""),
        message_id=change.get("message_id", ""),
    )


def _target(tx: Connection, row: Row[Any]) -> str:
    """Whom a letter is for: the other side of its context, or the URL of who passes it on."""
    context = read_context(orjson.loads(opened(tx, outbox.c.body, row.id, row.body)))
    names = {context.bap_uri.rstrip("/"): context.bap_id}
    if context.bpp_uri is not None and context.bpp_id is not None:
        names[context.bpp_uri.rstrip("/")] = context.bpp_id
    destination = str(row.destination)
    return names.get(destination, destination)


def _reason(row: Row[Any]) -> str:
    return f": {row.last_error}" if row.last_error else ""


def _plain(text: str) -> str:
    # Mermaid gives line ends, semicolons, hashes and angle brackets a meaning.
    plain = re.sub(r"[\s;#<>]+", " ", text).strip()
    return plain if len(plain) <= _NAME_LENGTH_MAX else plain[: _NAME_LENGTH_MAX - 1] + "…"
