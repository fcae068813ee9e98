"""What an answer may change: the pure part of every callback but ``on_search``.

Each function takes the contract as it is remembered, already moved along `protocol.lifecycle`'s table, and what was
told; it gives the contract as it is afterwards. An answer that can not be used raises `Unusable`, which is remembered
as the contract's error, as an error callback is: its request came to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from bap.parts import with_each
from bap.store.records import Contract, Failure, Request
from energy.messages import Message
from energy.offers import FeedbackForm, Negotiation, Order, OrderStatus, Quote, StorageUse, SupportContact, Tracking
from energy.quantities import kilo_text
from protocol.errors import ACTION_NOT_APPLICABLE, INVALID_REQUEST, QUOTE_UNAVAILABLE, TradeRefused
from protocol.lifecycle import SETTLE, Stage, after
from protocol.urls import same_origin

T = TypeVar("T")


class Unusable(Exception):
    """An answer that says something else than what was asked, or not enough. ``path`` points into it."""

    def __init__(self, code: str, sentence: str, path: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.path = path

    def failure(self, action: str) -> Failure:
        """The same as the contract remembers it."""
        return Failure(action, self.code, self.sentence, self.path)


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator's message says. ``at`` is its timestamp; ``request`` is ours, if it answers one."""

    content: Message
    at: datetime
    request: Request | None


Change = Callable[[Contract, Told], Contract]


def select_answered(contract: Contract, told: Told) -> Contract:
    """``on_select``: a quote for exactly the use that was asked for, and the answer to the price that was offered."""
    order = _order(told)
    _check_same(order, contract, contract.use)
    quote = _needed(order.quote, "quote")
    quoted = replace(contract, form=None, payment=None, state=order.state, negotiation=_negotiation(contract, order))
    return _quoted(quoted, quote, told.at)


def init_answered(contract: Contract, told: Told) -> Contract:
    """``on_init``: the terms. What was consented to before holds only if the operator still names its submission.

    An operator that names no payment (ENERGY 1.2, S10) leaves that to our ``confirm``.
    """
    order = _order(told)
    _check_same(order, contract, contract.use)
    quote = _needed(order.quote, "quote")
    named = replace(contract, payment=order.payment, form=order.form, state=order.state)
    return _quoted(named, quote, told.at)


def confirm_answered(contract: Contract, told: Told) -> Contract:
    """``on_confirm``: an order with an id.

    One that differs from what was confirmed runs all the same, since the operator holds it; it carries the
    difference as its error, so that the producer can cancel it.
    """
    order = _order(told)
    confirmed = replace(
        contract,
        order_id=_needed(order.order_id, "id"),
        status=order.status or OrderStatus.ACTIVE,
        agreed=contract.quote,
        told_at=told.at,
    )
    try:
        _check_same(order, contract, contract.use)
        _check_total(order, contract)
    except Unusable as difference:
        confirmed = replace(confirmed, error=difference.failure("confirm"))
    return _course(confirmed, order)


def update_answered(contract: Contract, told: Told) -> Contract:
    """``on_update``: the same contract as it was asked to be; another use has another price, nothing else has."""
    order = _order(told)
    _check_order_id(order, contract)
    update = None if told.request is None else told.request.asked.update
    if update is None:
        raise Unusable(ACTION_NOT_APPLICABLE, "The operator answers an update that nobody asked for.", "/message/order")
    is_asked = told.request is not None and told.request.asked.item_id in {None, contract.item_id}
    use = update.applied_to(contract.use) if is_asked else contract.use
    _check_same(order, contract, use)
    quote, agreed = _needed(order.quote, "quote"), contract.agreed
    if is_asked and update.targets & {"items", "fulfillments"}:
        agreed = quote
    else:
        _check_total(order, contract)
    billing = order.billing if "billing" in update.targets and order.billing is not None else contract.billing
    return _course(replace(contract, use=use, agreed=agreed, billing=billing, told_at=told.at), order)


def cancel_answered(contract: Contract, told: Told) -> Contract:
    """``on_cancel``, asked for or not: the contract is over, or goes on and is told what ending it would cost.

    Raises:
        Unusable: the contract goes on although its end was asked for.
    """
    order = _order(told)
    _check_order_id(order, contract)
    if order.status is OrderStatus.ACTIVE:
        if told.request is None or not told.request.asked.soft:
            sentence = "The operator answers the cancellation with an order that goes on."
            raise Unusable(ACTION_NOT_APPLICABLE, sentence, "/message/order/status")
        return replace(contract, stage=Stage.ACTIVE, cancellation_quote=_needed(order.quote, "quote"))
    return _course(replace(contract, status=OrderStatus.CANCELLED, told_at=told.at), order)


def status_told(contract: Contract, told: Told) -> Contract:
    """``on_status``, asked for or not. One that is older than what is known changes nothing.

    Raises:
        TradeRefused: it names an order or a way back that this contract does not have.
    """
    order = _order(told)
    _check_order_id(order, contract)
    if contract.told_at is not None and told.at < contract.told_at:
        return contract
    stage = _stage_of(contract.stage, order.status)
    status = order.status or contract.status
    return _course(replace(contract, stage=stage, status=status, told_at=told.at), order)


def track_answered(contract: Contract, told: Told) -> Contract:
    """``on_track``: where live values can be read, while they can. On the operator's own server only: a producer's
    app that follows the URL must not be led elsewhere.
    """
    assert isinstance(told.content, Tracking)
    url = told.content.url if told.content.active else None
    if url is not None and not same_origin(url, contract.bpp_uri):
        raise Unusable(INVALID_REQUEST, f"The operator tracks at {url[:200]}, another server.", "/message/tracking/url")
    return replace(contract, tracking_url=url)


def support_answered(contract: Contract, told: Told) -> Contract:
    """``on_support``: whom to call."""
    assert isinstance(told.content, SupportContact)
    return replace(contract, support=told.content)


def rating_answered(contract: Contract, told: Told) -> Contract:
    """``on_rating``: the rating arrived; there may be a form for more words, on the operator's own server."""
    assert isinstance(told.content, FeedbackForm)
    url = told.content.url
    if url is not None and not same_origin(url, contract.bpp_uri):
        sentence = f"The operator asks for feedback at {url[:200]}, another server."
        raise Unusable(INVALID_REQUEST, sentence, "/message/feedback_form/form/url")
    return replace(contract, feedback_url=url)


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "on_select": select_answered,
        "on_init": init_answered,
        "on_confirm": confirm_answered,
        "on_update": update_answered,
        "on_cancel": cancel_answered,
        "on_status": status_told,
        "on_track": track_answered,
        "on_support": support_answered,
        "on_rating": rating_answered,
    }
)


def applied(action: str, contract: Contract, told: Told) -> Contract:
    """The contract after an answer, battery by battery.

    Raises:
        Unusable, TradeRefused: as the change of one, or the answer is about other batteries than were asked for.
    """
    change = CHANGES[action]
    if not isinstance(told.content, Order):
        return change(contract, told)
    orders = {order.item_id: order for order in told.content.each}
    if orders.keys() != {part.item_id for part in contract.each}:
        sentence = "The answer is about other batteries than were asked for."
        raise Unusable(INVALID_REQUEST, sentence, "/message/order/items")
    changed = with_each(contract, lambda part: change(part, replace(told, content=orders[part.item_id])))
    error = next((part.error for part in changed.each if part.error is not None), None)
    return replace(changed, error=error)


def _order(told: Told) -> Order:
    assert isinstance(told.content, Order)
    return told.content


def _needed(value: T | None, member: str) -> T:
    if value is None:
        path = f"/message/order/{member}"
        raise Unusable(INVALID_REQUEST, f"The operator's answer lacks {path}.", path)
    return value


def _negotiation(contract: Contract, order: Order) -> Negotiation | None:
    """Our offer stays what it was; the operator adds its list price, and how often it goes on."""
    ours, theirs = contract.negotiation, order.negotiation
    if ours is None or theirs is None:
        return ours
    return replace(ours, listed=theirs.listed, rounds_left=theirs.rounds_left)


def _check_same(order: Order, contract: Contract, use: StorageUse) -> None:
    asked = (contract.provider.provider_id, contract.item_id, contract.mode, use.charge, use.giveback)
    answered = (order.provider.provider_id, order.item_id, order.mode, order.use.charge, order.use.giveback)
    if order.use.energy_wh != use.energy_wh:
        sentence = f"The answer is about {kilo_text(order.use.energy_wh)} kWh, not {kilo_text(use.energy_wh)} kWh."
        raise Unusable(INVALID_REQUEST, sentence, "/message/order/items/0/quantity")
    if answered != asked:
        sentence = "The answer is about another provider, battery, way of dispatch or window than was asked for."
        raise Unusable(INVALID_REQUEST, sentence, "/message/order")


def _check_total(order: Order, contract: Contract) -> None:
    if order.quote is not None and contract.quote is not None and order.quote.total != contract.quote.total:
        told, agreed = order.quote.total, contract.quote.total
        sentence = f"The operator confirms {told.text} {told.currency}, but {agreed.text} {agreed.currency} was agreed."
        raise Unusable(QUOTE_UNAVAILABLE, sentence, "/message/order/quote/price")


def _check_order_id(order: Order, contract: Contract) -> None:
    if order.order_id != contract.order_id:
        raise TradeRefused(
            ACTION_NOT_APPLICABLE, f"the order is {contract.order_id}, not {order.order_id}", "/message/order/id"
        )


def _quoted(contract: Contract, quote: Quote, at: datetime) -> Contract:
    return replace(contract, quote=quote, quote_expires_at=at + timedelta(seconds=quote.ttl_s))


def _course(contract: Contract, order: Order) -> Contract:
    """What every message about a running order may tell; what it leaves out stays as it was."""
    live = contract.live
    if order.live is not None and (live is None or order.live.measured_at >= live.measured_at):
        live = order.live
    return replace(
        contract,
        state=order.state or contract.state,
        quote=order.quote or contract.quote,
        payment=order.payment or contract.payment,
        invoice=order.invoice or contract.invoice,
        cancellation=order.cancellation or contract.cancellation,
        live=live,
        transferred_wh=contract.transferred_wh if order.transferred_wh is None else order.transferred_wh,
    )


def _stage_of(stage: Stage, status: OrderStatus | None) -> Stage:
    if status is None or status.value == stage.value:
        return stage
    if status is OrderStatus.ACTIVE:
        raise TradeRefused(ACTION_NOT_APPLICABLE, f"an order that is {stage} does not become ACTIVE again")
    return after(stage, SETTLE if status is OrderStatus.COMPLETE else "cancel")
