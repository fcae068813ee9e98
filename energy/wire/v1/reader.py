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

from energy.messages import Message
from energy.offers import Order
from energy.wire.v1 import small_messages
from energy.wire.v1.catalogs import read_catalog
from energy.wire.v1.cursor import Node
from energy.wire.v1.orders import NEEDS, read_order
from energy.wire.v1.prices import check_prices
from energy.wire.v1.searches import read_search
from energy.wire.v1.tolerances import NOTHING_KNOWN, TOLERANT, straightened
from energy.wire.v1.tolerances.rules import Known, Reading
from energy.wire.v1.updates import read_update

_ROOT = "/message"
_READERS: Mapping[str, Callable[[Node], Message]] = MappingProxyType(
    {
        "search": read_search,
        "on_search": read_catalog,
        **dict.fromkeys(NEEDS, read_order),
        "status": small_messages.read_status,
        "track": small_messages.read_track,
        "on_track": small_messages.read_tracking,
        "update": read_update,
        "cancel": small_messages.read_cancel,
        "rating": small_messages.read_rating,
        "on_rating": small_messages.read_feedback_form,
        "support": small_messages.read_support,
        "on_support": small_messages.read_support_contact,
    }
)


def read(
    action: str,
    message: Mapping[str, Any],
    *,
    strict: bool = False,
    reading: Reading = TOLERANT,
    known: Known = NOTHING_KNOWN,
) -> Message:
    """What the ``message`` member of an action says; `write`'s inverse.

    ``known`` is what this transaction already speaks of: it fills in what a peer leaves out later (ENERGY 1.2, S8 and
    S12). ``strict`` reads without any tolerance, as ``reading`` may do.

    Raises:
        ValueError: no such action.
        WireError: the message can not be read.
    """
    if strict:
        return read_straight(action, message)
    return read_tolerantly(action, message, reading=reading, known=known)[0]


def read_tolerantly(
    action: str, message: Mapping[str, Any], *, reading: Reading = TOLERANT, known: Known = NOTHING_KNOWN
) -> tuple[Message, tuple[str, ...]]:
    """The same, and the names of the tolerances that it took ("D7-stop-quantity"); none for a strict message.

    With `tolerances.ANY_TRANSACTION` as ``known`` it is decided whether a message is readable once its transaction is
    looked up; what comes out then is not what the message says. Paths of a `WireError` point into the straightened
    message.
    """
    straight, used = straightened(action, message, reading, known)
    return read_straight(action, straight), used


def read_straight(action: str, message: Mapping[str, Any]) -> Message:
    """What a message in the strict form says, straightened or from the first. Raises as `read`."""
    node = Node(dict(message), _ROOT)
    content = _reader(action)(node)
    if isinstance(content, Order):
        check_prices(node)
    return content


def _reader(action: str) -> Callable[[Node], Message]:
    if action not in _READERS:
        raise ValueError(f"there is no action {action!r}")
    return _READERS[action]
