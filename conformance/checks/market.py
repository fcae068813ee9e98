"""What a market of many platforms needs: answers in pages, searches that look elsewhere, prices that are offered."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from conformance import messages
from conformance.bench import Bench
from conformance.conversation import error_of
from conformance.messages import Letter
from conformance.peer import Sent
from conformance.verdicts import Afterwards, NotReached
from energy.offers import Negotiation, Order, Place
from energy.quantities import Money
from energy.searches import CatalogPage
from energy.wire.v1.catalogs import read_page
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import read_money
from protocol.errors import QUANTITY_UNAVAILABLE

NOWHERE = Place(Decimal(0), Decimal(0))
"""In the Gulf of Guinea, far from every battery."""
_RADIUS_M = 1_000


async def pages_fit_together(bench: Bench) -> Afterwards:
    """Pages that are marked (the group ``catalog-page``) agree with one another, and all that are announced come."""
    letter, sent, _ = await bench.trade.on_search()
    return lambda: _check_pages(bench, letter, sent)


async def nothing_is_elsewhere(bench: Bench) -> Afterwards:
    """A search around a point in the sea: no answer, or one without items."""
    asked = replace(messages.intent(bench.use), near=NOWHERE, radius_m=_RADIUS_M)
    letter = bench.writer.letter("search", asked)
    sent = await bench.deliver(letter)

    def look() -> None:
        items = [item for catalog in _catalogs(bench, letter) for item in _items(catalog)]
        if items:
            raise sent.breach("no answer, or a catalog without items", f"{len(items)} items")

    return look


async def an_offer_is_not_charged_more(bench: Bench) -> None:
    """``select`` with twice the price as ``offered_value``: a quote that is no dearer than without it."""
    pick = await bench.trade.catalog()
    if pick.item_id is None:
        raise NotReached("it needs a catalog that offers something for the use that was searched for")
    plain = messages.order(pick, bench.use)
    _, listed = await _quoted(bench, plain)
    twice = Money(2 * abs(listed.amount_minor), listed.currency)
    sent, total = await _quoted(bench, replace(plain, negotiation=Negotiation(twice)))
    if total.currency != listed.currency or total.amount_minor > listed.amount_minor:
        got = f"{total.text} {total.currency} after an offer of {twice.text}"
        raise sent.breach(f"a quote of at most {listed.text} {listed.currency}", got)


async def _quoted(bench: Bench, wanted: Order) -> tuple[Sent, Money]:
    """The total of the quote, in a transaction of its own."""
    sent, verified = await bench.converse(bench.writer.letter("select", wanted))
    error = error_of(verified.content)
    if str(error.get("code")) == QUANTITY_UNAVAILABLE:
        raise NotReached("it needs a battery with room for two quotes")
    if error:
        raise sent.breach("on_select with a quote", orjson.dumps(error).decode()[:300])
    try:
        return sent, read_money(Node(verified.message, "/message").need("order", "quote", "price"))
    except WireError as error:
        raise sent.breach("on_select with a quote", str(error)[:300]) from None


def _check_pages(bench: Bench, letter: Letter, sent: Sent) -> None:
    try:
        marked = [(page, catalog) for catalog in _catalogs(bench, letter) if (page := _page(catalog)) is not None]
    except WireError as error:
        raise sent.breach("pages that are marked as such", str(error)[:300]) from None
    if not marked:
        return
    totals = {(page.pages, page.total) for page, _ in marked}
    if len(totals) > 1:
        raise sent.breach("the same numbers of pages and items on every page", str(sorted(totals)))
    ((pages, total),) = totals
    by_number = {page.number: _items(catalog) for page, catalog in marked}
    if len(by_number) < pages:
        raise sent.breach(f"all of {pages} pages", f"the pages {sorted(by_number)}")
    items = [item for listed in by_number.values() for item in listed]
    if len(items) != total or len(set(items)) != total:
        got = f"{len(items)} items, {len(set(items))} of them different"
        raise sent.breach(f"{total} items, each on one page", got)


def _catalogs(bench: Bench, letter: Letter) -> list[dict[str, Any]]:
    found = []
    for arrival in bench.peer.callbacks(letter):
        try:
            content = orjson.loads(arrival.body)
        except orjson.JSONDecodeError:
            continue  # That a callback is no JSON is the rule search-core's to tell.
        message = content.get("message") if isinstance(content, dict) else None
        catalog = message.get("catalog") if isinstance(message, dict) else None
        found += [catalog] if isinstance(catalog, dict) else []
    return found


def _page(catalog: dict[str, Any]) -> CatalogPage | None:
    providers = _objects(catalog, "providers")
    return read_page(Node(providers[0], "/message/catalog/providers/0")) if providers else None


def _items(catalog: dict[str, Any]) -> list[tuple[str, str]]:
    """The provider's and the item's id of each item."""
    return [
        (str(provider.get("id")), str(item.get("id")))
        for provider in _objects(catalog, "providers")
        for item in _objects(provider, "items")
    ]


def _objects(owner: dict[str, Any], member: str) -> list[dict[str, Any]]:
    value = owner.get(member)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
