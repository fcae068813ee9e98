"""The settings of the producer's platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from energy.offers import Billing
from node.settings import NodeSettings
from protocol.actions import ACTIONS


@dataclass(frozen=True, slots=True)
class BillingSettings:
    """Who pays when an ``init`` does not say (personal data: never logged)."""

    name: str
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    tax_id: str | None = None
    state_code: str | None = None

    @property
    def billing(self) -> Billing:
        """The same as the trade's object."""
        return Billing(self.name, self.email, self.phone, self.address, self.tax_id, self.state_code)


def _default_s(action: str) -> int:
    return int(ACTIONS[action].ttl.total_seconds())


@dataclass(frozen=True, slots=True)
class RequestLifetimes:
    """How long each request holds, in seconds of wire time: a peer that gets it later refuses it."""

    search: int = _default_s("search")
    select: int = _default_s("select")
    init: int = _default_s("init")
    confirm: int = _default_s("confirm")
    status: int = _default_s("status")
    track: int = _default_s("track")
    update: int = _default_s("update")
    cancel: int = _default_s("cancel")
    rating: int = _default_s("rating")
    support: int = _default_s("support")

    def of(self, action: str) -> timedelta:
        """The lifetime of one action's request."""
        return timedelta(seconds=getattr(self, action))


@dataclass(frozen=True, kw_only=True)
class BapSettings(NodeSettings):
    """What a producer's platform needs beyond a participant's settings.

    ``gateway_url`` is where searches go. ``meter_address`` is the producer's meter (``der://meter/…``).
    ``answer_within_s``: so long nothing else is sent for a contract while the answer to confirm or cancel is missing.
    ``quiet_s``: a search that waits for offers ends when none came for so long. ``answer_patience_s``: so long it waits
    for the first answer, or for the next page of one.
    """

    gateway_url: str
    meter_address: str | None = None
    billing: BillingSettings | None = None
    request_ttl_s: RequestLifetimes = field(default_factory=RequestLifetimes)
    answer_within_s: int = 300
    quiet_s: float = 0.3
    answer_patience_s: float = 3.0
    offers_of_a_search: int = 500
