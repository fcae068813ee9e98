"""D3: which action a message is, whatever its context calls it.

On the wire a wrong ``context.action`` is always refused: the signature does not cover the path, so the path alone may
not decide. Only who looks at a message that has been kept (`explain`, the harness) reads on with what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energy.offers import ContractState
from energy.wire.v1.tolerances.rules import Json, below

WRONG_ACTION = "D3-wrong-action"
"""The name of this tolerance, in the form of the others."""

_BY_MEMBER = {
    "intent": ("search",),
    "catalog": ("on_search",),
    "ratings": ("rating",),
    "feedback_form": ("on_rating",),
    "tracking": ("on_track",),
    "update_target": ("update",),
    "updated_target": ("update",),
    "cancellation_reason_id": ("cancel",),
    "callback_url": ("track",),
    "order_id": ("status", "track"),
}
_BY_STATE: dict[str, tuple[str, ...]] = {
    ContractState.QUOTED: ("on_select",),
    ContractState.INITIATED: ("on_init",),
    ContractState.CONFIRMED: ("on_confirm", "on_status"),
    ContractState.UPDATED: ("on_update", "on_status"),
    ContractState.CANCELLED: ("on_cancel", "on_status"),
}


def meant_action(said: str, message: Mapping[str, Any]) -> str:
    """The action that the message has the shape of: the one its context says wherever that fits.

    A shape that is nothing known leaves it at what is said.
    """
    fitting = fitting_actions(message)
    return said if said in fitting or not fitting else fitting[0]


def fitting_actions(message: Mapping[str, Any]) -> tuple[str, ...]:
    """The actions that a message of this shape can be, the likeliest first."""
    for member, actions in _BY_MEMBER.items():
        if member in message:
            return actions
    for support in below(message, "support"):
        return ("on_support",) if "url" in support else ("support", "on_support")
    for order in below(message, "order"):
        return _order_actions(order)
    return ()


def _order_actions(order: Json) -> tuple[str, ...]:
    if "cancellation_reason_id" in order:
        return ("cancel",)
    states = [state for fulfillment in below(order, "fulfillments") for state in below(fulfillment, "state")]
    codes = [descriptor.get("code") for state in states for descriptor in below(state, "descriptor")]
    if "id" in order:
        known = codes[0] if codes and isinstance(codes[0], str) else ""
        return _BY_STATE.get(known, ("on_status",))
    if "quote" not in order:
        named = {"billing", "xinput", "payments"} & order.keys()
        return ("init", "confirm") if named else ("select", "init", "confirm")
    if codes:
        first = "on_init" if ContractState.INITIATED.value in codes else "on_select"
        return (first, "on_select", "on_init", "init", "confirm")
    described = any("descriptor" in item for item in below(order, "items"))
    return ("on_select", "on_init") if described else ("confirm", "on_select", "on_init")
