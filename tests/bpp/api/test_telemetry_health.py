"""What an operator sees of meters that are wrong, and what an operator can do about it; nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from node import tokens
from node.callers import AccessRole, Caller
from protocol.moments import timestamp_text
from tests.bpp.api.test_telemetry import item, post
from tests.bpp.platform import LISTED, WIRE, Platform
from tests.energy.examples import BATTERY, NOVEMBER

PATH = "/api/v1/telemetry"
HEALTH = f"{PATH}/health"
OWN = BATTERY.battery_id
DEVICE_TOKEN = "a-device's"


def at(minutes: int) -> str:
    return timestamp_text(NOVEMBER + timedelta(minutes=minutes))


async def health(operator: Any, **query: str) -> dict[str, Any]:
    answer = await operator.get(HEALTH, params=query)
    assert answer.status == 200
    return dict(await answer.json())


async def problems(operator: Any) -> dict[str, str]:
    """The problems of the one battery, with their sentences."""
    (battery,) = (await health(operator))["batteries"]
    return {one["problem"]: one["detail"] for one in battery["problems"]}


async def test_a_battery_that_has_never_sent_a_sample_is_told(operator: Any) -> None:
    assert set(await problems(operator)) == {"never"}


async def test_a_battery_that_is_well_has_no_problems_and_its_age(platform: Platform, operator: Any) -> None:
    await post(operator, item())
    platform.go_to(NOVEMBER + timedelta(seconds=90))
    (battery,) = (await health(operator))["batteries"]
    assert (battery["battery_id"], battery["state"], battery["age_s"], battery["problems"]) == (OWN, "fresh", 90, [])
    assert battery["latest"]["soc_percent"] == "55.5"
    assert (await health(operator, only="problems"))["batteries"] == []


@pytest.mark.parametrize(("periods", "state"), [(4, "stale"), (21, "lost")])
async def test_a_battery_that_is_silent_is_told_by_its_age(
    platform: Platform, operator: Any, periods: int, state: str
) -> None:
    await post(operator, item())
    platform.go_to(NOVEMBER + timedelta(seconds=periods * 600))
    assert f"{periods * 600} s old" in (await problems(operator))[state]


async def test_a_register_that_fell_is_told_until_the_new_meter_is_confirmed(operator: Any) -> None:
    await post(operator, item(measured_at=at(0), energy_in_wh=5_000))
    answer = await post(operator, item(measured_at=at(1), energy_in_wh=3))
    assert answer["accepted"] == 1
    assert answer["flagged"][0]["doubts"] == ["register-fell"]
    assert "fell from 5000 Wh to 3 Wh" in (await problems(operator))["register-fell"]
    (battery,) = (await health(operator))["batteries"]
    assert (battery["state"], battery["latest"]["energy_in_wh"]) == ("suspect", 3)
    change = {"battery_id": OWN, "changed_at": at(1), "note": "The old one was struck by lightning."}
    assert (await operator.post(f"{PATH}/meter-changes", json=change)).status == 201
    assert (await post(operator, item(measured_at=at(2), energy_in_wh=10)))["flagged"] == []
    assert await problems(operator) == {}


async def test_a_problem_that_comes_again_is_one_problem_with_its_count(operator: Any) -> None:
    await post(operator, item(measured_at=at(0), energy_in_wh=5_000))
    for minute in (1, 2, 2, 3):
        await post(operator, item(measured_at=at(minute), energy_in_wh=0))
    (battery,) = (await health(operator))["batteries"]
    (problem,) = battery["problems"]
    # The reading that was sent twice counts once.
    assert (problem["times_seen"], problem["first_at"], problem["last_at"]) == (
        3,
        "2026-11-01T00:01:00.000Z",
        "2026-11-01T00:03:00.000Z",
    )


async def test_a_source_without_registers_is_told_that_it_can_not_be_metered(operator: Any) -> None:
    await post(operator, item(energy_in_wh=None, energy_out_wh=None))
    assert "can not be metered" in (await problems(operator))["no-registers"]


async def test_samples_of_an_unknown_battery_wait_until_it_is_added(platform: Platform, operator: Any) -> None:
    stranger = [item(battery_id="new-battery", measured_at=at(minute)) for minute in range(3)]
    answer = await post(operator, *stranger)
    assert [one["reason"] for one in answer["rejected"]] == ["unknown-battery"] * 3
    (kept,) = (await health(operator))["set_aside"]
    assert (kept["battery_id"], kept["reason"], kept["count"]) == ("new-battery", "unknown-battery", 3)
    assert (await operator.post(f"{PATH}/set-aside/replay", json={"battery_id": "new-battery"})).status == 404
    await platform.put_battery(replace(LISTED, battery=replace(BATTERY, battery_id="new-battery")))
    platform.clock.now += timedelta(seconds=2)
    replayed = await operator.post(f"{PATH}/set-aside/replay", json={"battery_id": "new-battery"})
    assert (await replayed.json())["accepted"] == 3
    assert (await health(operator))["set_aside"] == []


@pytest.mark.parametrize(("years", "reason"), [(2, "clock-ahead"), (-30, "clock-behind")])
async def test_a_clock_in_the_wrong_year_is_told_and_its_samples_are_put_right(
    platform: Platform, operator: Any, years: int, reason: str
) -> None:
    wrong = timedelta(days=365 * years)
    answer = await post(operator, item(measured_at=timestamp_text(NOVEMBER + wrong)), item())
    assert (answer["accepted"], answer["rejected"][0]["reason"]) == (1, reason)
    assert "clock" in answer["rejected"][0]["detail"]
    assert "years" in answer["rejected"][0]["detail"]
    # A minute off, so that it is not the reading that came with the right time.
    shift_s = -int(wrong.total_seconds()) - 60
    replay = {"battery_id": OWN, "shift_s": shift_s}
    replayed = await (await operator.post(f"{PATH}/set-aside/replay", json=replay)).json()
    assert (replayed["accepted"], replayed["rejected"]) == (1, [])
    latest = await platform.desk.meters.latest(OWN)
    assert latest is not None
    assert latest.measured_at == NOVEMBER


async def test_one_sample_may_come_by_itself(operator: Any) -> None:
    answer = await operator.post(PATH, json=item())
    assert (await answer.json())["accepted"] == 1


async def test_interval_json_is_taken_and_a_wrong_interval_told_by_its_place(platform: Platform, operator: Any) -> None:
    good = {"id": 0, "payloads": [{"type": "ENERGY_IN_REGISTER", "values": [5]}]}
    content = {
        "resources": [
            {
                "resourceName": OWN,
                "intervalPeriod": {"start": at(-10), "duration": "PT5M"},
                "intervals": [{"id": 7}, good, good | {"id": 500}],
            }
        ]
    }
    answer = await (await operator.post(PATH, json=content)).json()
    assert (answer["accepted"], [one["index"] for one in answer["rejected"]]) == (1, [0, 2])
    assert [one["reason"] for one in answer["rejected"]] == ["unreadable", "clock-ahead"]
    latest = await platform.desk.meters.latest(OWN)
    assert latest is not None
    assert (latest.energy_in_wh, latest.source) == (5_000, "intervals")


async def test_a_csv_is_taken_with_a_report_of_every_row(operator: Any) -> None:
    lines = ["measured_at,energy_in_wh,energy_out_wh", f"{at(-3)},100,0", f"{at(-2)},lots,0", f"{at(-1)},5,0"]
    answer = await operator.post(
        f"{PATH}?battery_id={OWN}", data="\n".join(lines).encode(), headers={"Content-Type": "text/csv"}
    )
    content = await answer.json()
    assert (content["accepted"], content["duplicates"]) == (2, 0)
    assert [(one["line"], one["result"]) for one in content["rows"]] == [(2, "taken"), (3, "rejected"), (4, "suspect")]
    assert "energy_in_wh" in content["rows"][1]["details"][0]


@pytest.mark.parametrize("body", [b"\xff", b"volts\n1\n"])
async def test_a_file_that_is_no_csv_is_refused_as_a_whole(operator: Any, body: bytes) -> None:
    answer = await operator.post(PATH, data=body, headers={"Content-Type": "text/csv"})
    assert answer.status == 422


async def let_in(platform: Platform, role: AccessRole, account: str) -> dict[str, str]:
    """The header of a new token with this role."""
    caller = Caller(account, role, "device-1")
    await platform.database.write(lambda tx: tokens.add(tx, "device-1", DEVICE_TOKEN, caller, WIRE, None))
    return {"Authorization": f"Bearer {DEVICE_TOKEN}"}


async def test_a_device_sends_for_its_own_battery_and_does_nothing_else(
    platform: Platform,
    stranger: TestClient,  # type: ignore[type-arg]
) -> None:
    await platform.put_battery(replace(LISTED, battery=replace(BATTERY, battery_id="neighbour")))
    headers = await let_in(platform, AccessRole.DEVICE, OWN)
    content = {"samples": [item(battery_id="neighbour"), item()]}
    answer = await (await stranger.post(PATH, json=content, headers=headers)).json()
    assert (answer["accepted"], answer["rejected"][0]["reason"]) == (1, "not-yours")
    assert OWN in answer["rejected"][0]["detail"]
    assert await platform.desk.meters.latest("neighbour") is None
    for path in (HEALTH, "/api/v1/batteries"):
        assert (await stranger.get(path, headers=headers)).status == 403


async def test_who_may_only_read_can_not_send_samples(
    platform: Platform,
    stranger: TestClient,  # type: ignore[type-arg]
) -> None:
    headers = await let_in(platform, AccessRole.VIEWER, OWN)
    assert (await stranger.post(PATH, json={"samples": [item()]}, headers=headers)).status == 403
    assert await platform.desk.meters.latest(OWN) is None


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("meter-changes", {"battery_id": "stranger", "changed_at": at(0)}, 404),
        ("meter-changes", {"battery_id": OWN, "changed_at": "soon"}, 422),
        ("meter-changes", {"battery_id": OWN, "changed_at": at(0), "note": 7}, 422),
        ("set-aside/replay", {"battery_id": OWN, "shift_s": "1"}, 422),
    ],
)
async def test_a_wrong_request_says_what_to_change(
    operator: Any, path: str, content: dict[str, Any], status: int
) -> None:
    answer = await operator.post(f"{PATH}/{path}", json=content)
    assert answer.status == status
    assert (await answer.json())["detail"].endswith((".", "fleet."))
