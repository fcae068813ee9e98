"""What answers may change in a contract, whatever they say and in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bap.callbacks.answers import CHANGES, Told, Unusable, confirm_answered, init_answered, select_answered, status_told
from bap.store.records import Contract
from energy.offers import DispatchMode, Order, OrderStatus, Provider, Tracking
from protocol.actions import ACTIONS
from protocol.errors import TradeRefused
from protocol.lifecycle import TRANSITIONS, Stage, after
from tests.bap.examples import (
    CONFIRMED,
    FORM,
    INITIALISED,
    INVOICE,
    NOW,
    PAYMENT,
    QUOTE,
    SELECTED,
    amount_asked,
    contract,
    live,
    order,
    quote,
    request,
    status,
)
from tests.energy.examples import USE, hours

ORDERS = ["on_select", "on_init", "on_confirm", "on_update", "on_cancel", "on_status"]
ENDED = {Stage.COMPLETE, Stage.CANCELLED}


def told(content: Order, seconds: int = 0) -> Told:
    return Told(content, NOW + timedelta(seconds=seconds), request("update", asked=amount_asked(USE.energy_wh)))


def test_a_quote_ends_its_time_to_live_after_the_operator_gave_it() -> None:
    changed = select_answered(contract(), told(SELECTED, 5))
    assert changed.quote == QUOTE
    assert changed.quote_expires_at == NOW + timedelta(seconds=5 + QUOTE.ttl_s)


def test_a_new_quote_puts_terms_and_consent_aside() -> None:
    changed = select_answered(contract(Stage.INITIALISED), told(SELECTED))
    assert (changed.payment, changed.form) == (None, None)


def test_terms_bring_payment_and_form() -> None:
    changed = init_answered(contract(Stage.SELECTED), told(INITIALISED))
    assert (changed.payment, changed.form) == (PAYMENT, FORM)


def test_a_submission_that_the_operator_still_names_needs_no_second_consent() -> None:
    form = replace(FORM, submission_id="submission-1")
    changed = init_answered(contract(Stage.SELECTED), told(replace(INITIALISED, form=form)))
    assert changed.form == form


@pytest.mark.parametrize(
    ("action", "answer", "path"),
    [
        ("on_select", replace(SELECTED, quote=None), "/message/order/quote"),
        ("on_confirm", replace(CONFIRMED, order_id=None), "/message/order/id"),
        ("on_select", replace(SELECTED, provider=Provider("another", "")), "/message/order"),
        ("on_select", replace(SELECTED, item_id="battery-2"), "/message/order"),
        ("on_select", replace(SELECTED, mode=DispatchMode.MANUAL), "/message/order"),
        ("on_init", replace(INITIALISED, use=replace(USE, giveback=hours(120, 124))), "/message/order"),
        ("on_update", replace(CONFIRMED, use=replace(USE, energy_wh=1)), "/message/order/items/0/quantity"),
    ],
)
def test_an_answer_that_lacks_something_or_is_about_something_else_can_not_be_used(
    action: str, answer: Order, path: str
) -> None:
    stage = Stage.NEW if action == "on_select" else Stage.INITIALISED
    known = contract(stage, order_id="order-1" if action == "on_update" else None)
    with pytest.raises(Unusable) as caught:
        CHANGES[action](known, told(answer))
    assert caught.value.path == path


def test_an_update_that_nobody_asked_for_can_not_be_used() -> None:
    with pytest.raises(Unusable):
        CHANGES["on_update"](contract(Stage.ACTIVE), Told(CONFIRMED, NOW, None))


@pytest.mark.parametrize(
    "url", ["https://other.example/track", "http://127.0.0.1:4002@other.example/", "file:///a", ""]
)
def test_a_tracking_url_on_another_server_than_the_operators_can_not_be_used(url: str) -> None:
    answer = Told(Tracking("order-1", url, active=True), NOW, request("track"))
    with pytest.raises(Unusable, match="another server") as caught:
        CHANGES["on_track"](contract(Stage.ACTIVE), answer)
    assert caught.value.path == "/message/tracking/url"


def test_a_confirmation_at_another_price_runs_with_the_difference_as_its_error() -> None:
    dearer = quote(replace(USE, energy_wh=400_000))
    changed = confirm_answered(contract(Stage.INITIALISED), told(replace(CONFIRMED, quote=dearer)))
    assert (changed.order_id, changed.agreed) == ("order-1", QUOTE)
    assert changed.error is not None
    assert changed.error.message == f"The operator confirms {dearer.total.text} INR, but 5610.90 INR was agreed."


def test_a_status_brings_state_values_settled_price_and_invoice() -> None:
    settled = quote(replace(USE, energy_wh=288_000))
    news = status(quote=settled, invoice=INVOICE)
    changed = status_told(contract(Stage.ACTIVE), told(news, 1))
    assert (changed.state, changed.live, changed.quote, changed.invoice) == (news.state, live(), settled, INVOICE)
    assert changed.agreed == QUOTE


def test_what_a_status_leaves_out_stays_as_it_was() -> None:
    known = contract(Stage.ACTIVE, live=live(), invoice=INVOICE)
    changed = status_told(known, told(order(order_id="order-1"), 1))
    assert changed == replace(known, told_at=NOW + timedelta(seconds=1))


def test_a_measurement_older_than_the_known_one_does_not_become_the_live_state() -> None:
    changed = status_told(contract(Stage.ACTIVE, live=live(2)), told(status(1), 1))
    assert changed.live == live(2)


@pytest.mark.parametrize("stage", [Stage.COMPLETE, Stage.CANCELLED])
def test_a_contract_that_is_over_does_not_become_active_again(stage: Stage) -> None:
    with pytest.raises(TradeRefused, match="does not become ACTIVE again"):
        status_told(contract(stage), told(status(), 1))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(ORDERS),
            st.sampled_from([SELECTED, INITIALISED, CONFIRMED]),
            st.sampled_from([None, *OrderStatus]),
            st.integers(-100, 100),
        ),
        max_size=12,
    )
)
def test_whatever_comes_the_stage_moves_along_the_table_and_never_out_of_an_end(
    arrivals: Sequence[tuple[str, Order, OrderStatus | None, int]],
) -> None:
    known = contract()
    for action, said, order_status, seconds in arrivals:
        changed = _taken(known, action, told(replace(said, status=order_status), seconds))
        assert changed.stage is known.stage or (known.stage, changed.stage) in _STEPS
        assert known.stage not in ENDED or changed.stage is known.stage
        assert changed.order_id == known.order_id or known.stage is Stage.INITIALISED
        known = changed


_STEPS = {(before, following) for (before, _), following in TRANSITIONS.items()}


def _taken(known: Contract, action: str, news: Told) -> Contract:
    try:
        return CHANGES[action](replace(known, stage=after(known.stage, ACTIONS[action].request)), news)
    except (TradeRefused, Unusable):
        return known
