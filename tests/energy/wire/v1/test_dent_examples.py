"""The messages that participants of the dent network write, where their files are at hand (ENERGY 1.1)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from energy.messages import Message
from energy.offers import CancelRequest, ContractState, Order, StatusRequest, SupportRequest, UpdateRequest
from energy.quantities import Money
from energy.searches import Catalog, SearchIntent, UnitPrice
from energy.tariffs import LineTitle
from energy.wire.v1.reader import read, read_tolerantly
from energy.wire.v1.tolerances import ANY_TRANSACTION
from energy.wire.v1.tolerances.actions import fitting_actions, meant_action
from energy.wire.v1.tolerances.rules import Known
from tests.energy.examples import USE

FOLDER = Path(__file__).parents[5] / "shared" / "spec" / "dent-examples"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/spec/dent-examples is not there")


def told(path: str) -> tuple[str, dict[str, Any]]:
    """The action by the file's name (the context often says another), and the message."""
    message: dict[str, Any] = json.loads((FOLDER / path).read_bytes())["message"]
    return Path(path).name.split("-request")[0], message


def order_in(path: str) -> Order:
    content = read(*told(path), known=Known.of(USE))
    assert isinstance(content, Order)
    return content


def test_a_search_asks_for_300_kwh() -> None:
    content, used = read_tolerantly(*told("search/search-request.json"))
    assert (content, used) == (SearchIntent(300_000), ("D8-wanted-quantity", "S2-unit-spelling"))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("status/status-request.json", StatusRequest),
        ("cancel/cancel-request.json", CancelRequest),
        ("support/support-request.json", SupportRequest),
        ("update/update-request.json", UpdateRequest),
    ],
)
def test_the_small_requests_are_read(path: str, kind: type) -> None:
    assert isinstance(read(*told(path)), kind)


def test_an_update_asks_for_200_kwh() -> None:
    content = read(*told("update/update-request.json"))
    assert isinstance(content, UpdateRequest)
    assert (content.target, content.energy_wh) == ("items", 200_000)


def test_a_quote_that_the_provider_pays_is_read() -> None:
    order = order_in("select/on_select-request-automatic-dispatch.json")
    assert order.quote is not None
    assert order.quote.total == Money(-240_000, "INR")
    assert [line.title for line in order.quote.lines] == [LineTitle.THROUGHPUT]
    assert order.use == USE


def test_progress_is_read_from_its_sentence() -> None:
    order = order_in("status/on_status-request-automatic-dispatch.json")
    assert (order.state, order.transferred_wh) == (ContractState.IN_PROGRESS, 200_000)


def test_a_penalty_is_read_as_a_line_of_its_own() -> None:
    order = order_in("status/on_status-request-manual-dispatch-penalty.json")
    assert order.quote is not None
    assert [line.title for line in order.quote.lines] == [LineTitle.THROUGHPUT, LineTitle.IMBALANCE_PENALTY]
    assert order.quote.total == Money(-40_000, "INR")


@pytest.mark.parametrize(
    "path",
    [
        "init/on_init-request-automatic-dispatch.json",
        "init/on_init-request-manual-dispatch.json",
        "confirm/on_confirm-request-automatic-dispatch.json",
        "confirm/on_confirm-request-manual-dispatch.json",
        "update/on_update-request.json",
        "cancel/on_cancel-request.json",
    ],
)
def test_the_other_answers_are_read_with_the_windows_of_the_transaction(path: str) -> None:
    assert order_in(path).use.charge == USE.charge


@pytest.mark.parametrize("path", FILES)
def test_every_message_is_readable_once_its_transaction_is_known(path: str) -> None:
    content, _ = read_tolerantly(*told(path), known=ANY_TRANSACTION)
    assert isinstance(content, Message)


@pytest.mark.parametrize("path", FILES)
def test_every_message_is_known_for_what_it_is_or_fits_what_it_says(path: str) -> None:
    action, message = told(path)
    assert action in fitting_actions(message)


@pytest.mark.parametrize("path", ["status/on_status-request-automatic-dispatch.json", "cancel/cancel-request.json"])
def test_a_wrong_action_in_the_context_is_known_by_the_messages_shape(path: str) -> None:
    action, message = told(path)
    said = json.loads((FOLDER / path).read_bytes())["context"]["action"]
    assert said != action
    assert meant_action(said, message) == action


def test_an_offer_is_what_is_told_of_it_and_nothing_else() -> None:
    content = read(*told("search/on_search-request-automatic-dispatch.json"))
    assert isinstance(content, Catalog)
    offer = content.offers[0]
    assert (offer.free_energy_wh, offer.unit_price) == (400_000, UnitPrice(Decimal(8), "INR"))
    assert (offer.tariff, offer.specification, offer.cancellation, offer.meter_address) == (None, None, None, None)


def test_a_selection_needs_amount_windows_and_dispatch_of_its_transaction() -> None:
    _, used = read_tolerantly(*told("select/select-request.json"), known=ANY_TRANSACTION)
    assert used == ("S8-known-amount", "S12-known-windows", "S19-known-mode")


def test_a_quote_without_a_breakup_is_its_total_alone() -> None:
    order = order_in("select/on_select-request-manual-dispatch.json")
    assert order.quote is not None
    assert [line.title for line in order.quote.lines] == [LineTitle.UNITEMISED]
    assert order.use.energy_wh == 315_000
