"""A contract for several batteries of one operator: one order, one form, one answer; each battery has its own course.

The record of the first battery stands for the whole, and ``others`` are those of the further ones, all of the same
transaction. What is asked for goes out as one order (`energy.orders`); what an answer says is taken battery by battery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bap.store.records import Contract
from energy.offers import Order, Payment, PaymentType
from energy.orders import PARTS_MAX, together
from energy.wire.v1.fulfillments import fulfillment_id
from node.ids import new_uuid
from node.problems import Problem


def joined(each: list[Contract]) -> Contract:
    """One contract of all of them, which are offers of one search.

    Raises:
        Problem: 409, they are not one operator's, or a battery is there twice, or there are too many.
    """
    first, item_ids = each[0], {part.item_id for part in each}
    if any((part.bpp_id, part.provider) != (first.bpp_id, first.provider) for part in each):
        sentence = "The batteries of one contract are one operator's: make a contract with each operator."
        raise Problem(409, "Two operators", sentence)
    if len(item_ids) < len(each) or len(each) > PARTS_MAX:
        raise Problem(409, "Not possible", f"A contract has up to {PARTS_MAX} batteries, each once.")
    return replace(first, others=tuple(each[1:]))


def part_of(contract: Contract, item_id: str | None) -> Contract:
    """The part of a contract that is about this battery; None: the only one.

    Raises:
        Problem: 404 there is no such battery in it, 409 there are several.
    """
    if item_id is None and contract.others:
        names = ", ".join(part.item_id for part in contract.each)
        raise Problem(409, "Which battery?", f"This contract has several batteries: name one as item_id, of {names}.")
    found = next((part for part in contract.each if item_id in {None, part.item_id}), None)
    if found is None:
        raise Problem(404, "Not found", f"Battery {item_id} is not in this contract.")
    return found


def with_part(contract: Contract, changed: Contract) -> Contract:
    """The contract with one of its parts changed."""
    return with_each(contract, lambda part: changed if part.item_id == changed.item_id else part)


def with_each(contract: Contract, change: Callable[[Contract], Contract]) -> Contract:
    """The contract with each of its parts changed."""
    first, *others = (change(part) for part in contract.each)
    return replace(first, others=tuple(others))


def key_of(contract: Contract, part: Contract) -> str:
    """Under which readings and the invoice of a part are kept."""
    is_first = part.item_id == contract.item_id
    return contract.contract_id if is_first else f"{contract.contract_id}/{part.item_id}"


def fulfillment_of(contract: Contract, part: Contract) -> str | None:
    """What an update calls the part's fulfillment; None where there is only one."""
    number = [each.item_id for each in contract.each].index(part.item_id) + 1
    return fulfillment_id(part.mode, number) if contract.others else None


def order_of(contract: Contract, meter_address: str | None) -> Order:
    """What is asked for."""
    return together(
        [
            Order(
                provider=part.provider,
                item_id=part.item_id,
                use=part.use,
                mode=part.mode,
                billing=part.billing,
                producer_meter_address=meter_address,
            )
            for part in contract.each
        ]
    )


def selection_of(contract: Contract, meter_address: str | None) -> Order:
    """The same with the prices that are offered."""
    order = order_of(contract, meter_address)
    each = zip(order.each, contract.each, strict=True)
    return together([replace(one, negotiation=part.negotiation) for one, part in each])


def accepted_of(contract: Contract, meter_address: str | None) -> Order:
    """The same with the quote, the payment and the form that are accepted.

    What the operator has left open we say ourselves, as the strict form demands: an id of the quote, and payment
    after fulfillment, the network's custom (ENERGY 1.1).
    """
    quote_id = new_uuid()
    each = zip(order_of(contract, meter_address).each, contract.each, strict=True)
    return together([_accepted(one, part, quote_id) for one, part in each])


def _accepted(order: Order, part: Contract, quote_id: str) -> Order:
    quote = part.quote
    assert quote is not None, "a contract that can be confirmed has a quote"
    payment = part.payment or Payment(PaymentType.POST_FULFILLMENT, quote.total)
    return replace(order, quote=replace(quote, quote_id=quote.quote_id or quote_id), payment=payment, form=part.form)
