"""Our producer trades with a dent BPP over HTTP: every answer as that network writes it."""

from __future__ import annotations

from pathlib import Path

from energy.offers import Place
from energy.quantities import decimal_of
from protocol.actions import Role
from protocol.verification import Verified
from tests.interop.dent import PROVIDER, DentPlatform, Json, fulfillment, item, joined, order, tolerances_of
from tests.journeys.network import producer, running
from tests.journeys.trading import WAIT_S, need

HERE = Place(decimal_of("20.5"), decimal_of("80.5"))
ORDER_ID = "5f0a"
NEEDED = {
    "D1-city",
    "D4-provider-locations",
    "D6-item-references",
    "D7-stop-quantity",
    "D11-support-reference",
    "D13-form-response",
    "D15-formats",
    "S1-rate-as-currency",
    "S2-unit-spelling",
    "S9-progress-prose",
    "S11-line-titles",
    "S12-known-windows",
    "S18-quote-terms",
    "S20-other-members",
}
SUBMISSION_ID = "0a8c5a6e-3c9f-4b67-9a35-3a4d4f0a9d11"


def catalog(_asked: Verified) -> Json:
    """Two stores, of which place, amount and the price of a kWh are told."""
    provider = PROVIDER | {
        "items": [item(), item(id="grid-2", descriptor={"name": "Store 2"})],
        "fulfillments": [fulfillment("300.0")],
    }
    return {"catalog": {"descriptor": {"code": "energy"}, "providers": [provider]}}


def terms(_asked: Verified) -> Json:
    """The form was submitted elsewhere; nothing is said of payments."""
    form = {"form_response": {"status": True, "submission_id": SUBMISSION_ID}}
    return {"order": order("300.0", "2400", "transaction-initiated", xinput=form)}


def running_order(energy_kwh: str, amount: str, code: str, name: str = "", **more: object) -> Json:
    return {"order": order(energy_kwh, amount, code, name, id=ORDER_ID, **more)}


def teach(operator: DentPlatform) -> None:
    """What the operator answers to each request."""
    moved = "120 out of 300 kWH transferred"
    operator.answers = {
        "search": catalog,
        "select": lambda _asked: {"order": order("300.0", "2400")},
        "init": terms,
        "confirm": lambda _asked: running_order("300.0", "2400", "transaction-confirmed"),
        "status": lambda _asked: running_order("300.0", "2400", "transaction-in-progress", moved),
        "update": lambda _asked: running_order("200.0", "1600", "transaction-updated"),
        "cancel": lambda _asked: running_order("200.0", "1600", "transaction-cancelled", status="CANCELLED"),
        "support": lambda asked: {
            "support": {"order_id": asked.message["support"]["ref_id"], "phone": "1800 1080", "email": "care@store"}
        },
    }


async def test_a_whole_trade_with_a_dent_operator_goes_from_search_to_cancel(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as network,
        joined(network, Role.BPP, tmp_path / "dent") as operator,
        producer(network) as client,
    ):
        teach(operator)
        search = await client.search(**await need(client, HERE), wait_s=WAIT_S)
        [offer, _] = [one for one in search["offers"] if one["provider"]["id"] == PROVIDER["id"]]
        assert offer["unit_price"] == {"per_kwh": "8", "currency": "INR"}
        untold = ("total", "cost_per_kwh", "efficiency", "giveback_wh", "tariff")
        assert [offer[name] for name in untold] == [None] * 5  # type: ignore[literal-required]

        contract = await client.select(search["search_id"], offer["offer_id"], wait_s=WAIT_S)
        contract_id = contract["contract_id"]
        assert contract["quote"] is not None, contract["error"]
        assert contract["quote"]["total"] == {"amount": "-2400.00", "currency": "INR"}
        assert (contract["energy_wh"], contract["giveback_wh"]) == (300_000, None)

        contract = await client.init(contract_id, {"name": "Asha Rao"}, wait_s=WAIT_S)
        assert (contract["stage"], contract["payment"]) == ("INITIALISED", None), contract["error"]
        # That a submission is named is the operator's word; that it is ours is said by the producer.
        contract = await client.confirm(contract_id, submission_id=SUBMISSION_ID, wait_s=WAIT_S)
        assert (contract["stage"], contract["order_id"]) == ("ACTIVE", ORDER_ID), contract["error"]
        # What the operator left open we said ourselves, in the strict form.
        confirmed = (await operator.received("confirm")).message["order"]
        assert confirmed["quote"]["id"]
        assert confirmed["payments"][0]["type"] == "POST-FULFILLMENT"

        contract = await client.status(contract_id, wait_s=WAIT_S)
        assert (contract["state"], contract["transferred_wh"]) == ("transaction-in-progress", 120_000)
        contract = await client.update(contract_id, energy_wh=200_000, wait_s=WAIT_S)
        assert contract["quote"] is not None
        assert (contract["energy_wh"], contract["quote"]["total"]["amount"]) == (200_000, "-1600.00")
        contract = await client.support(contract_id, wait_s=WAIT_S)
        assert contract["support"] == {"phone": "1800 1080", "email": "care@store", "url": ""}
        contract = await client.cancel(contract_id, reason_id="5", reason="The grid is down", wait_s=WAIT_S)
        assert (contract["stage"], contract["status"]) == ("CANCELLED", "CANCELLED"), contract["error"]
        # What peers leave open changes nothing about our own form.
        assert tolerances_of(operator.participant) == set()
        assert tolerances_of(network.bap.participant) >= NEEDED


async def test_an_answer_about_another_amount_is_not_taken_for_ours(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as network,
        joined(network, Role.BPP, tmp_path / "dent") as operator,
        producer(network) as client,
    ):
        teach(operator)
        operator.answers["select"] = lambda _asked: {"order": order("315.0", "2520")}
        search = await client.search(**await need(client, HERE), wait_s=WAIT_S)
        offer = next(one for one in search["offers"] if one["provider"]["id"] == PROVIDER["id"])
        contract = await client.select(search["search_id"], offer["offer_id"], wait_s=WAIT_S)
    assert contract["quote"] is None
    assert contract["error"] is not None
    assert "315 kWh, not 300 kWh" in contract["error"]["message"]
