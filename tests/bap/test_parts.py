"""A contract for several batteries: what may be one, and that an answer is taken battery by battery or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bap.callbacks.answers import Told, Unusable, applied
from bap.parts import accepted_of, fulfillment_of, joined, key_of, order_of, part_of, with_part
from bap.store.documents import decode, encode
from bap.store.records import Asked, Contract
from energy.offers import Order, Provider, UpdateRequest
from node.problems import Problem
from protocol.lifecycle import Stage
from tests.bap.examples import CONFIRMED, NOW, ORDER_ID, QUOTE, SELECTED, contract, quote, request
from tests.energy.examples import USE

SMALLER = replace(USE, energy_wh=100_000)


def of_two(stage: Stage = Stage.SELECTED) -> Contract:
    """A contract for the example battery and a second one."""
    first = contract(stage)
    return joined([first, replace(first, item_id="battery-2", item_name="Hebbal 2")])


def answer(content: Order, second: Order | None = None, asked: Asked | None = None) -> Told:
    """What the operator says of both."""
    other = second or replace(content, item_id="battery-2")
    said = replace(content, others=(other,))
    return Told(said, NOW + timedelta(seconds=5), request("update", asked=asked or Asked()))


def test_batteries_of_two_operators_or_one_twice_are_no_contract() -> None:
    first = contract()
    elsewhere = replace(first, item_id="battery-2", provider=Provider("other", "Other"))
    for wrong in ([first, elsewhere], [first, first]):
        with pytest.raises(Problem):
            joined(wrong)
    with pytest.raises(Problem, match="up to 20"):
        joined([replace(first, item_id=f"battery-{number}") for number in range(21)])


def test_a_contract_for_several_is_remembered_as_it_is() -> None:
    assert decode(Contract, encode(of_two())) == of_two()


def test_a_battery_is_named_where_there_are_several_and_known_where_there_is_one() -> None:
    two = of_two()
    assert part_of(contract(), None) == contract()
    assert part_of(two, "battery-2").item_name == "Hebbal 2"
    with pytest.raises(Problem, match="name one as item_id"):
        part_of(two, None)
    with pytest.raises(Problem, match="not in this contract"):
        part_of(two, "battery-3")


def test_each_battery_has_its_own_readings_and_its_own_fulfillment() -> None:
    two = of_two()
    first, second = two.each
    assert key_of(two, first) == two.contract_id
    assert key_of(two, second) == f"{two.contract_id}/battery-2"
    assert fulfillment_of(two, second) == "automatic-dispatch-2"
    assert fulfillment_of(contract(), contract()) is None


def test_what_is_asked_for_and_accepted_names_every_battery() -> None:
    two = of_two()
    assert [order.item_id for order in order_of(two, None).each] == [part.item_id for part in two.each]
    accepted = accepted_of(two, None)
    assert [order.quote for order in accepted.each] == [QUOTE, QUOTE]
    assert all(order.payment is not None for order in accepted.each)


def test_a_quote_is_taken_for_each_battery() -> None:
    changed = applied("on_select", of_two(Stage.NEW), answer(SELECTED))
    assert [part.quote for part in changed.each] == [QUOTE, QUOTE]


@pytest.mark.parametrize(
    "said",
    [
        SELECTED,
        replace(SELECTED, others=(replace(SELECTED, item_id="battery-3"),)),
        replace(SELECTED, others=(replace(SELECTED, item_id="battery-2", quote=None),)),
        replace(SELECTED, others=(replace(SELECTED, item_id="battery-2", use=SMALLER),)),
    ],
    ids=["one left out", "another battery", "no quote for one", "another amount for one"],
)
def test_an_answer_about_anything_else_changes_neither(said: Order) -> None:
    with pytest.raises(Unusable):
        applied("on_select", of_two(Stage.NEW), Told(said, NOW, request("select")))


def test_an_answer_about_more_batteries_than_were_asked_for_is_refused() -> None:
    with pytest.raises(Unusable, match="other batteries"):
        applied("on_select", contract(), answer(SELECTED))


def test_an_update_changes_the_battery_that_it_is_about_and_no_other() -> None:
    update = UpdateRequest(ORDER_ID, "items", SMALLER.energy_wh, "battery-2")
    asked = Asked(update=update, item_id="battery-2")
    second = replace(CONFIRMED, item_id="battery-2", use=SMALLER, quote=quote(SMALLER))
    changed = applied("on_update", of_two(Stage.ACTIVE), answer(CONFIRMED, second, asked))
    assert [part.use for part in changed.each] == [USE, SMALLER]
    assert [part.agreed for part in changed.each] == [QUOTE, quote(SMALLER)]
    with pytest.raises(Unusable):
        applied("on_update", of_two(Stage.ACTIVE), answer(replace(CONFIRMED, use=SMALLER), second, asked))


def test_a_difference_in_the_confirmation_of_one_is_the_contracts_error() -> None:
    dearer = replace(CONFIRMED, item_id="battery-2", quote=quote(replace(USE, energy_wh=350_000)))
    changed = applied("on_confirm", of_two(Stage.INITIALISED), answer(CONFIRMED, dearer))
    assert changed.error is not None
    assert changed.error.path == "/message/order/quote/price"
    assert [part.order_id for part in changed.each] == [ORDER_ID, ORDER_ID]


def test_a_changed_part_takes_its_place() -> None:
    two = of_two()
    changed = with_part(two, replace(two.others[0], transferred_wh=5))
    assert [part.transferred_wh for part in changed.each] == [None, 5]
