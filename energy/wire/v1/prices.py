"""Prices that contradict each other across an order: an item and the quote in two currencies (ENERGY 1.2)."""

from __future__ import annotations

from energy.wire.v1.cursor import Node
from energy.wire.v1.measures import same_currency


def check_prices(message: Node) -> None:
    """Refuse an order whose item is priced in another currency than its quote.

    Raises:
        WireError: the two currencies; the error names both paths.
    """
    order = message.need("order")
    total, items = order.find("quote", "price", "currency"), order.find("items")
    for item in items.items() if total is not None and items is not None else ():
        price = item.find("price")
        if total is not None and price is not None and price.find("currency") is not None:
            same_currency(price, total.text(), total.path)
