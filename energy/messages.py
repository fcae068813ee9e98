"""Everything that a message of the trade may carry: one object for each of the 20 actions."""

from __future__ import annotations

from energy.offers import (
    CancelRequest,
    FeedbackForm,
    Order,
    RatingRequest,
    StatusRequest,
    SupportContact,
    SupportRequest,
    Tracking,
    TrackRequest,
    UpdateRequest,
)
from energy.searches import Catalog, SearchIntent

Message = (
    SearchIntent | Catalog | Order | StatusRequest | TrackRequest | UpdateRequest | CancelRequest
    | RatingRequest | SupportRequest | Tracking | FeedbackForm | SupportContact
)  # fmt: skip
