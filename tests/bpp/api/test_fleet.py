"""``/api/v1/batteries``: add, replace, change, list, look at one, take out of service, return, retire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bpp.fleet_json import write_battery
from tests.bpp.platform import LISTED, Platform, order, sample
from tests.energy.examples import BATTERY

PATH = "/api/v1/batteries"
ONE = f"{PATH}/{BATTERY.battery_id}"
KEPT = {"state": "in-service", "account": "default", "retired_at": None}


def document(**changes: Any) -> dict[str, Any]:
    return write_battery(LISTED) | changes


async def ids(client: Any, query: str = "") -> list[str]:
    return [battery["battery_id"] for battery in await (await client.get(f"{PATH}{query}")).json()]


async def state(client: Any, wanted: str, path: str = ONE) -> Any:
    return await client.put(f"{path}/state", json={"state": wanted})


# -- adding and replacing -----------------------------------------------------------------------------------------


async def test_a_list_of_batteries_is_stored_and_listed(operator: Any) -> None:
    more = [document(battery_id="b-2"), document(battery_id="b-3", in_service=False)]
    assert (await operator.post(PATH, json=more)).status == 200
    listed = await (await operator.get(PATH)).json()
    assert [battery["battery_id"] for battery in listed] == ["b-2", "b-3", BATTERY.battery_id]
    out = {"latest": None, "state": "out-of-service"}
    assert listed[1] == document(battery_id="b-3", in_service=False) | KEPT | out


async def test_a_single_battery_replaces_the_one_of_its_id(operator: Any) -> None:
    assert (await operator.post(PATH, json=document(name="Renamed"))).status == 200
    listed = await (await operator.get(PATH)).json()
    assert [battery["name"] for battery in listed] == ["Renamed"]


async def test_one_wrong_battery_of_a_list_stores_none(operator: Any) -> None:
    answer = await operator.post(PATH, json=[document(battery_id="good"), document(soh="2")])
    assert answer.status == 422
    problem = await answer.json()
    assert problem["errors"][0]["pointer"] == "/1"
    assert "soh" in problem["errors"][0]["detail"]
    assert len(await ids(operator)) == 1


async def test_limits_that_contradict_each_other_are_told_in_one_sentence(operator: Any) -> None:
    answer = await operator.post(PATH, json=document(soc_min="0.6", soc_reserve="0.4"))
    assert answer.status == 422
    assert "leave nothing below soc_max" in (await answer.json())["detail"]


async def test_one_id_twice_in_a_list_is_refused(operator: Any) -> None:
    answer = await operator.post(PATH, json=[document(battery_id="b-2"), document(battery_id="b-2", name="Other")])
    assert answer.status == 422
    assert (await answer.json())["errors"][0]["pointer"] == "/1/battery_id"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"json": [{}] * 1_001}, 413),
        ({"json": 7}, 422),
    ],
)
async def test_what_is_no_fleet_is_refused(operator: Any, sent: dict[str, Any], status: int) -> None:
    answer = await operator.post(PATH, **sent)
    assert answer.status == status
    assert (await answer.json())["status"] == status


# -- looking ------------------------------------------------------------------------------------------------------


async def test_a_battery_is_shown_with_its_latest_sample_and_bookings(platform: Platform, operator: Any) -> None:
    order_id = (await platform.buy()).order.order_id
    await platform.add_samples(sample(platform.trade, 7))
    shown = await (await operator.get(ONE)).json()
    assert shown["latest"]["energy_in_wh"] == 7
    assert [booking["contract_id"] for booking in shown["bookings"]] == [order_id]
    assert shown["bookings"][0]["hold_until"] is None
    assert shown["bookings"][0]["charge"]["power_w"] == 37_500


async def test_a_quoted_hold_is_shown_with_its_end(platform: Platform, operator: Any) -> None:
    await platform.answer("select", order())
    shown = await (await operator.get(ONE)).json()
    assert shown["bookings"][0]["hold_until"] == "2026-11-20T10:10:00.000Z"


async def test_an_unknown_battery_is_not_found(operator: Any) -> None:
    answers = [
        await operator.get(f"{PATH}/nothing"),
        await operator.patch(f"{PATH}/nothing", json={"name": "Something"}),
        await state(operator, "retired", f"{PATH}/nothing"),
        await operator.get(f"{PATH}/nothing/history"),
    ]
    assert [answer.status for answer in answers] == [404] * 4
    assert {answer.content_type for answer in answers} == {"application/problem+json"}


async def test_a_long_list_comes_in_pages_that_name_the_next_one(operator: Any) -> None:
    await operator.post(PATH, json=[document(battery_id=f"b-{number}") for number in range(4)])
    found, path = [], f"{PATH}?limit=2"
    while path:
        answer = await operator.get(path)
        page = [battery["battery_id"] for battery in await answer.json()]
        assert len(page) <= 2
        found += page
        path = answer.links["next"]["url"].raw_path_qs if "next" in answer.links else ""
    assert found == ["b-0", "b-1", "b-2", "b-3", BATTERY.battery_id]


async def test_a_list_is_filtered_by_state_and_site(operator: Any) -> None:
    more = [document(battery_id="b-2", site_id="yard"), document(battery_id="b-3", in_service=False)]
    await operator.post(PATH, json=more)
    await state(operator, "retired", f"{PATH}/b-3")
    await operator.post(PATH, json=document(battery_id="b-4", in_service=False))
    assert await ids(operator) == ["b-2", "b-4", BATTERY.battery_id]
    assert await ids(operator, "?state=in-service") == ["b-2", BATTERY.battery_id]
    assert await ids(operator, "?state=out-of-service") == ["b-4"]
    assert await ids(operator, "?state=retired") == ["b-3"]
    assert await ids(operator, "?site_id=yard") == ["b-2"]


@pytest.mark.parametrize("query", ["?state=sold", "?limit=0", "?limit=many"])
async def test_a_filter_that_is_none_is_refused(operator: Any, query: str) -> None:
    assert (await operator.get(f"{PATH}{query}")).status == 400


# -- changing -----------------------------------------------------------------------------------------------------


async def test_a_change_keeps_every_other_member(operator: Any) -> None:
    answer = await operator.patch(ONE, json={"soh": "0.9", "site_id": "yard"})
    assert answer.status == 200
    assert await answer.json() == document(soh="0.9", site_id="yard") | KEPT
    answer = await operator.patch(ONE, json={"site_id": None})
    assert await answer.json() == document(soh="0.9") | KEPT


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"soh": "much"}, "/soh"),
        ({"name": None}, "/name"),
        ({"colour": "red"}, "/colour"),
        ({"battery_id": "other"}, "/battery_id"),
        ({"in_service": False}, "/in_service"),
        ({"tariff": {}}, "/tariff/currency"),
        ({"soc_max": "0.05"}, ""),
    ],
)
async def test_a_wrong_change_names_the_member_and_stores_nothing(
    operator: Any, changes: dict[str, Any], pointer: str
) -> None:
    answer = await operator.patch(ONE, json=changes)
    assert answer.status == 422
    assert pointer in [error["pointer"] for error in (await answer.json())["errors"]]
    shown = await (await operator.get(ONE)).json()
    assert shown == document() | KEPT | {"latest": None, "bookings": []}


async def test_a_change_that_breaks_a_contract_names_it_and_is_made_when_the_operator_insists(
    platform: Platform, operator: Any
) -> None:
    order_id = (await platform.buy()).order.order_id
    answer = await operator.patch(ONE, json={"charge_power_w": 20_000})
    assert answer.status == 409
    assert str(order_id) in (await answer.json())["detail"]
    assert (await operator.post(PATH, json=document(charge_power_w=20_000))).status == 409
    answer = await operator.patch(f"{ONE}?despite_contracts=true", json={"charge_power_w": 20_000})
    assert (await answer.json())["charge_power_w"] == 20_000
    # What is broken already is not in the way of the next change.
    assert (await operator.patch(ONE, json={"name": "Weak"})).status == 200


async def test_a_change_that_leaves_room_for_what_was_sold_is_made(platform: Platform, operator: Any) -> None:
    await platform.buy()
    assert (await operator.patch(ONE, json={"charge_power_w": 60_000})).status == 200


# -- out of service, returned, retired ----------------------------------------------------------------------------


async def test_a_battery_out_of_service_is_not_offered_and_its_contracts_go_on(
    platform: Platform, operator: Any
) -> None:
    order_id = str((await platform.buy()).order.order_id)
    assert (await (await state(operator, "out-of-service")).json())["state"] == "out-of-service"
    letter = await platform.answer("select", order(), transaction_id="6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f09")
    assert letter.error is not None
    assert (await platform.contract(order_id)).stage.value == "ACTIVE"
    assert (await (await state(operator, "in-service")).json())["state"] == "in-service"


async def test_a_battery_is_not_retired_while_a_contract_is_running_and_the_contract_is_named(
    platform: Platform, operator: Any
) -> None:
    order_id = (await platform.buy()).order.order_id
    answer = await state(operator, "retired")
    assert answer.status == 409
    assert [error["in_the_way"] for error in (await answer.json())["errors"]] == [order_id]
    assert await ids(operator) == [BATTERY.battery_id]


async def test_a_battery_that_a_quote_holds_is_retired_when_the_hold_is_over(platform: Platform, operator: Any) -> None:
    await platform.answer("select", order())
    answer = await state(operator, "retired")
    assert answer.status == 409
    assert "held by a quote" in (await answer.json())["errors"][0]["detail"]
    platform.clock.now += timedelta(minutes=11)
    assert (await state(operator, "retired")).status == 200


async def test_a_retired_battery_is_shown_and_takes_no_change_any_more(operator: Any) -> None:
    retired = await (await state(operator, "retired")).json()
    assert (retired["state"], retired["in_service"]) == ("retired", False)
    assert retired["retired_at"] == "2026-11-01T00:00:00.000Z"
    assert (await operator.get(ONE)).status == 200
    assert (await state(operator, "retired")).status == 200
    answers = [
        await state(operator, "in-service"),
        await operator.patch(ONE, json={"name": "Again"}),
        await operator.post(PATH, json=document()),
    ]
    assert [answer.status for answer in answers] == [409] * 3
    assert "for good" in (await answers[1].json())["detail"]


async def test_nobody_waits_for_samples_of_a_retired_battery(operator: Any) -> None:
    await state(operator, "retired")
    assert (await (await operator.get("/api/v1/telemetry/health")).json())["batteries"] == []
    assert (await (await operator.get("/api/v1/dispatch")).json())["schedules"] == []


@pytest.mark.parametrize("content", [{"state": "sold"}, {}, {"state": "retired", "why": "old"}, {"state": 7}])
async def test_what_is_no_state_is_refused(operator: Any, content: dict[str, Any]) -> None:
    assert (await operator.put(f"{ONE}/state", json=content)).status == 422


async def test_a_stranger_gets_nothing(stranger: Any) -> None:
    for path in (PATH, "/api/v1/contracts", "/api/v1/dispatch", "/api/v1/invoices", "/api/v1/trade-time"):
        assert (await stranger.get(path)).status == 401
    assert (await stranger.post("/api/v1/telemetry", json={"samples": []})).status == 401
