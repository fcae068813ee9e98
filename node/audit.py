"""Who did what, when, from where, with which message: a hash chain (`node.hashchain`) in the participant's database.

* Every decision on a message: its sender, and whether it was decided, refused or given up (`node.inbox`).
* Every call of our own API that writes: `audited_calls` names the caller, `told` adds the entry to each transaction
  of that call. A call that only looks leaves none. Meter readings are facts with numbers of their own and not told.
* Every command of an operator that changes something (`node.letters`, ``beckn-battery privacy``, ``tokens``,
  ``users``). What changes a file and not the database (``keys``, ``privacy newkey``) is told right after it.

An entry is written in the transaction that it tells of, so there is never one without the other. It names messages by
id and digest, and holds no body and nothing of a person whom a trade is about: such data can be erased without touching
the chain. `ENTRY_MEMBERS` is all that an entry may have, and `record` refuses the rest.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import orjson
from aiohttp import web
from sqlalchemy import Connection, bindparam, insert, select

from node.clocks import Now, milliseconds
from node.database import WriteFunction
from node.hashchain import Entry, Fault, chained, entries, first_fault, hold_end, link
from node.problems import Handler
from node.tables import audit

T = TypeVar("T")

DECIDED = "decided"
REFUSED = "refused"
GIVEN_UP = "given up"
OPEN_PAGE = "whoever has the address"
API_TOKEN = "api token"  # noqa: S105 - what an entry calls the holder of it
ACCOUNT = "account"
ENTRY_MEMBERS = frozenset(
    {"what", "from", "action", "transaction_id", "message_id", "digest", "inbox_id", "outbox_id", "key_id"}
    | {"code", "subject", "rows"}
)
_BECKN = "/beckn/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TELEMETRY = "/telemetry"
_VALUE_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class Actor:
    """``name``: a subscriber, an account or token, or an operator's login; ``origin``: an address or a machine."""

    name: str
    origin: str


def operator() -> Actor:
    """Whoever runs this command."""
    try:
        login = getpass.getuser()
    except KeyError:
        # A container's user may have no name.
        login = f"number {os.getuid()}"
    return Actor(f"operator {login}", f"a command on {socket.gethostname()}")


# Built once: making a statement anew costs more than running it.
_LAST = select(*chained(audit)).order_by(audit.c.seq.desc()).limit(1)
_COLUMNS = tuple(column.name for column in audit.c)
_INSERT = insert(audit).values({name: bindparam(name) for name in _COLUMNS})


def record(tx: Connection, now: datetime, actor: Actor, what: str, **facts: str | int | None) -> Entry:
    """Write an entry in this transaction, after all else that the transaction locks. ``facts``: `ENTRY_MEMBERS`.

    Raises:
        ValueError: a member that no entry has.
    """
    change = {"what": what, "from": actor.origin} | {name: value for name, value in facts.items() if value is not None}
    if not change.keys() <= ENTRY_MEMBERS:
        raise ValueError(f"an audit entry has no {', '.join(sorted(change.keys() - ENTRY_MEMBERS))}")
    bounded = {name: value[:_VALUE_LENGTH_MAX] if isinstance(value, str) else value for name, value in change.items()}
    hold_end(tx, audit)
    row = tx.execute(_LAST).first()
    written = orjson.dumps(bounded, option=orjson.OPT_SORT_KEYS).decode()
    entry = link(None if row is None else Entry(*row), milliseconds(now), actor.name[:255], written)
    about = bounded.get("transaction_id", bounded.get("subject"))
    values = (entry.seq, entry.at_ms, entry.actor, entry.change, entry.previous, entry.hash, about)
    tx.execute(_INSERT, dict(zip(_COLUMNS, values, strict=True)))
    return entry


def verify(tx: Connection) -> tuple[Entry | None, Fault | None]:
    """The newest entry, whose hash is worth noting elsewhere, and the first fault of the chain."""
    row = tx.execute(_LAST).first()
    return None if row is None else Entry(*row), first_fault(entries(tx, audit))


def holds(tx: Connection, noted: str) -> bool:
    """Whether the chain has the entry that somebody noted as ``seq:hash``."""
    seq, _, digest = noted.partition(":")
    return seq.isdigit() and tx.scalar(select(audit.c.hash).where(audit.c.seq == int(seq))) == digest


def exported(tx: Connection, after_seq: int = 0) -> Iterator[bytes]:
    """Every entry behind ``after_seq`` as a line of JSON, its hashes with it, so that others can verify it too."""
    for entry in entries(tx, audit, after_seq):
        yield orjson.dumps(entry) + b"\n"


# -- calls of our own API -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Call:
    actor: Actor
    what: str
    subject: str | None


_call: ContextVar[_Call | None] = ContextVar("audited_call", default=None)


@web.middleware
async def audited_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name the caller for `told`. Stands behind authentication, which may have put the account into the request."""
    call = _call_of(request)
    if call is None:
        return await handler(request)
    before = _call.set(call)
    try:
        return await handler(request)
    finally:
        _call.reset(before)


def told(now: Now) -> Callable[[WriteFunction[T]], WriteFunction[T]]:
    """What a participant's database does with every function that it is given to write."""

    def with_call(fn: WriteFunction[T]) -> WriteFunction[T]:
        call = _call.get()
        if call is None:
            return fn
        at = now()

        def write(tx: Connection) -> T:
            result = fn(tx)
            record(tx, at, call.actor, call.what, subject=call.subject)
            return result

        return write

    return with_call


def _call_of(request: web.Request) -> _Call | None:
    resource = request.match_info.route.resource
    if request.method in _SAFE or resource is None:
        return None
    # The path as it was registered: a form's address holds a secret, which must not be told.
    path = resource.canonical
    is_message = path.startswith(_BECKN) and "{" not in path
    if is_message or path.endswith(_TELEMETRY):
        return None
    name = OPEN_PAGE if path.startswith(_BECKN) else str(request.get(ACCOUNT, API_TOKEN))
    ids = [value for name, value in request.match_info.items() if name.endswith("_id")]
    return _Call(Actor(name, request.remote or "unknown"), f"{request.method} {path}", ",".join(ids) or None)
