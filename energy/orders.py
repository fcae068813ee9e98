"""One order for several batteries: what is its own, and what its parts share.

Inside, a contract is about one battery, with its own amount, windows, quote, state and invoice. An order of several
batteries is several of these that were asked for, quoted, agreed to and booked together; on the wire they are one
order. What an order has only once is made of its parts here, and given to them again: the quote is the sum of theirs
and each of its lines names the battery, the payment is the sum too, and the order goes on while one part does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from energy.offers import Order, OrderStatus, Payment, Quote
from energy.quantities import total
from energy.tariffs import Line

PARTS_MAX = 20
"""As many batteries as one order may have."""


def together(orders: Sequence[Order]) -> Order:
    """One order of all of them, in this order.

    Raises:
        ValueError: none or more than `PARTS_MAX`, or a battery twice.
    """
    ids = {order.item_id for order in orders}
    if not 0 < len(orders) <= PARTS_MAX or len(ids) < len(orders):
        raise ValueError(f"an order has from 1 to {PARTS_MAX} batteries, each once")
    return replace(orders[0], others=tuple(orders[1:]))


def whole_quote(orders: Sequence[Order]) -> Quote | None:
    """The quote of all parts, with the id and the lifetime of the first; None while one has none."""
    quotes = [order.quote for order in orders]
    first = quotes[0]
    if first is None or len(orders) == 1:
        return first
    lines: list[Line] = []
    for order in orders:
        if order.quote is None:
            return None
        lines += [replace(line, item_id=order.item_id) for line in order.quote.lines]
    return replace(first, lines=tuple(lines), total=total([line.amount for line in lines], first.total.currency))


def part_quotes(quote: Quote, item_ids: Sequence[str]) -> list[Quote | None]:
    """The quote of each part; None for one that no line is about.

    A line that names no battery is for the order as a whole, and stands with the first part. With one part it is all
    that part's, whatever its lines name.
    """
    if len(item_ids) == 1:
        return [quote]
    first, *others = item_ids
    return [_share(quote, {first, None}), *(_share(quote, {item_id}) for item_id in others)]


def whole_payment(orders: Sequence[Order]) -> Payment | None:
    """The payment of all parts: paid when each is; under one reference only where that is the same for all."""
    payments = [order.payment for order in orders if order.payment is not None]
    if len(payments) < 2:
        return payments[0] if payments else None
    first = payments[0]
    references = {payment.reference for payment in payments}
    return replace(
        first,
        amount=total([payment.amount for payment in payments], first.amount.currency),
        paid=all(payment.paid for payment in payments),
        reference=references.pop() if len(references) == 1 else None,
        reported=next((payment.reported for payment in payments if payment.reported is not None), None),
    )


def whole_status(statuses: Iterable[OrderStatus | None]) -> OrderStatus | None:
    """ACTIVE while one part is, COMPLETE when all are, otherwise CANCELLED."""
    found = {status for status in statuses if status is not None}
    if not found:
        return None
    if OrderStatus.ACTIVE in found:
        return OrderStatus.ACTIVE
    return OrderStatus.COMPLETE if found == {OrderStatus.COMPLETE} else OrderStatus.CANCELLED


def _share(quote: Quote, item_ids: set[str | None]) -> Quote | None:
    lines = tuple(replace(line, item_id=None) for line in quote.lines if line.item_id in item_ids)
    if not lines:
        return None
    return replace(quote, lines=lines, total=total([line.amount for line in lines], quote.total.currency))
