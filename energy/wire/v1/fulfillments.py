"""How the fulfillments of an order are called: by their way of dispatch, from the second one on with their number.

In an order of several batteries each has a fulfillment of its own, which its item names in ``fulfillment_ids``. With
one item the two belong together whatever they are called.
"""

from __future__ import annotations

import re

from energy.offers import DispatchMode
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError

FULFILLMENT_IDS = {DispatchMode.AUTOMATIC: "automatic-dispatch", DispatchMode.MANUAL: "manual-dispatch"}
"""What the ways of dispatch are called in a catalog, and the first part's fulfillment in an order."""

_MODES = {id_: mode for mode, id_ in FULFILLMENT_IDS.items()}
_NUMBERED = re.compile(r"(automatic-dispatch|manual-dispatch)(-[1-9][0-9]?)?")


def fulfillment_id(mode: DispatchMode, number: int) -> str:
    """What the fulfillment of an order's part is called; ``number`` counts from 1."""
    return FULFILLMENT_IDS[mode] if number == 1 else f"{FULFILLMENT_IDS[mode]}-{number}"


def mode_of_id(id_: object) -> DispatchMode | None:
    """The way of dispatch that an id of ours says, in a catalog or an order; None for any other."""
    match = _NUMBERED.fullmatch(id_) if isinstance(id_, str) else None
    return None if match is None else _MODES[match[1]]


def paired(items: tuple[Node, ...], fulfillments: tuple[Node, ...]) -> list[tuple[Node, Node]]:
    """Each item with the fulfillment that dispatches it.

    Raises:
        WireError: an item names none or several, or another one's, or one that is not there, or one is nobody's.
    """
    if (len(items), len(fulfillments)) == (1, 1):
        return [(items[0], fulfillments[0])]
    left = _by_id(fulfillments)
    pairs = [(item, _named(item, left)) for item in items]
    for fulfillment in left.values():
        sentence = "No item names this fulfillment in its fulfillment_ids: add it there, or leave it out."
        raise WireError(fulfillment.path, sentence, "an item that names it", "none")
    return pairs


def _by_id(fulfillments: tuple[Node, ...]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for fulfillment in fulfillments:
        id_ = fulfillment.need("id")
        first = found.setdefault(id_.text(), fulfillment)
        if first is not fulfillment:
            raise WireError(id_.path, f"The fulfillment at {first.path} has this id too.", "another id", id_.text())
    return found


def _named(item: Node, left: dict[str, Node]) -> Node:
    """The fulfillment that the item names, taken out of those that are left."""
    named = item.need("fulfillment_ids").only()
    found = left.pop(named.text(), None)
    if found is None:
        sentence = "The order has no fulfillment with this id that is not another item's."
        raise WireError(named.path, sentence, " or ".join(left), named.text())
    return found
