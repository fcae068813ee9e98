"""The producer: what it foresees and asks for, and how its trade runs through the platform's own client."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bap.client import ApiError, AsyncBapClient
from energy.intervals import Interval, is_aligned
from energy.offers import StorageUse
from simulator.fleet import CENTRE
from simulator.producer import BapClient, Billing, Producer, TradeFailed, storage_use
from simulator.weather import SolarPlant, Weather, sun_height_degrees

PLANT = SolarPlant(rated_w=250_000, load_w=60_000)
WEATHER = Weather(seed=7, place=CENTRE)
MORNING = datetime(2026, 11, 20, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
BILLING: Billing = {"name": "Kaveri Solar", "email": "accounts@kaveri.example"}
USE = StorageUse(
    300_000, Interval(MORNING + 2 * HOUR, MORNING + 6 * HOUR), Interval(MORNING + 11 * HOUR, MORNING + 15 * HOUR)
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


class Platform:
    """A BAP's API that answers as the test says and keeps what it was asked, in order."""

    def __init__(self, **changes: dict[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._changes = changes
        self.client: BapClient = AsyncBapClient("http://bap.test", "token", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        step = {"searches": "search", "contracts": "select"}.get(request.url.path.rsplit("/", 1)[1])
        step = step or request.url.path.rsplit("/", 1)[1]
        self.asked.append((step, json.loads(request.content)))
        changes = self._changes.get(step, {})
        if "status" in changes:
            return httpx.Response(changes["status"], json={"title": "No", "detail": "Not today."})
        return httpx.Response(200, json=(_search() if step == "search" else _contract(step)) | changes)


def _offer(offer_id: str, *, fits: bool = True) -> dict[str, Any]:
    return {"offer_id": offer_id, "fits": fits, "total": {"amount": "1.00", "currency": "INR"}}


def _search() -> dict[str, Any]:
    offers = [_offer("too-small", fits=False), _offer("cheapest"), _offer("dearer")]
    return {"search_id": "search-1", "error": None, "offers": offers}


def _contract(step: str) -> dict[str, Any]:
    stage = {"select": "SELECTED", "init": "INITIALISED", "confirm": "ACTIVE"}[step]
    return {"contract_id": "contract-1", "stage": stage, "pending": None, "error": None}


def producer(platform: Platform) -> Producer:
    return Producer(platform.client, PLANT, WEATHER, BILLING)


async def test_the_whole_trade_runs_from_the_search_to_the_confirmed_contract() -> None:
    platform = Platform()
    trade = await producer(platform).store(USE)
    steps, bodies = zip(*platform.asked, strict=True)
    assert steps == ("search", "select", "init", "confirm")
    assert {name: bodies[0][name] for name in ("energy_wh", "charge", "giveback", "near", "mode")} == {
        "energy_wh": 300_000,
        "charge": {"start": "2026-11-20T04:00:00Z", "end": "2026-11-20T08:00:00Z"},
        "giveback": {"start": "2026-11-20T13:00:00Z", "end": "2026-11-20T17:00:00Z"},
        "near": {"latitude": "12.971600", "longitude": "77.594600"},
        "mode": "Automatic Dispatch",
    }
    assert (bodies[1]["search_id"], bodies[1]["offer_id"]) == ("search-1", "cheapest")
    assert bodies[2]["billing"] == BILLING
    assert bodies[3]["consent"] is True
    assert (trade.use, trade.offer_count, trade.offer["offer_id"]) == (USE, 3, "cheapest")
    assert trade.contract["stage"] == "ACTIVE"


@pytest.mark.parametrize(
    ("changes", "action", "reason", "steps"),
    [
        ({"search": {"offers": []}}, "search", "none of 0 offers fits", 1),
        ({"search": {"offers": [_offer("small", fits=False)]}}, "search", "none of 1 offers fits", 1),
        ({"search": {"error": {"message": "The gateway is away."}}}, "search", "The gateway is away.", 1),
        ({"select": {"error": {"message": "All is sold."}}}, "select", "All is sold.", 2),
        ({"select": {"stage": "NEW"}}, "select", "no answer within 10 s", 2),
        ({"init": {"pending": {"action": "init"}}}, "init", "no answer within 10 s", 3),
        ({"confirm": {"stage": "INITIALISED"}}, "confirm", "no answer within 10 s", 4),
    ],
)
async def test_a_trade_that_comes_to_nothing_stops_there_and_says_why(
    changes: dict[str, Any], action: str, reason: str, steps: int
) -> None:
    platform = Platform(**changes)
    with pytest.raises(TradeFailed) as failure:
        await producer(platform).store(USE)
    assert (failure.value.action, failure.value.reason) == (action, reason)
    assert len(platform.asked) == steps


async def test_what_the_platform_itself_refuses_is_passed_on() -> None:
    with pytest.raises(ApiError, match=r"409 No: Not today\."):
        await producer(Platform(confirm={"status": 409})).store(USE)


def test_a_producer_wishes_only_for_what_begins_after_its_lead() -> None:
    shortly_before_noon = datetime(2026, 11, 20, 6, 1, tzinfo=UTC)

    def wish(lead: timedelta) -> StorageUse | None:
        return Producer(Platform().client, PLANT, WEATHER, lead=lead).wish(shortly_before_noon)

    soon, later = wish(timedelta(minutes=5)), wish(timedelta(hours=12))
    assert soon is not None
    assert later is not None
    assert soon.charge.start == datetime(2026, 11, 20, 6, 15, tzinfo=UTC)
    assert later.charge.start > datetime(2026, 11, 21, tzinfo=UTC)


def test_the_surplus_of_a_sunny_day_is_stored_at_noon_and_comes_back_in_the_evening() -> None:
    use = storage_use(PLANT, WEATHER, MORNING)
    assert use is not None
    assert 100_000 < use.energy_wh < 600_000
    middle = use.charge.start + (use.charge.end - use.charge.start) / 2
    assert abs(middle - datetime(2026, 11, 20, 6, 35, tzinfo=UTC)) < 2 * HOUR
    assert use.giveback == Interval(datetime(2026, 11, 20, 13, tzinfo=UTC), datetime(2026, 11, 20, 17, tzinfo=UTC))


@settings(max_examples=30)
@given(st.integers(0, 2**32), moments)
def test_every_wish_is_a_storage_use_that_the_forecast_bears(seed: int, earliest: datetime) -> None:
    weather = Weather(seed, CENTRE)
    use = storage_use(PLANT, weather, earliest)
    if use is None:
        return
    assert is_aligned(use.charge)
    assert is_aligned(use.giveback)
    assert earliest <= use.charge.start
    assert use.charge.end <= use.giveback.start < use.charge.end + 24 * HOUR
    assert use.energy_wh % 1_000 == 0
    assert 10_000 <= use.energy_wh <= PLANT.surplus_wh(weather, use.charge)
    assert sun_height_degrees(CENTRE, use.giveback.end) < 0


def test_a_producer_without_surplus_wishes_for_nothing() -> None:
    idle = SolarPlant(rated_w=50_000, load_w=60_000)
    assert Producer(Platform().client, idle, WEATHER).wish(MORNING) is None
