"""What a market needs: pages that fit together, searches that look elsewhere, prices that are offered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from conformance.verdicts import Outcome
from energy.offers import Order
from energy.quantities import Money
from energy.searches import CatalogPage
from energy.tariffs import Line, LineTitle
from energy.wire.v1.writer import write
from tests.conformance.targets import CATALOG, Target, results_on
from tests.conformance.traders import QUOTE, Trader
from tests.peers import Arrival

TOTAL = len(CATALOG.offers)


class Paged(Trader):
    """Says that its one message is a page."""

    mark = CatalogPage(1, 1, TOTAL)

    def content(self, arrival: Arrival) -> dict[str, Any] | None:
        content = super().content(arrival)
        if content is not None and content["context"]["action"] == "on_search":
            content["message"] = write("on_search", replace(CATALOG, page=self.mark))
        return content


class HalfAnswered(Paged):
    """Announces a page that never comes."""

    mark = CatalogPage(1, 2, TOTAL + 1)


class Miscounting(Paged):
    """Counts an item that is not there."""

    mark = CatalogPage(1, 1, TOTAL + 1)


class Local(Trader):
    """Stays silent when it is asked about a place."""

    def content(self, arrival: Arrival) -> dict[str, Any] | None:
        intent = orjson.loads(arrival.body).get("message", {}).get("intent", {})
        asks_for_a_place = any("location" in stop for stop in intent.get("fulfillment", {}).get("stops", []))
        return None if asks_for_a_place else super().content(arrival)


class Greedy(Trader):
    """Takes what is offered."""

    def trade(self, action: str, message: dict[str, Any]) -> Order | None:
        order = super().trade(action, message)
        if order is None or order.negotiation is None:
            return order
        offered: Money = order.negotiation.offered
        return replace(order, quote=replace(QUOTE, lines=(Line(LineTitle.PLATFORM, offered),), total=offered))


@pytest.mark.parametrize(
    ("kind", "rule", "outcome", "got"),
    [
        (Trader, "catalog-pages", Outcome.PASSED, ""),
        (Paged, "catalog-pages", Outcome.PASSED, ""),
        (HalfAnswered, "catalog-pages", Outcome.FAILED, "the pages [1]"),
        (Miscounting, "catalog-pages", Outcome.FAILED, f"{TOTAL} items"),
        (Trader, "catalog-elsewhere", Outcome.FAILED, f"{TOTAL} items"),
        (Local, "catalog-elsewhere", Outcome.PASSED, ""),
        (Trader, "offer-above", Outcome.PASSED, ""),
        (Greedy, "offer-above", Outcome.FAILED, "200.00 INR after an offer of 200.00"),
    ],
)
def test_a_rule_of_the_market_sees_what_breaks_it(kind: type[Target], rule: str, outcome: Outcome, got: str) -> None:
    result = results_on(kind)[rule]
    assert result.outcome is outcome
    assert result.got.startswith(got)
