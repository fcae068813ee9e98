"""The strict writer: an object of the storage trade → the ``message`` of a Beckn 1.1.1 envelope (ENERGY 1.5).

What comes out has texts, booleans, objects and arrays only: no number that a peer could read as a float, no key
that JavaScript would reorder (INTEROP 1). Times have milliseconds; what is finer is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from energy import offers
from energy.messages import Message
from energy.searches import Catalog, SearchIntent
from energy.wire.v1 import small_messages
from energy.wire.v1.catalogs import write_catalog
from energy.wire.v1.orders import NEEDS, write_order
from energy.wire.v1.searches import write_search
from energy.wire.v1.updates import write_update

_Writer = tuple[type, Callable[[Any], dict[str, Any]]]

_WRITERS: Mapping[str, _Writer] = MappingProxyType(
    {
        "search": (SearchIntent, write_search),
        "on_search": (Catalog, write_catalog),
        **{action: (offers.Order, partial(write_order, action)) for action in NEEDS},
        "status": (offers.StatusRequest, small_messages.write_status),
        "track": (offers.TrackRequest, small_messages.write_track),
        "on_track": (offers.Tracking, small_messages.write_tracking),
        "update": (offers.UpdateRequest, write_update),
        "cancel": (offers.CancelRequest, small_messages.write_cancel),
        "rating": (offers.RatingRequest, small_messages.write_rating),
        "on_rating": (offers.FeedbackForm, small_messages.write_feedback_form),
        "support": (offers.SupportRequest, small_messages.write_support),
        "on_support": (offers.SupportContact, small_messages.write_support_contact),
    }
)


def write(action: str, content: Message) -> dict[str, Any]:
    """The ``message`` member for any of the 20 actions; the context is `protocol.context`'s.

    Raises:
        ValueError: no such action, content of another type, or content that the strict profile can not say: a quote
            that does not add up, a negative quantity, a number of more than 24 characters, windows off the
            quarter hours, or a member that the action needs (`energy.wire.v1.orders.NEEDS`).
    """
    if action not in _WRITERS:
        raise ValueError(f"there is no action {action!r}")
    kind, writer = _WRITERS[action]
    if not isinstance(content, kind):
        raise ValueError(f"{action} carries {kind.__name__}, not {type(content).__name__}")
    return writer(content)
