"""The messages that the harness sends: valid ones of a storage trade, of which a rule changes one thing.

They are written by the same strict writer that the platforms use, from the objects of ``energy.offers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson

from energy.intervals import Interval
from energy.messages import Message
from energy.offers import Billing, DispatchMode, Order, Payment, PaymentType, Provider, Quote, StorageUse
from energy.quantities import Money
from energy.searches import SearchIntent
from energy.tariffs import Line, LineTitle
from energy.wire.v1.writer import write
from node.clocks import Now
from node.ids import new_uuid
from protocol.actions import ACTIONS
from protocol.context import Context, write_context

BILLING = Billing(name="Conformance harness", email="conformance@example.org", phone="+910000000000")
UNKNOWN_ID = "conformance-no-such-thing"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Parties:
    """Who talks to whom: what all contexts of a run have in common."""

    domain: str
    bap_id: str
    bap_uri: str
    bpp_id: str
    bpp_uri: str
    city_code: str
    country_code: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to be signed. ``action`` is the path's, ``transaction_id`` the one that an answer would have."""

    action: str
    transaction_id: str
    content: Mapping[str, Any]

    @property
    def body(self) -> bytes:
        """Compact UTF-8 JSON."""
        return orjson.dumps(self.content)

    @property
    def message_id(self) -> str:
        """The context's."""
        return str(self.content["context"]["message_id"])

    def with_context(self, **members: str) -> Letter:
        """The same with other members of the context."""
        return replace(self, content={**self.content, "context": {**self.content["context"], **members}})

    def without_context(self, member: str) -> Letter:
        """The same without one member of the context."""
        rest = {name: value for name, value in self.content["context"].items() if name != member}
        return replace(self, content={**self.content, "context": rest})

    def with_message(self, message: Mapping[str, Any]) -> Letter:
        """The same with another message."""
        return replace(self, content={**self.content, "message": message})


class Writer:
    """Writes letters between the parties of a run."""

    def __init__(self, parties: Parties, now: Now) -> None:
        self._parties = parties
        self._now = now

    def letter(self, action: str, content: Message, transaction_id: str | None = None) -> Letter:
        """A valid message with a fresh message id, in a fresh transaction unless one is named.

        Raises:
            ValueError: the content can not be written for this action.
        """
        context = self._context(action, transaction_id or new_uuid())
        wire = {"context": write_context(context), "message": write(action, content)}
        return Letter(action, context.transaction_id, wire)

    def _context(self, action: str, transaction_id: str) -> Context:
        parties = self._parties
        # A search names no BPP: it is what a gateway would send to many.
        to_one = action != "search"
        return Context(
            domain=parties.domain,
            action=action,
            bap_id=parties.bap_id,
            bap_uri=parties.bap_uri,
            bpp_id=parties.bpp_id if to_one else None,
            bpp_uri=parties.bpp_uri if to_one else None,
            transaction_id=transaction_id,
            message_id=new_uuid(),
            timestamp=self._now(),
            ttl=ACTIONS[action].ttl,
            city_code=parties.city_code,
            country_code=parties.country_code,
        )


def use_on(day: date, energy_wh: int) -> StorageUse:
    """Charging from 10 to 14, return from 18 to 22 o'clock of the day, in UTC."""
    midnight = datetime.combine(day, time(), UTC)
    charge = Interval(midnight + 10 * _HOUR, midnight + 14 * _HOUR)
    return StorageUse(energy_wh, charge, Interval(midnight + 18 * _HOUR, midnight + 22 * _HOUR))


def intent(use: StorageUse) -> SearchIntent:
    """A search for this use, wherever the battery is."""
    return SearchIntent(use.energy_wh, use.charge, use.giveback)


@dataclass(frozen=True, slots=True)
class Pick:
    """What was chosen from a catalog. ``item_id`` None: the provider offers nothing for the use."""

    provider: Provider
    item_id: str | None
    mode: DispatchMode


def picked(message: Mapping[str, Any]) -> Pick | None:
    """The first item of an ``on_search``, or at least its first provider; None when there is not even that.

    It reads core members only, so that a catalog without the storage trade's tags can be ordered from too.
    """
    providers = [entry for entry in _objects(_object(message, "catalog"), "providers") if _id(entry)]
    for wire in providers:
        for item in _objects(wire, "items"):
            if _id(item):
                return Pick(_provider(wire), _id(item), _mode(wire, item))
    return Pick(_provider(providers[0]), None, DispatchMode.AUTOMATIC) if providers else None


def nothing_known() -> Pick:
    """For a message that is refused before anybody looks for what it orders."""
    return Pick(Provider(UNKNOWN_ID, ""), None, DispatchMode.AUTOMATIC)


def order(pick: Pick, use: StorageUse, item_id: str | None = None) -> Order:
    """What ``select`` asks for; ``item_id`` instead of the picked one."""
    return Order(pick.provider, item_id or pick.item_id or UNKNOWN_ID, use, pick.mode)


def with_made_up_terms(selected: Order, quote_id: str) -> Order:
    """The order as ``confirm`` would carry it, with a quote that nobody gave."""
    price = Money(100_00, "INR")
    return replace(
        selected,
        quote=Quote(quote_id, (Line(LineTitle.PLATFORM, price),), price, ttl_s=600),
        billing=BILLING,
        payment=Payment(PaymentType.POST_FULFILLMENT, price),
    )


def _object(owner: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    value = owner.get(member)
    return value if isinstance(value, dict) else {}


def _objects(owner: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    value = owner.get(member)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _id(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("id")
    return value if isinstance(value, str) and value else None


def _provider(wire: Mapping[str, Any]) -> Provider:
    name = _object(wire, "descriptor").get("name")
    return Provider(_id(wire) or "", name if isinstance(name, str) else "")


def _mode(provider: Mapping[str, Any], item: Mapping[str, Any]) -> DispatchMode:
    offered = item.get("fulfillment_ids")
    types = [
        entry.get("type")
        for entry in _objects(provider, "fulfillments")
        if not isinstance(offered, list) or entry.get("id") in offered
    ]
    return next((mode for mode in DispatchMode if mode.value in types), DispatchMode.AUTOMATIC)
