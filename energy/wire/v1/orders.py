"""Orders: a storage contract as Beckn's Order, at any stage from ``select`` to the settled invoice (ENERGY 1.5).

An order has an item and a fulfillment for each of its batteries (`energy.wire.v1.order_items`), and one quote and one
payment for all (`energy.orders`). What an action needs beyond these is the table `NEEDS`: the writer refuses to leave
it out, and the schemas of ``schemas/battery-storage`` ask for the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from energy.offers import (
    Billing,
    Cancellation,
    ContractState,
    InvoiceReference,
    Order,
    OrderStatus,
    Payment,
    Quote,
)
from energy.orders import part_quotes, together, whole_payment, whole_quote, whole_status
from energy.quantities import total
from energy.wire.v1.catalogs import read_cancellation_terms, read_provider, write_cancellation_terms, write_provider
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.negotiations import read_negotiation
from energy.wire.v1.order_items import read_mode, read_pairs, read_use, write_fulfillments, write_items
from energy.wire.v1.progress import invoice_groups, read_invoices, read_live, read_transferred_wh
from energy.wire.v1.quotes import read_form, read_payment, read_quote, write_form, write_payment, write_quote
from energy.wire.v1.stops import read_stops
from energy.wire.v1.texts import moment_text

_RUNNING = ("order_id", "status", "state", "quote", "payment")

NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "select": (),
        "on_select": ("quote",),
        "init": ("billing",),
        "on_init": ("quote", "payment"),
        "confirm": ("quote", "billing", "payment"),
        "on_confirm": _RUNNING,
        "on_status": _RUNNING,
        "on_update": _RUNNING,
        "on_cancel": _RUNNING,
    }
)
"""What an action's order has to carry, besides provider, item, use and mode: members of `Order`."""


def write_order(action: str, order: Order) -> dict[str, Any]:
    """The message of an action that carries an order.

    Raises:
        ValueError: the action needs a member that the order lacks, or a value can not be written.
    """
    each = together(order.each).each
    status = whole_status(one.status for one in each)
    for one in each:
        _check_needs(action, one)
    invoices = [group for one in each for group in invoice_groups(one)]
    wire = {
        "id": order.order_id,
        "status": if_given(str, status),
        "provider": write_provider(order.provider),
        "items": write_items(each),
        "fulfillments": write_fulfillments(action, each),
        "billing": if_given(write_billing, order.billing),
        "quote": if_given(write_quote, whole_quote(each)),
        "payments": if_given(lambda payment: [write_payment(payment)], whole_payment(each)),
        "xinput": if_given(write_form, order.form),
        "cancellation_terms": if_given(write_cancellation_terms, order.cancellation_terms),
        "cancellation": next((_cancellation(one.cancellation) for one in each if one.cancellation is not None), None),
        "tags": invoices or None,
        "created_at": if_given(moment_text, order.created_at),
        "updated_at": if_given(moment_text, order.updated_at),
    }
    return {"order": {name: value for name, value in wire.items() if value is not None}}


def read_order(message: Node) -> Order:
    """The order of a message. Which members an action needs is for the schema to say; here all may be absent but
    provider, items, amounts, windows and the ways of dispatch.

    Raises:
        WireError: one of those is absent, or a member is unreadable or contradicts another.
    """
    order = message.need("order")
    pairs = read_pairs(order)
    quotes = _quotes(order, pairs)
    payments = _payments(order, quotes)
    invoices = read_invoices(order, [fulfillment for _, fulfillment in pairs])
    return together(
        [
            _part(order, pair, quote, payment, files)
            for pair, quote, payment, files in zip(pairs, quotes, payments, invoices, strict=True)
        ]
    )


def _part(
    order: Node,
    pair: tuple[Node, Node],
    quote: Quote | None,
    payment: Payment | None,
    files: tuple[InvoiceReference, ...],
) -> Order:
    """The order of one battery, an item with its fulfillment, and what the message says of the order as a whole."""
    item, fulfillment = pair
    stops = read_stops(fulfillment)
    return Order(
        provider=read_provider(order.need("provider")),
        item_id=item.need("id").text(),
        use=read_use(item, fulfillment, stops),
        mode=read_mode(fulfillment),
        item_name=item.find_text("descriptor", "name"),
        order_id=order.find_text("id"),
        status=if_given(lambda node: node.choice(OrderStatus), order.find("status")),
        state=if_given(lambda node: node.choice(ContractState), fulfillment.find("state", "descriptor", "code")),
        state_updated_at=fulfillment.find_moment("state", "updated_at"),
        quote=quote,
        billing=if_given(read_billing, order.find("billing")),
        payment=payment,
        form=if_given(read_form, order.find("xinput")),
        cancellation_terms=if_given(read_cancellation_terms, order.find("cancellation_terms")),
        cancellation=if_given(_read_cancellation, order.find("cancellation")),
        live=read_live(fulfillment),
        invoice=files[0] if files else None,
        notes=files[1:],
        created_at=order.find_moment("created_at"),
        updated_at=order.find_moment("updated_at"),
        producer_meter_address=stops.producer_meter,
        battery_meter_address=stops.battery_meter,
        transferred_wh=read_transferred_wh(fulfillment),
        negotiation=read_negotiation(item, quote),
    )


def _check_needs(action: str, order: Order) -> None:
    """Refuse to leave out what the action needs of each part.

    Raises:
        ValueError: it is left out.
    """
    # What only asks what cancelling would cost is answered with the order as it goes on.
    needed = ("cancellation",) if action == "on_cancel" and order.status is OrderStatus.CANCELLED else ()
    missing = [name for name in (*NEEDS[action], *needed) if getattr(order, name) is None]
    if missing:
        raise ValueError(f"{action} needs the order's {', '.join(missing)}")


def write_billing(billing: Billing) -> dict[str, Any]:
    """Who pays."""
    wire = {
        "name": billing.name,
        "email": billing.email,
        "phone": billing.phone,
        "address": billing.address,
        "tax_id": billing.tax_id,
        "state": if_given(lambda code: {"code": code}, billing.state_code),
    }
    return {name: value for name, value in wire.items() if value is not None}


def _cancellation(cancellation: Cancellation) -> dict[str, Any]:
    return {
        "cancelled_by": "CONSUMER" if cancellation.by_consumer else "PROVIDER",
        "reason": {"id": cancellation.reason_id, "descriptor": {"short_desc": cancellation.reason}},
        "time": moment_text(cancellation.time),
    }


def _quotes(order: Node, pairs: list[tuple[Node, Node]]) -> list[Quote | None]:
    """What of the quote is each part's.

    Raises:
        WireError: the quote can not be read, or a line of several parts' names a battery that is not ordered.
    """
    found = order.find("quote")
    if found is None:
        return [None] * len(pairs)
    quote, item_ids = read_quote(found), [item.need("id").text() for item, _ in pairs]
    for number, line in enumerate(quote.lines):
        if len(pairs) > 1 and line.item_id not in {None, *item_ids}:
            path = f"{found.path}/breakup/{number}/item/id"
            raise WireError(path, "The order has no such battery.", " or ".join(item_ids), line.item_id or "")
    return part_quotes(quote, item_ids)


def _payments(order: Node, quotes: list[Quote | None]) -> list[Payment | None]:
    """The payment of each part, in the quote's currency where there is a quote.

    Raises:
        WireError: another currency, or another amount than that of several parts together.
    """
    payments = order.find("payments")
    if payments is None:
        return [None] * len(quotes)
    payment, params = read_payment(payments.only()), payments.only().need("params")
    priced = [quote.total for quote in quotes if quote is not None]
    if priced and priced[0].currency != payment.amount.currency:
        raise WireError(
            f"{params.path}/currency",
            f"The payment's currency differs from the quote's, at {order.path}/quote/price/currency.",
            priced[0].currency,
            payment.amount.currency,
        )
    if len(quotes) == 1:
        return [payment]
    due = total(priced, payment.amount.currency)
    if priced and due != payment.amount:
        sentence = f"An order of several batteries is paid as quoted, at {order.path}/quote/price/value."
        raise WireError(f"{params.path}/amount", sentence, due.text, payment.amount.text)
    return [None if quote is None else replace(payment, amount=quote.total) for quote in quotes]


def read_billing(billing: Node) -> Billing:
    """Who pays."""
    return Billing(
        name=billing.need("name").text(),
        email=billing.find_text("email"),
        phone=billing.find_text("phone"),
        address=billing.find_text("address"),
        tax_id=billing.find_text("tax_id"),
        state_code=billing.find_text("state", "code"),
    )


def _read_cancellation(cancellation: Node) -> Cancellation:
    by, reason = cancellation.need("cancelled_by"), cancellation.need("reason")
    if by.text() not in ("CONSUMER", "PROVIDER"):
        raise WireError(by.path, "CONSUMER or PROVIDER cancels.", "CONSUMER or PROVIDER", by.text())
    return Cancellation(
        by_consumer=by.text() == "CONSUMER",
        reason_id=reason.need("id").text(),
        reason=described(reason.find("descriptor")),
        time=cancellation.need("time").moment(),
    )


def described(descriptor: Node | None) -> str:
    """What a descriptor says in words: its short description, else its name, else its code; "" for none."""
    if descriptor is None:
        return ""
    return next((words for name in ("short_desc", "name", "code") if (words := descriptor.find_text(name))), "")
