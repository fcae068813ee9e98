"""Offers that do not tell everything (ENERGY 1.1): shown and traded with what is known, never with invented numbers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from bap.api.contents import contract_json, search_json
from bap.callbacks.answers import Told, init_answered
from bap.matching import rank, unusable
from bap.monitoring import behind_plan
from bap.paperwork import differences
from bap.store.records import FoundOffer, Search
from energy.searches import Offer, UnitPrice
from protocol.lifecycle import Stage
from tests.bap.examples import FOUND, INITIALISED, OFFER, SEARCH, contract, invoice_bytes
from tests.bap.test_monitoring import LIVE
from tests.energy.examples import USE, at

INTENT = replace(SEARCH.intent, max_price=None, min_power_w=None, min_efficiency=None)
PRICE = UnitPrice(Decimal(8), "INR")
UNTOLD = replace(
    OFFER,
    item_id="untold",
    tariff=None,
    specification=None,
    cancellation=None,
    meter_address=None,
    unit_price=PRICE,
    profile=(),
)


def ids(*offers: Offer) -> list[str]:
    return [ranked.offer.item_id for ranked in rank(INTENT, offers)]


def test_what_is_not_told_is_not_computed() -> None:
    [ranked] = rank(INTENT, [UNTOLD])
    assert (ranked.total, ranked.lines, ranked.cost_per_kwh) == (None, (), None)
    assert (ranked.efficiency, ranked.giveback_wh, ranked.fits) == (None, None, True)


def test_a_tariff_without_a_battery_prices_nothing() -> None:
    [ranked] = rank(INTENT, [replace(UNTOLD, tariff=OFFER.tariff)])
    assert (ranked.total, ranked.lines) == (None, ())


def test_what_can_be_priced_comes_first_then_the_cheaper_kwh_and_then_what_tells_no_price() -> None:
    dearer = replace(UNTOLD, item_id="dearer", unit_price=UnitPrice(Decimal(9), "INR"))
    silent = replace(UNTOLD, item_id="silent", unit_price=None)
    assert ids(dearer, UNTOLD, OFFER) == [OFFER.item_id, "untold", "dearer"]
    assert ids(silent, OFFER) == [OFFER.item_id, "silent"]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"max_price": Decimal(100)}, "What this use costs is told only when it is selected."),
        ({"min_power_w": 1}, "It tells neither its power nor its losses."),
        ({"min_efficiency": Decimal("0.1")}, "It tells neither its power nor its losses."),
    ],
)
def test_what_is_asked_for_and_not_told_does_not_fit(wanted: dict[str, object], reason: str) -> None:
    [ranked] = rank(replace(INTENT, **wanted), [UNTOLD])  # type: ignore[arg-type]
    assert ranked.reason == reason


def test_a_price_in_an_unknown_currency_is_left_out() -> None:
    assert unusable(replace(UNTOLD, unit_price=UnitPrice(Decimal(8), "QQQ"))) is not None
    assert unusable(UNTOLD) is None


def test_the_api_says_null_for_what_is_not_known() -> None:
    search = Search(SEARCH.search_id, SEARCH.message_id, SEARCH.created_at, INTENT)
    found = FoundOffer(FOUND.offer_id, FOUND.search_id, FOUND.bpp_id, FOUND.bpp_uri, UNTOLD)
    [offer] = search_json(search, [found])["offers"]
    assert offer["unit_price"] == {"per_kwh": "8", "currency": "INR"}
    assert (offer["total"], offer["tariff"], offer["efficiency"], offer["giveback_wh"]) == (None, None, None, None)


def test_a_contract_about_such_an_offer_promises_no_amount_back() -> None:
    untold = contract(Stage.ACTIVE, specification=None, tariff=None, live=LIVE, transferred_wh=120_000)
    shown = contract_json(untold, None, at(3), 1)
    assert (shown["giveback_wh"], shown["transferred_wh"]) == (None, 120_000)


def test_a_return_of_which_nobody_said_how_much_it_is_raises_no_alert() -> None:
    returning = replace(LIVE, measured_at=USE.giveback.end)
    assert behind_plan(USE, None, returning) is None
    assert behind_plan(USE, 200_000, returning) is not None


def test_a_bill_that_can_not_be_computed_again_says_so() -> None:
    untold = contract(Stage.COMPLETE, specification=None, tariff=None)
    told = differences(untold, orjson.loads(invoice_bytes()))
    assert told == ["the offer told no tariff or no battery, so the bill can not be computed again"]


def test_terms_that_name_no_payment_leave_it_open() -> None:
    told = Told(replace(INITIALISED, payment=None), at(0), None)
    assert init_answered(contract(Stage.SELECTED), told).payment is None
