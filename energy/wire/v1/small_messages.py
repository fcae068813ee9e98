"""The messages that carry no catalog and no whole order: which order, and what about it (Beckn core 1.1.1, paths)."""

from __future__ import annotations

from typing import Any

from energy.offers import (
    CancelRequest,
    FeedbackForm,
    RatingRequest,
    StatusRequest,
    SupportContact,
    SupportRequest,
    Tracking,
    TrackRequest,
)
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.orders import described
from energy.wire.v1.texts import number_text

RATING_CATEGORIES = ("Item", "Order", "Fulfillment", "Provider", "Agent", "Support")
SOFT = "SOFT_CANCEL"
"""The code of a cancel that only asks what it would cost, as other Beckn networks write it."""
_SOFT = frozenset({SOFT, "SOFT"})
_ACTIVE = "active"
_INACTIVE = "inactive"


def write_status(request: StatusRequest) -> dict[str, Any]:
    """The message of a ``status``."""
    return {"order_id": request.order_id}


def read_status(message: Node) -> StatusRequest:
    """Which order's status is asked for."""
    return StatusRequest(message.need("order_id").text())


def write_track(request: TrackRequest) -> dict[str, Any]:
    """The message of a ``track``."""
    callback = {} if request.callback_url is None else {"callback_url": request.callback_url}
    return {"order_id": request.order_id} | callback


def read_track(message: Node) -> TrackRequest:
    """Which order is to be tracked."""
    return TrackRequest(message.need("order_id").text(), message.find_text("callback_url"))


def write_tracking(tracking: Tracking) -> dict[str, Any]:
    """The message of an ``on_track``."""
    status = _ACTIVE if tracking.active else _INACTIVE
    return {"tracking": {"id": tracking.tracking_id, "url": tracking.url, "status": status}}


def read_tracking(message: Node) -> Tracking:
    """Where live values can be read."""
    tracking = message.need("tracking")
    status = tracking.need("status")
    if status.text() not in (_ACTIVE, _INACTIVE):
        raise WireError(status.path, "Tracking is active or inactive.", f"{_ACTIVE} or {_INACTIVE}", status.text())
    return Tracking(tracking.need("id").text(), tracking.need("url").text(), status.text() == _ACTIVE)


def write_cancel(request: CancelRequest) -> dict[str, Any]:
    """The message of a ``cancel``."""
    return {
        "order_id": request.order_id,
        "cancellation_reason_id": request.reason_id,
        "descriptor": ({"code": SOFT} if request.soft else {}) | {"short_desc": request.reason},
    }


def read_cancel(message: Node) -> CancelRequest:
    """Which order is to end, and why; the words may be absent."""
    descriptor = message.find("descriptor")
    code, reason = None if descriptor is None else descriptor.find_text("code"), described(descriptor)
    soft = code is not None and code.upper().replace("-", "_") in _SOFT
    order_id, reason_id = message.need("order_id").text(), message.need("cancellation_reason_id").text()
    return CancelRequest(order_id, reason_id, "" if soft and reason == code else reason, soft)


def write_rating(request: RatingRequest) -> dict[str, Any]:
    """The message of a ``rating``, with one rating.

    Raises:
        ValueError: a category that core does not know.
    """
    if request.category not in RATING_CATEGORIES:
        raise ValueError(f"{request.category!r} is none of {', '.join(RATING_CATEGORIES)}")
    rating = {"rating_category": request.category, "id": request.rated_id, "value": number_text(request.value)}
    return {"ratings": [rating]}


def read_rating(message: Node) -> RatingRequest:
    """The one rating of a message. Whether the value is in range is for the trade to say."""
    rating = message.need("ratings").only()
    category = rating.need("rating_category")
    if category.text() not in RATING_CATEGORIES:
        expected = f"one of {', '.join(RATING_CATEGORIES)}"
        raise WireError(category.path, f"The category must be {expected}.", expected, category.text())
    return RatingRequest(category.text(), rating.need("id").text(), rating.need("value").decimal())


def write_feedback_form(form: FeedbackForm) -> dict[str, Any]:
    """The message of an ``on_rating``; empty when there is no form."""
    if form.url is None:
        return {}
    return {"feedback_form": {"form": {"url": form.url, "mime_type": "text/html"}, "required": False}}


def read_feedback_form(message: Node) -> FeedbackForm:
    """The form for more words, where there is one."""
    return FeedbackForm(message.find_text("feedback_form", "form", "url"))


def write_support(request: SupportRequest) -> dict[str, Any]:
    """The message of a ``support``."""
    return {"support": {"ref_id": request.ref_id}}


def read_support(message: Node) -> SupportRequest:
    """What support is asked about."""
    return SupportRequest(message.need("support", "ref_id").text())


def write_support_contact(contact: SupportContact) -> dict[str, Any]:
    """The message of an ``on_support``; a way that there is not is left out."""
    ways = {"phone": contact.phone, "email": contact.email, "url": contact.url}
    return {"support": {"ref_id": contact.ref_id} | {name: way for name, way in ways.items() if way}}


def read_support_contact(message: Node) -> SupportContact:
    """Whom to call; a way that there is not is the empty text."""
    support = message.need("support")
    phone, email, url = (support.find_text(name) or "" for name in ("phone", "email", "url"))
    return SupportContact(support.need("ref_id").text(), phone, email, url)
