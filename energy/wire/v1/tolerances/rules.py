"""What a tolerance is: a rule with a name that mends one deviation of the network in a private copy of a message.

A rule changes the copy in place and says whether it did. It leaves alone what it does not understand, which the reader
then refuses. It moves, renames and respells what a peer has said; no rule makes up a price, a total, a currency, an
amount or a consent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from energy.intervals import Interval
from energy.offers import DispatchMode, StorageUse

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What a transaction already speaks of, for peers that leave it out later (ENERGY 1.2, S8 and S12).

    None: nobody has said it.
    """

    energy_wh: int | None = None
    charge: Interval | None = None
    giveback: Interval | None = None
    mode: DispatchMode | None = None

    @classmethod
    def of(cls, use: StorageUse, mode: DispatchMode | None = None) -> Known:
        """A whole use, and the way of dispatch."""
        return cls(use.energy_wh, use.charge, use.giveback, mode)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a participant reads: with every tolerance but those ``without``, or ``strict``, with none.

    ``zone`` is the one of times that name none: the network's.
    """

    strict: bool = False
    without: frozenset[str] = frozenset()
    zone: tzinfo = UTC

    def takes(self, name: str) -> bool:
        """Whether the tolerance of that name is taken."""
        return not self.strict and name not in self.without


@dataclass(frozen=True, slots=True)
class Parts:
    """A message, and the objects of it that rules look at, collected once."""

    action: str
    message: Json
    known: Known
    zone: tzinfo
    providers: list[Json]
    orders: list[Json]
    """The order or the intent."""
    items: list[Json]
    fulfillments: list[Json]
    quotes: list[Json]
    lines: list[Json]
    priced: list[Json]
    """The items, and the items of the quotes' lines."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One deviation: its name, what peers write, what is read, and what mends it (True when it changed something)."""

    name: str
    peers_write: str
    we_read: str
    mend: Callable[[Parts], bool]


def parts_of(action: str, message: Json, known: Known, zone: tzinfo) -> Parts:
    """The parts of a message as it is now."""
    sellers = [provider for catalog in below(message, "catalog") for provider in below(catalog, "providers")]
    orders = below(message, "order") + below(message, "intent")
    quotes = [quote for order in orders for quote in below(order, "quote")]
    items = [item for owner in sellers + orders for name in ("items", "item") for item in below(owner, name)]
    lines = [line for quote in quotes for line in below(quote, "breakup")]
    return Parts(
        action=action,
        message=message,
        known=known,
        zone=zone,
        providers=sellers + [provider for order in orders for provider in below(order, "provider")],
        orders=orders,
        items=items,
        fulfillments=[
            fulfillment
            for owner in sellers + orders
            for name in ("fulfillments", "fulfillment")
            for fulfillment in below(owner, name)
        ],
        quotes=quotes,
        lines=lines,
        priced=items + [item for line in lines for item in below(line, "item")],
    )


def below(owner: object, name: str) -> list[Json]:
    """The objects of a member, whether it is one object or an array of them."""
    value = owner.get(name) if isinstance(owner, dict) else None
    if isinstance(value, dict):
        return [value]
    return [node for node in value if isinstance(node, dict)] if isinstance(value, list) else []


def listed(value: object) -> list[Any]:
    """The array, or an empty one in the place of anything else."""
    return value if isinstance(value, list) else []


def has_group(owner: Json, code: str) -> bool:
    """Whether the owner has the tag group of that code."""
    codes = [descriptor.get("code") for tags in below(owner, "tags") for descriptor in below(tags, "descriptor")]
    return code in codes


def rename(owner: Json, old: str, new: str) -> bool:
    """Give a member its strict name, unless that stands there too."""
    if old not in owner or new in owner:
        return False
    owner[new] = owner.pop(old)
    return True


def some(results: Iterable[bool]) -> bool:
    """Whether one is true, after all of them have been worked out."""
    return True in list(results)


def copied(value: Any) -> Any:
    """A copy down to the last object and array."""
    if isinstance(value, dict):
        return {name: copied(member) for name, member in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
