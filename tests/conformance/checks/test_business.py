"""The trade's refusals: an ACK, then one signed callback with the right code."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from conformance.verdicts import Outcome
from energy.offers import Order
from tests.conformance.targets import Failing, Silent, Talkative, Target, WrongKey, results_on
from tests.conformance.traders import Trader
from tests.peers import Arrival

CALLED_BACK = ("select-unknown-item", "status-unknown-order", "confirm-first")


def test_signed_errors_pass_and_acting_twice_on_one_message_fails() -> None:
    results = results_on(Talkative)

    assert {results[id_].outcome for id_ in CALLED_BACK} == {Outcome.PASSED}
    assert (results["same-bytes"].outcome, results["same-bytes"].got) == (Outcome.FAILED, "2 of them")
    assert results["same-id"].outcome is Outcome.FAILED
    assert results["select-no-order"].outcome is Outcome.FAILED


@pytest.mark.parametrize("kind", [Target, Failing, Silent, WrongKey])
def test_errors_that_do_not_come_or_do_not_verify_fail(kind: type[Target]) -> None:
    results = results_on(kind)

    assert {results[id_].outcome for id_ in ("status-unknown-order", "confirm-first")} == {Outcome.FAILED}


def test_a_select_without_order_is_refused_by_a_target_that_checks_it() -> None:
    assert results_on(Silent)["select-no-order"].outcome is Outcome.PASSED


class Picking(Trader):
    """Quotes what it knows of an order, and forgets the rest."""

    def trade(self, action: str, message: dict[str, Any]) -> Order | None:
        if action != "select":
            return super().trade(action, message)
        only = {**message["order"], "items": message["order"]["items"][:1]}
        only["fulfillments"] = message["order"]["fulfillments"][:1]
        return super().trade(action, {**message, "order": only})


class Plain(Trader):
    """Has no orders of several batteries: it refuses the message itself."""

    async def answer(self, arrival: Arrival) -> web.Response:
        several = arrival.path.endswith("/select") and arrival.body.count(b'"fulfillment_ids"') > 1
        if several:
            return web.json_response({"message": {"ack": {"status": "NACK"}}}, status=400)
        return await super().answer(arrival)


@pytest.mark.parametrize(
    ("kind", "outcome"), [(Trader, Outcome.PASSED), (Plain, Outcome.PASSED), (Picking, Outcome.FAILED)]
)
def test_an_order_of_two_batteries_is_refused_whole_or_quoted_whole(kind: type[Trader], outcome: Outcome) -> None:
    assert results_on(kind)["select-unknown-beside"].outcome is outcome
