"""The reader: the ``message`` of a Beckn 1.1 envelope → an object of the storage trade.

It reads the strict form of ENERGY 1.5. Known deviations of the network are turned into that form first, each by a rule
with a name (`tolerances`); ``strict`` leaves that out. Nothing is ever guessed about money: what does not add
up, or speaks of two currencies, or of a negative quantity, is refused, and the error names both places.
Members that the trade does not use are passed over: the schemas decide what may stand in a message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from energy.offers import Message, StorageUse
from energy.wire.v1 import small_messages
from energy.wire.v1.catalogs import read_catalog
from energy.wire.v1.cursor import Node
from energy.wire.v1.orders import NEEDS, read_order
from energy.wire.v1.searches import read_search
from energy.wire.v1.tolerances import straightened

_ROOT = "/message"
_READERS: Mapping[str, Callable[[Node], Message]] = MappingProxyType(
    {
        "search": read_search,
        "on_search": read_catalog,
        **dict.fromkeys(NEEDS, read_order),
        "status": small_messages.read_status,
        "track": small_messages.read_track,
        "on_track": small_messages.read_tracking,
        "update": small_messages.read_update,
        "cancel": small_messages.read_cancel,
        "rating": small_messages.read_rating,
        "on_rating": small_messages.read_feedback_form,
        "support": small_messages.read_support,
        "on_support": small_messages.read_support_contact,
    }
)


def read(
    action: str, message: Mapping[str, Any], *, strict: bool = False, known_use: StorageUse | None = None
) -> Message:
    """What the ``message`` member of an action says; `write`'s inverse.

    ``known_use`` is what this transaction already speaks of: it fills in an amount or windows that a peer leaves out
    later (ENERGY 1.2, S8 and S12). ``strict`` reads without any tolerance.

    Raises:
        ValueError: no such action.
        WireError: the message can not be read.
    """
    if strict:
        return _reader(action)(Node(dict(message), _ROOT))
    return read_tolerantly(action, message, known_use=known_use)[0]


def read_tolerantly(
    action: str, message: Mapping[str, Any], *, known_use: StorageUse | None = None
) -> tuple[Message, tuple[str, ...]]:
    """The same, and the names of the tolerances that it took ("D7-stop-quantity"); none for a strict message.

    Paths of a `WireError` then point into the straightened message.
    """
    reader = _reader(action)
    straight, used = straightened(action, message, known_use)
    return reader(Node(straight, _ROOT)), used


def _reader(action: str) -> Callable[[Node], Message]:
    if action not in _READERS:
        raise ValueError(f"there is no action {action!r}")
    return _READERS[action]
