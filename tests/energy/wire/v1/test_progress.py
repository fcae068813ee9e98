from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from energy.offers import ContractState, Order
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.progress import invoice_groups, read_invoices, read_live, read_transferred_wh, write_state
from tests.energy.examples import at
from tests.energy.wire.v1.examples import CONFIRMED, IN_PROGRESS, LIVE, SELECTED, SETTLED


def name(order: Order) -> str:
    text: str = write_state(order)["state"]["descriptor"]["name"]
    return text


def test_while_energy_moves_the_state_is_the_sentence_that_older_platforms_parse() -> None:
    assert name(IN_PROGRESS) == "200 out of 300 kWH transferred"


def test_every_state_has_its_code_and_words_of_its_own() -> None:
    orders = [replace(CONFIRMED, state=state) for state in ContractState]
    assert [write_state(order)["state"]["descriptor"]["code"] for order in orders] == list(ContractState)
    assert len({name(order) for order in orders}) == len(orders)


def test_live_values_are_tags_with_their_units() -> None:
    (group,) = write_state(IN_PROGRESS)["tags"]
    assert group["descriptor"] == {"code": "storage-telemetry"}
    assert {tag["descriptor"]["code"]: tag["value"] for tag in group["list"]} == {
        "soc-percent": "71.2345",
        "soc-kwh": "338.364",
        "power-kw": "-1.5",
        "energy-in-kwh": "200",
        "energy-out-kwh": "0",
        "stored-for-order-kwh": "188",
        "losses-kwh": "12",
        "measured-at": "2026-11-01T03:00:00.000Z",
        "quality": "fresh",
        "data-age-s": "4",
    }


@pytest.mark.parametrize(
    "live",
    [LIVE, replace(LIVE, soc=None, stored_wh=None), replace(LIVE, soc=Decimal("-0.01"), losses_wh=-3, power_w=0)],
    ids=["all", "state of charge unknown", "odd facts"],
)
def test_live_values_are_read_back_as_they_came(live: Any) -> None:
    assert read_live(Node(write_state(replace(IN_PROGRESS, live=live)), "/f")) == live


def test_a_state_of_charge_with_endless_digits_is_written_to_a_millionth() -> None:
    live = read_live(Node(write_state(replace(IN_PROGRESS, live=replace(LIVE, soc=Decimal(2) / 3))), "/f"))
    assert live is not None
    assert live.soc == Decimal("0.666667")


@pytest.mark.parametrize("wrong", [{"energy_in_wh": -1}, {"energy_out_wh": -1}, {"age_s": -1}])
def test_a_register_or_an_age_below_zero_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        write_state(replace(IN_PROGRESS, live=replace(LIVE, **wrong)))


def test_progress_alone_has_a_group_and_the_sentence() -> None:
    order = replace(CONFIRMED, state=ContractState.IN_PROGRESS, transferred_wh=120_000)
    assert name(order) == "120 out of 300 kWH transferred"
    assert read_transferred_wh(Node(write_state(order), "/f")) == 120_000


def test_an_order_without_state_or_live_values_says_nothing() -> None:
    assert write_state(SELECTED) == {}


@pytest.mark.parametrize("more", [{"invoice": SETTLED.invoice}, {"state_updated_at": at(0)}])
def test_an_invoice_or_a_time_without_a_state_is_not_written(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need a state"):
        write_state(replace(SELECTED, **more))


def test_the_invoice_is_a_file_of_the_state_with_its_digest_in_the_orders_tags() -> None:
    fulfillment, order = write_state(SETTLED), {"tags": invoice_groups(SETTLED)}
    file = {"mimetype": "application/json", "url": "https://bpp.example/invoices/1"}
    assert fulfillment["state"]["descriptor"]["media"] == [file]
    assert read_invoices(Node(order, "/o"), [Node(fulfillment, "/f")]) == [(SETTLED.invoice,)]


def test_a_note_is_a_signed_file_after_the_invoice_and_says_what_it_corrects() -> None:
    assert SETTLED.invoice is not None
    url = "https://bpp.example/invoices/2"
    note = replace(
        SETTLED.invoice, number="CN/26-27/000001", url=url, kind="credit-note", corrects=SETTLED.invoice.number
    )
    note = replace(note, signature="c2ln", algorithm="ed25519")
    told = replace(SETTLED, notes=(note,))
    fulfillment, order = write_state(told), {"tags": invoice_groups(told)}
    file = {"mimetype": "application/json", "url": url, "signature": "c2ln", "dsa": "ed25519"}
    assert fulfillment["state"]["descriptor"]["media"][1] == file
    assert read_invoices(Node(order, "/o"), [Node(fulfillment, "/f")]) == [(SETTLED.invoice, note)]


def test_an_invoice_that_nothing_vouches_for_is_refused() -> None:
    with pytest.raises(WireError) as raised:
        read_invoices(Node({}, "/o"), [Node(write_state(SETTLED), "/f")])
    assert raised.value.path == "/o/tags"
