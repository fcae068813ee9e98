"""A price that is bargained for, as the item's price (Beckn core 1.1.1, Price).

``offered_value`` is what the producer offers to pay, ``listed_value`` the price without bargaining, and ``value`` what
the quote makes of it. All are totals of the item, taxes included, in whole minor units of the one currency; ``value``
is the quote's total, so the two may not differ. How many counter-offers are left is the item's tag group
``negotiation``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from energy.offers import Negotiation, Quote
from energy.quantities import Money
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import read_currency
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.texts import money_text, whole_of

_GROUP = "negotiation"
_ROUNDS_LEFT = "rounds-left"


def write_negotiation(quote: Quote | None, negotiation: Negotiation) -> dict[str, Any]:
    """The members of an item that say how far its price is bargained.

    Raises:
        ValueError: the amounts are of different currencies, or less than nothing is offered.
    """
    offered, listed = negotiation.offered, negotiation.listed
    price = {"currency": offered.currency}
    for name, amount in (("value", None if quote is None else quote.total), ("listed_value", listed)):
        if amount is not None and amount.currency != offered.currency:
            raise ValueError(f"{offered.currency} is offered for a price in {amount.currency}")
        if amount is not None:
            price[name] = money_text(amount)
    if offered.amount_minor < 0:
        raise ValueError(f"{offered.text} {offered.currency} is no offer")
    price["offered_value"] = money_text(offered)
    if negotiation.rounds_left is None:
        return {"price": price}
    tags = [tag_group(_GROUP, [(_ROUNDS_LEFT, str(negotiation.rounds_left))], display=False)]
    return {"price": price, "tags": tags}


def read_negotiation(item: Node, quote: Quote | None) -> Negotiation | None:
    """How far the item's price is bargained; None where nothing is offered.

    Raises:
        WireError: no amounts of one currency, or another total than the quote's.
    """
    price = item.find("price")
    offered = None if price is None else price.find("offered_value")
    if price is None or offered is None:
        return None
    currency = read_currency(price)
    amount = partial(Node.parsed, parse=partial(Money.parse, currency=currency), expected=f"an amount in {currency}")
    value = if_given(amount, price.find("value"))
    if quote is not None and quote.total.currency != currency:
        _refuse(price.need("currency"), "currency", quote.total.currency)
    if quote is not None and value is not None and value != quote.total:
        _refuse(price.need("value"), "value", quote.total.text)
    tags = find_tags(item, _GROUP)
    rounds_left = None if tags is None else tags.need(_ROUNDS_LEFT).parsed(whole_of, "a whole number")
    return Negotiation(amount(offered), if_given(amount, price.find("listed_value")), rounds_left)


def _refuse(node: Node, member: str, quoted: str) -> None:
    sentence = f"This differs from the quote's, at /message/order/quote/price/{member}."
    raise WireError(node.path, sentence, quoted, node.text())
