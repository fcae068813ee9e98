"""THE table of the Beckn 1.1.1 transaction actions: routes, roles, message keys and lifetimes come from here.

Source: Beckn core 1.1.1, paths. A request travels BAP → BPP and is answered later by its callback
``on_<action>``, BPP → BAP. ``search`` and ``on_search`` may travel through a gateway (BG). What is not in
this table is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """Participant types as the registry writes them (Beckn registry 1.1.1, Subscriber.type); BREG is a registry."""

    BAP = "BAP"
    BPP = "BPP"
    BG = "BG"
    BREG = "BREG"


@dataclass(frozen=True, slots=True)
class Action:
    """One row: ``message_keys`` are the members that ``message`` may have, the first one required if ``key_required``.

    ``repeatable``: other bytes under a known message id are one more message (DESIGN, check 11).
    ``ttl``: how long the message holds when its context does not say.
    """

    name: str
    sender: Role
    message_keys: tuple[str, ...]
    key_required: bool
    ttl: timedelta
    repeatable: bool = False
    through_gateway: bool = False

    @property
    def is_callback(self) -> bool:
        """Whether this is an ``on_…`` answer."""
        return self.name.startswith("on_")

    @property
    def request(self) -> str:
        """The request's name, for a request as for its callback."""
        return self.name.removeprefix("on_")

    @property
    def callback(self) -> str:
        """The callback's name, for a request as for its callback."""
        return f"on_{self.request}"

    @property
    def receiver(self) -> Role:
        """The role that handles it."""
        return Role.BPP if self.sender is Role.BAP else Role.BAP


_SHORT = timedelta(seconds=30)
_LONG = timedelta(minutes=5)
_READS = {"search", "status", "track", "support"}

# request: (message keys of the request, required?, ttl, message keys of the callback)
_ROWS: tuple[tuple[str, tuple[str, ...], bool, timedelta, tuple[str, ...]], ...] = (
    ("search", ("intent",), False, _SHORT, ("catalog",)),
    ("select", ("order",), True, _SHORT, ("order",)),
    ("init", ("order",), True, _SHORT, ("order",)),
    ("confirm", ("order",), True, _LONG, ("order",)),
    ("status", ("order_id",), True, _SHORT, ("order",)),
    ("track", ("order_id", "callback_url"), True, _SHORT, ("tracking",)),
    ("update", ("update_target", "order"), True, _LONG, ("order",)),
    ("cancel", ("order_id", "cancellation_reason_id", "descriptor"), True, _LONG, ("order",)),
    ("rating", ("ratings",), False, _LONG, ("feedback_form",)),
    ("support", ("support",), False, _LONG, ("support",)),
)


def _table() -> dict[str, Action]:
    table: dict[str, Action] = {}
    for name, keys, required, ttl, answer_keys in _ROWS:
        via = name == "search"
        reads = name in _READS
        # `search` itself is not repeatable: only its answers come several times under one message id.
        table[name] = Action(name, Role.BAP, keys, required, ttl, reads and not via, via)
        # A callback has to outlive a restart of the peer, so it may be late by minutes.
        table[f"on_{name}"] = Action(f"on_{name}", Role.BPP, answer_keys, False, _LONG, reads, via)
    return table


ACTIONS: Mapping[str, Action] = MappingProxyType(_table())
REQUESTS: tuple[str, ...] = tuple(name for name, action in ACTIONS.items() if not action.is_callback)
CALLBACKS: tuple[str, ...] = tuple(name for name, action in ACTIONS.items() if action.is_callback)


def received_by(role: Role) -> tuple[str, ...]:
    """The names of the actions that a participant of ``role`` serves under ``/beckn``."""
    if role is Role.BG:
        return tuple(name for name, action in ACTIONS.items() if action.through_gateway)
    return tuple(name for name, action in ACTIONS.items() if action.receiver is role)
