"""A dent BAP trades with our operator over HTTP: every message as that network writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from beckn_battery.network import Network
from energy.offers import ContractState, Order, OrderStatus, SupportContact
from energy.searches import Catalog
from energy.wire.v1.reader import read
from protocol.actions import Role
from protocol.verification import Verified
from tests.interop.dent import DentBuyer, Json, energy, joined, submit_forms, tolerances_of
from tests.journeys.network import running

WINDOWS = {"lead_s": 86_400, "charge_s": 14_400, "hold_s": 3_600, "giveback_s": 14_400}
NEEDED = {
    "D1-city",
    "D2-equal-ids",
    "D8-wanted-quantity",
    "D9-update-target",
    "D10-cancel-order",
    "D11-support-reference",
    "D13-form-response",
    "S2-unit-spelling",
    "S8-known-amount",
    "S12-known-windows",
}


@asynccontextmanager
async def market(folder: Path, **bpp: Any) -> AsyncIterator[tuple[Network, DentBuyer]]:
    """A network whose operator has these settings too, and a dent BAP on it."""
    async with running(folder, bpp=bpp) as network, joined(network, Role.BAP, folder / "dent") as platform:
        yield network, DentBuyer(platform, network.bpp.participant.identity)


def content(answer: Verified) -> Any:
    """What an answer of ours says: it is in the strict form."""
    assert answer.error is None, answer.error
    return read(answer.action, answer.message, strict=True)


async def selection(buyer: DentBuyer) -> Json:
    """Search for 50 kWh; the offer that came, as an order refers to it."""
    wanted = {"descriptor": {"code": "energy"}, "quantity": {"required": energy("50.0")}}
    catalog = content(await buyer.ask("search", {"intent": {"item": wanted}}))
    assert isinstance(catalog, Catalog)
    provider = (await buyer.platform.received("on_search")).message["catalog"]["providers"][0]
    return {
        "provider": {"id": provider["id"]},
        "items": [{"id": provider["items"][0]["id"]}],
        "fulfillments": [{"id": provider["items"][0]["fulfillment_ids"][0]}],
    }


async def test_a_whole_trade_of_a_buyer_without_windows_goes_from_search_to_cancel(tmp_path: Path) -> None:
    async with market(tmp_path, windowless=WINDOWS) as (network, buyer):
        await _trade(buyer)
        assert tolerances_of(network.bpp.participant) >= NEEDED


async def _trade(buyer: DentBuyer) -> None:
    """Every message of the family, and what our operator says to it."""
    chosen = await selection(buyer)
    quoted = content(await buyer.ask("select", {"order": chosen}))
    assert isinstance(quoted, Order)
    # The amount is what the search asked for, the windows are the operator's for those who name none.
    assert quoted.use.energy_wh == 50_000
    assert (quoted.use.charge.duration_s, quoted.use.giveback.duration_s) == (14_400, 14_400)

    billing = {"email": "asha@sun.example", "name": "Asha Rao"}
    offered = await buyer.ask("init", {"order": chosen | {"billing": billing}})
    terms = content(offered)
    assert isinstance(terms, Order)
    assert terms.use == quoted.use
    assert terms.form is not None
    assert terms.form.url is not None
    submission_id = await submit_forms(terms.form.url)

    accepted = {
        "billing": billing,
        "quote": offered.message["order"]["quote"],
        "xinput": {"form_response": {"status": True, "submission_id": submission_id}},
    }
    closed = content(await buyer.ask("confirm", {"order": chosen | accepted}))
    assert isinstance(closed, Order)
    assert (closed.status, closed.use) == (OrderStatus.ACTIVE, quoted.use)
    order_id = closed.order_id

    assert content(await buyer.ask("status", {"order_id": order_id})).order_id == order_id
    less = {"descriptor": {"code": "energy"}, "quantity": {"available": energy("40.0")}}
    change = {"order": {"id": order_id, "items": [less]}, "updated_target": "order.items[0].quantity.available.value"}
    updated = content(await buyer.ask("update", change))
    assert (updated.use.energy_wh, updated.state) == (40_000, ContractState.UPDATED)

    support = {"support": {"order_id": order_id, "phone": "080 1234", "email": "asha@sun.example"}}
    assert isinstance(content(await buyer.ask("support", support)), SupportContact)
    end = {"id": order_id, "cancellation_reason_id": "5", "descriptor": {"code": "grid-down"}}
    ended = content(await buyer.ask("cancel", {"order": end}))
    assert (ended.status, ended.order_id) == (OrderStatus.CANCELLED, order_id)


async def test_a_buyer_without_windows_is_told_so_where_the_operator_has_none(tmp_path: Path) -> None:
    async with market(tmp_path) as (_, buyer):
        answer = await buyer.ask("select", {"order": await selection(buyer)})
    assert answer.error is not None
    assert (answer.error["code"], answer.error["paths"]) == ("30000", "/message/order/fulfillments/0/stops")
    assert "no windows" in answer.error["message"]


async def test_a_buyer_who_does_not_say_who_pays_is_asked_by_a_callback(tmp_path: Path) -> None:
    own_form = {"head": {"index": {"min": 0, "cur": 0, "max": 0}}, "form": {"id": "a", "url": "https://bap.example/a"}}
    async with market(tmp_path, windowless=WINDOWS) as (_, buyer):
        chosen = await selection(buyer)
        content(await buyer.ask("select", {"order": chosen}))
        answer = await buyer.ask("init", {"order": chosen | {"xinput": own_form}})
    assert answer.error is not None
    assert answer.error["paths"] == "/message/order/billing"
