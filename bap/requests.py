"""Every request of the producer's platform: what makes it legal, and its letter in the outbox.

Each function is the whole of one ``write(fn)``: it changes the search or contract, remembers the request and writes
the letter, or does nothing of it. A request is legal when `protocol.lifecycle` has the step, and while no confirm or
cancel is under way. A newer select, init or read takes the place of an older one that still waits, whose answer then
does not count; an older confirm, update or cancel keeps counting, since the operator may have carried it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import Connection

from bap.parts import accepted_of, fulfillment_of, joined, order_of, part_of, selection_of, with_each, with_part
from bap.settings import BapSettings
from bap.store import contracts, searches
from bap.store.records import Asked, Contract, FoundOffer, Request, Search
from energy.intervals import Interval
from energy.messages import Message
from energy.offers import (
    Billing,
    CancelRequest,
    DispatchMode,
    Negotiation,
    Payment,
    PaymentType,
    RatingRequest,
    StatusRequest,
    SupportRequest,
    TrackRequest,
    UpdateRequest,
)
from energy.quantities import Money, QuantityError, decimal_text, total
from energy.searches import SearchIntent
from energy.wire.v1.fulfillments import FULFILLMENT_IDS
from energy.wire.v1.writer import write
from node.callers import DEFAULT_ACCOUNT
from node.ids import new_uuid
from node.participant import Participant
from node.problems import Problem
from protocol.context import Context
from protocol.lifecycle import after
from protocol.moments import timestamp_text

_BINDING = ("confirm", "cancel")
_READS = ("status", "track", "support", "rating")
_REPLACED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("select", "init", "confirm"), ("select", "init")),
        **{action: (action,) for action in _READS},
    }
)


NOTHING_ASKED = Asked()


class Rated(StrEnum):
    """What of an order can be rated (Beckn core 1.1.1, Rating; an agent has no part in storage)."""

    ORDER = "Order"
    ITEM = "Item"
    FULFILLMENT = "Fulfillment"
    PROVIDER = "Provider"
    SUPPORT = "Support"


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update asks for; None stays as it is. ``paid_reference``: the bill was paid under this reference.

    ``item_id`` is the battery whose use changes, in a contract for several.
    """

    energy_wh: int | None = None
    charge: Interval | None = None
    giveback: Interval | None = None
    return_wh: int | None = None
    billing: Billing | None = None
    paid_reference: str | None = None
    item_id: str | None = None

    @property
    def is_of_use(self) -> bool:
        """Whether it is about one battery: its amount or windows."""
        return bool({"items", "fulfillments"} & set(self.targets))

    @property
    def targets(self) -> tuple[str, ...]:
        """The objects of the order that change."""
        use = (self.charge, self.giveback, self.return_wh)
        named = {
            "items": self.energy_wh is not None,
            "fulfillments": any(part is not None for part in use),
            "billing": self.billing is not None,
            "payments": self.paid_reference is not None,
        }
        return tuple(name for name, is_named in named.items() if is_named)


@dataclass(frozen=True, slots=True)
class Choice:
    """An offer that is selected; None: as the search asked. ``offered`` is a total that the producer would pay."""

    found: FoundOffer
    energy_wh: int | None = None
    mode: DispatchMode | None = None
    offered: Money | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A contract with the request that was just written for it."""

    contract: Contract
    request: Request


@dataclass(frozen=True, slots=True)
class Requests:
    """What the API calls inside `Database.write`; ``now`` is wire time."""

    participant: Participant
    settings: BapSettings

    def search(self, tx: Connection, intent: SearchIntent, now: datetime, account: str = DEFAULT_ACCOUNT) -> Search:
        """Send a search to the gateway, for this account."""
        intent = replace(intent, meter_address=self.settings.meter_address)
        search = Search(search_id=new_uuid(), message_id=new_uuid(), created_at=now, intent=intent, account=account)
        searches.add(tx, search)
        context = self._context("search", search.search_id, search.message_id, now)
        self.participant.send(tx, context, self.settings.gateway_url, write("search", intent), now=now)
        return search

    def select(
        self,
        tx: Connection,
        chosen: Sequence[Choice],
        now: datetime,
    ) -> Sent:
        """Begin a contract about offers of one search: under its own transaction first, then under fresh ones.

        Raises:
            Problem: the search is unknown or had no windows, or an offer has no such way of dispatch, or they can not
                be one contract.
        """
        search = searches.hold(tx, chosen[0].found.search_id)
        if search is None:
            raise Problem(404, "Not found", f"There is no search {chosen[0].found.search_id}.")
        contract_id = new_uuid() if contracts.exists(tx, search.search_id) else search.search_id
        contract = joined([_new_contract(search, choice, contract_id, now) for choice in chosen])
        contracts.add(tx, contract)
        return self._send(tx, contract, "select", selection_of(contract, self.settings.meter_address), now)

    def offer(
        self, tx: Connection, contract_id: str, offered: Decimal, now: datetime, item_id: str | None = None
    ) -> Sent:
        """Offer another total for the same use (of this battery): the quote is asked for again.

        Raises:
            Problem: as `legal`; 409 there is no quote yet, 422 the amount is none of its currency.
        """
        contract = self.legal(tx, contract_id, "select", now)
        part = part_of(contract, item_id)
        if part.quote is None:
            raise Problem(409, "No quote", "The operator has told no price yet: wait for its quote.")
        negotiation = Negotiation(offered_total(offered, part.quote.total.currency))
        contract = with_part(contract, replace(part, negotiation=negotiation))
        return self._send(tx, contract, "select", selection_of(contract, self.settings.meter_address), now)

    def init(self, tx: Connection, contract_id: str, billing: Billing, now: datetime) -> Sent:
        """Ask for the terms. Raises as `legal`."""
        contract = with_each(self.legal(tx, contract_id, "init", now), lambda part: replace(part, billing=billing))
        return self._send(tx, contract, "init", order_of(contract, self.settings.meter_address), now)

    def confirm(self, tx: Connection, contract_id: str, submission_id: str | None, now: datetime) -> Sent:
        """Confirm quote and terms; ``submission_id`` is the consent's, where one is asked for. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "confirm", now)
        if contract.form is not None and submission_id is not None:
            contract = replace(contract, form=replace(contract.form, submission_id=submission_id))
        return self._send(tx, contract, "confirm", accepted_of(contract, self.settings.meter_address), now)

    def status(self, tx: Connection, contract_id: str, now: datetime) -> Sent:
        """Ask how the contract goes on. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "status", now)
        return self._send(tx, contract, "status", StatusRequest(_order_id(contract)), now)

    def track(self, tx: Connection, contract_id: str, now: datetime) -> Sent:
        """Ask where live values can be read. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "track", now)
        return self._send(tx, contract, "track", TrackRequest(_order_id(contract)), now)

    def support(self, tx: Connection, contract_id: str, now: datetime) -> Sent:
        """Ask whom to call. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "support", now)
        return self._send(tx, contract, "support", SupportRequest(_order_id(contract)), now)

    def update(self, tx: Connection, contract_id: str, changes: Changes, now: datetime) -> Sent:
        """Ask for another amount or other windows, say who pays, or report a payment. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "update", now)
        part = part_of(contract, changes.item_id) if changes.is_of_use or changes.item_id else contract
        content = _update(contract, part, changes)
        asked = Asked(update=replace(content, billing=None), item_id=part.item_id)
        return self._send(tx, contract, "update", content, now, asked)

    def cancel(
        self, tx: Connection, contract_id: str, reason_id: str, reason: str, now: datetime, *, soft: bool = False
    ) -> Sent:
        """End the contract, or only ask what that would cost. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "cancel", now)
        content = CancelRequest(_order_id(contract), reason_id, reason, soft)
        return self._send(tx, contract, "cancel", content, now, Asked(soft=soft))

    def rating(self, tx: Connection, contract_id: str, category: Rated, value: Decimal, now: datetime) -> Sent:
        """Rate the order or what belongs to it, from 1 to 5. Raises as `legal`."""
        contract = self.legal(tx, contract_id, "rating", now)
        rated_id = {
            Rated.ITEM: contract.item_id,
            Rated.FULFILLMENT: FULFILLMENT_IDS[contract.mode],
            Rated.PROVIDER: contract.provider.provider_id,
        }.get(category, _order_id(contract))
        return self._send(tx, contract, "rating", RatingRequest(category.value, rated_id, value), now)

    def legal(self, tx: Connection, contract_id: str, action: str, now: datetime) -> Contract:
        """The contract, held, if ``action`` may be sent for it now.

        Raises:
            Problem: 404 unknown, 409 an answer is awaited first.
            TradeRefused: not in the contract's stage; the sentence names what is possible.
        """
        contract = contracts.hold(tx, contract_id)
        if contract is None:
            raise Problem(404, "Not found", f"There is no contract {contract_id}.")
        after(contract.stage, action)
        under_way = contracts.waiting_request(tx, contract_id, _BINDING)
        if action not in _READS and under_way is not None:
            until = under_way.sent_at + timedelta(seconds=self.settings.answer_within_s)
            if now < until:
                raise Problem(
                    409,
                    "Answer awaited",
                    f"{action} is not possible while the answer to {under_way.action} is awaited; "
                    f"read the contract, or try again after {timestamp_text(until)}.",
                )
        return contract

    def _send(
        self,
        tx: Connection,
        contract: Contract,
        action: str,
        content: Message,
        now: datetime,
        asked: Asked = NOTHING_ASKED,
    ) -> Sent:
        contracts.replace_requests(tx, contract.contract_id, _REPLACED.get(action, ()))
        request = Request(new_uuid(), contract.contract_id, action, now, asked=asked)
        contracts.add_request(tx, request)
        error = contract.error
        if error is not None and (action not in _READS or error.action == action):
            error = None
        contract = replace(contract, error=error, updated_at=now)
        contracts.save(tx, contract)
        context = replace(
            self._context(action, contract.contract_id, request.message_id, now),
            bpp_id=contract.bpp_id,
            bpp_uri=contract.bpp_uri,
        )
        # Of reads that could not be sent yet, the newest is enough.
        coalesce_key = action if action in _READS else None
        message = write(action, content)
        self.participant.send(tx, context, contract.bpp_uri, message, now=now, coalesce_key=coalesce_key)
        return Sent(contract, request)

    def _context(self, action: str, transaction_id: str, message_id: str, now: datetime) -> Context:
        own, settings = self.participant.identity, self.settings
        return Context(
            domain=settings.domains[0],
            action=action,
            bap_id=own.subscriber_id,
            bap_uri=own.url,
            transaction_id=transaction_id,
            message_id=message_id,
            timestamp=now,
            ttl=settings.request_ttl_s.of(action),
            city_code=settings.city_code,
            country_code=settings.country_code,
        )


def offered_total(amount: Decimal, currency: str) -> Money:
    """The amount that a producer offers.

    Raises:
        Problem: 422, it is negative or has more decimals than its currency.
    """
    try:
        offered = Money.parse(decimal_text(amount), currency)
    except QuantityError as error:
        raise _bad_total(f"Write an amount in {currency}: {error}.") from None
    if offered.amount_minor < 0:
        raise _bad_total("Offer an amount that is not negative.")
    return offered


def _bad_total(sentence: str) -> Problem:
    errors = [{"pointer": "/offered_total", "detail": sentence}]
    return Problem(422, "Invalid request", f"/offered_total: {sentence}", errors=errors)


def _new_contract(
    search: Search,
    choice: Choice,
    contract_id: str,
    now: datetime,
) -> Contract:
    found, energy_wh, mode = choice.found, choice.energy_wh, choice.mode
    offer, use = found.offer, search.intent.use
    if use is None:
        raise Problem(409, "No windows", f"Search {search.search_id} names no windows to store energy in.")
    mode = mode or search.intent.mode or offer.modes[0]
    if mode not in offer.modes:
        raise Problem(
            409, "Not offered", f"{offer.name} offers {' and '.join(offer.modes)}, not {mode}: name another mode."
        )
    return Contract(
        contract_id=contract_id,
        search_id=search.search_id,
        offer_id=found.offer_id,
        bpp_id=found.bpp_id,
        bpp_uri=found.bpp_uri,
        provider=offer.provider,
        item_id=offer.item_id,
        item_name=offer.name,
        use=replace(use, energy_wh=energy_wh or use.energy_wh),
        mode=mode,
        tariff=offer.tariff,
        specification=offer.specification,
        created_at=now,
        updated_at=now,
        account=search.account,
        negotiation=None if choice.offered is None else Negotiation(choice.offered),
    )


def _update(contract: Contract, part: Contract, changes: Changes) -> UpdateRequest:
    payment = None
    if changes.paid_reference is not None:
        totals = [each.quote.total for each in contract.each if each.quote is not None]
        due = total(totals, totals[0].currency)
        payment = Payment(PaymentType.POST_FULFILLMENT, due, paid=True, reference=changes.paid_reference)
    return UpdateRequest(
        order_id=_order_id(contract),
        target=",".join(changes.targets),
        energy_wh=changes.energy_wh,
        item_id=None if changes.energy_wh is None else part.item_id,
        fulfillment_id=fulfillment_of(contract, part) if "fulfillments" in changes.targets else None,
        charge=changes.charge,
        giveback=changes.giveback,
        return_wh=changes.return_wh,
        billing=changes.billing,
        payment=payment,
    )


def _order_id(contract: Contract) -> str:
    assert contract.order_id is not None, "a contract that is ACTIVE or later has its order's id"
    return contract.order_id
