"""Orders: a storage contract as Beckn's Order, at any stage from ``select`` to the settled invoice (ENERGY 1.5).

One order has one item (the battery, with the amount of energy as ``quantity.selected``) and one fulfillment (how it is
dispatched, with the two windows as stops). What an action needs beyond these is the table `NEEDS`: the writer
refuses to leave it out, and the schemas of ``schemas/battery-storage`` ask for the same.

A price that is bargained for stands in ``items[].price`` (`energy.wire.v1.negotiations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from energy.offers import (
    Billing,
    Cancellation,
    ContractState,
    DispatchMode,
    Order,
    OrderStatus,
    Payment,
    Quote,
    StorageUse,
)
from energy.wire.v1.catalogs import (
    FULFILLMENT_IDS,
    read_cancellation_terms,
    read_provider,
    write_cancellation_terms,
    write_provider,
)
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import SELECTED, energy_quantity, read_energy
from energy.wire.v1.negotiations import read_negotiation, write_negotiation
from energy.wire.v1.progress import invoice_group, read_invoice, read_live, read_transferred_wh, write_state
from energy.wire.v1.quotes import read_form, read_payment, read_quote, write_form, write_payment, write_quote
from energy.wire.v1.stops import (
    END,
    START,
    Stops,
    check_windows,
    read_return_wh,
    read_stops,
    retrieval_group,
    stop,
)
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

_IDS_OF_MODES = {id_: mode for mode, id_ in FULFILLMENT_IDS.items()}


def write_order(action: str, order: Order) -> dict[str, Any]:
    """The message of an action that carries an order.

    Raises:
        ValueError: the action needs a member that the order lacks, or a value can not be written.
    """
    # What only asks what cancelling would cost is answered with the order as it goes on.
    needed = ("cancellation",) if action == "on_cancel" and order.status is OrderStatus.CANCELLED else ()
    missing = [name for name in (*NEEDS[action], *needed) if getattr(order, name) is None]
    if missing:
        raise ValueError(f"{action} needs the order's {', '.join(missing)}")
    wire = {
        "id": order.order_id,
        "status": if_given(str, order.status),
        "provider": write_provider(order.provider),
        "items": [_item(order)],
        "fulfillments": [_fulfillment(action, order)],
        "billing": if_given(write_billing, order.billing),
        "quote": if_given(write_quote, order.quote),
        "payments": if_given(lambda payment: [write_payment(payment)], order.payment),
        "xinput": if_given(write_form, order.form),
        "cancellation_terms": if_given(write_cancellation_terms, order.cancellation_terms),
        "cancellation": if_given(_cancellation, order.cancellation),
        "tags": if_given(lambda invoice: [invoice_group(invoice)], order.invoice),
        "created_at": if_given(moment_text, order.created_at),
        "updated_at": if_given(moment_text, order.updated_at),
    }
    return {"order": {name: value for name, value in wire.items() if value is not None}}


def read_order(message: Node) -> Order:
    """The order of a message. Which members an action needs is for the schema to say; here all may be absent but
    provider, item, amount, windows and the way of dispatch.

    Raises:
        WireError: one of those is absent, or a member is unreadable or contradicts another.
    """
    order = message.need("order")
    item, fulfillment = order.need("items").only(), order.need("fulfillments").only()
    stops, quote = read_stops(fulfillment), if_given(read_quote, order.find("quote"))
    return Order(
        provider=read_provider(order.need("provider")),
        item_id=item.need("id").text(),
        use=_use(item, fulfillment, stops),
        mode=_mode(fulfillment),
        item_name=item.find_text("descriptor", "name"),
        order_id=order.find_text("id"),
        status=if_given(lambda node: node.choice(OrderStatus), order.find("status")),
        state=if_given(lambda node: node.choice(ContractState), fulfillment.find("state", "descriptor", "code")),
        state_updated_at=fulfillment.find_moment("state", "updated_at"),
        quote=quote,
        billing=if_given(read_billing, order.find("billing")),
        payment=_payment(order, quote),
        form=if_given(read_form, order.find("xinput")),
        cancellation_terms=if_given(read_cancellation_terms, order.find("cancellation_terms")),
        cancellation=if_given(_read_cancellation, order.find("cancellation")),
        live=read_live(fulfillment),
        invoice=read_invoice(order, fulfillment),
        created_at=order.find_moment("created_at"),
        updated_at=order.find_moment("updated_at"),
        producer_meter_address=stops.producer_meter,
        battery_meter_address=stops.battery_meter,
        transferred_wh=read_transferred_wh(fulfillment),
        negotiation=read_negotiation(item, quote),
    )


def _item(order: Order) -> dict[str, Any]:
    named = {} if order.item_name is None else {"descriptor": {"name": order.item_name}}
    return (
        {"id": order.item_id}
        | named
        | {"quantity": energy_quantity(SELECTED, order.use.energy_wh)}
        | (if_given(partial(write_negotiation, order.quote), order.negotiation) or {})
    )


def _fulfillment(action: str, order: Order) -> dict[str, Any]:
    use = order.use
    check_windows(use.charge, use.giveback)
    producer, battery = order.producer_meter_address, order.battery_meter_address
    tracked = {"tracking": True} if action.startswith("on_") else {}
    members = (
        {"id": FULFILLMENT_IDS[order.mode], "type": order.mode.value}
        | tracked
        | {"stops": stop(START, use.charge, if_given(_at, producer)) + stop(END, use.giveback, if_given(_at, battery))}
        | write_state(order)
    )
    if use.return_wh is not None:
        members["tags"] = [*members.get("tags", []), retrieval_group(use.return_wh)]
    return members


def _at(meter_address: str) -> dict[str, Any]:
    return {"address": meter_address}


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


def _use(item: Node, fulfillment: Node, stops: Stops) -> StorageUse:
    energy_wh = read_energy(item.need("quantity", SELECTED), least_wh=1)
    if stops.charge is None or stops.giveback is None:
        raise WireError(
            f"{fulfillment.path}/stops",
            "Add a start stop with the charge window and an end stop with the return window, as time.range.",
            "stops of type start and end, each with time.range",
            "no such stops",
        )
    return StorageUse(energy_wh, stops.charge, stops.giveback, read_return_wh(fulfillment))


def _mode(fulfillment: Node) -> DispatchMode:
    """By the type, or by an id of ours where a request only refers to the catalog's fulfillment."""
    id_ = fulfillment.find_text("id")
    if id_ in _IDS_OF_MODES and fulfillment.find("type") is None:
        return _IDS_OF_MODES[id_]
    return fulfillment.need("type").choice(DispatchMode)


def _payment(order: Node, quote: Quote | None) -> Payment | None:
    """The payment, in the quote's currency where there is a quote."""
    payments = order.find("payments")
    if payments is None:
        return None
    payment, currency = read_payment(payments.only()), payments.only().need("params", "currency")
    if quote is not None and quote.total.currency != payment.amount.currency:
        raise WireError(
            currency.path,
            f"The payment's currency differs from the quote's, at {order.path}/quote/price/currency.",
            quote.total.currency,
            currency.text(),
        )
    return payment


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
